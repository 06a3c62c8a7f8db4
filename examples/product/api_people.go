package tracker

import (
	"net/http"
	"regexp"
	"strings"
)

func (t *Tracker) serverInfo(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]any{
		"baseUrl": t.cfg.URL, "version": "1001.0.0", "deploymentType": "Cloud", "serverTitle": "Tracker",
		"serverTime": jiraTime(t.cfg.Now()),
	}, nil
}

func (t *Tracker) myself(r *http.Request) (int, any, error) {
	return http.StatusOK, t.userView(r, userOf(r).ID), nil
}

func (t *Tracker) user(r *http.Request) (int, any, error) {
	v := t.userView(r, r.URL.Query().Get("accountId"))
	if v == nil {
		return 0, nil, errNotFound
	}
	return http.StatusOK, v, nil
}

func (t *Tracker) searchUsers(r *http.Request) (int, any, error) {
	q := strings.ToLower(r.URL.Query().Get("query"))
	found := []any{}
	for _, u := range t.cfg.Users {
		if strings.Contains(strings.ToLower(u.Name+" "+u.Email), q) {
			found = append(found, t.userView(r, u.ID))
		}
	}
	start, limit := page(r, 50)
	return http.StatusOK, cut(found, start, limit), nil
}

// permitted: everybody may read and write issues; only an admin deletes and administers.
func permitted(u User, permission string) bool {
	switch permission {
	case "BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "ADD_COMMENTS", "TRANSITION_ISSUES", "ASSIGN_ISSUES":
		return true
	}
	return u.Admin
}

func (t *Tracker) myPermissions(r *http.Request) (int, any, error) {
	u := userOf(r)
	out := map[string]any{}
	for _, key := range strings.Split(r.URL.Query().Get("permissions"), ",") {
		if key = strings.TrimSpace(key); key == "" {
			continue
		}
		out[key] = map[string]any{"id": key, "key": key, "name": key, "type": "PROJECT", "havePermission": permitted(u, key)}
	}
	return http.StatusOK, map[string]any{"permissions": out}, nil
}

func (t *Tracker) fields(*http.Request) (int, any, error) {
	out := []any{}
	for _, f := range []struct{ id, name, kind string }{
		{"summary", "Summary", "string"}, {"description", "Description", "string"}, {"status", "Status", "status"},
		{"assignee", "Assignee", "user"}, {"reporter", "Reporter", "user"}, {"priority", "Priority", "priority"},
		{"labels", "Labels", "array"}, {"issuetype", "Issue Type", "issuetype"}, {"project", "Project", "project"},
		{"created", "Created", "datetime"}, {"updated", "Updated", "datetime"}, {"comment", "Comment", "comments-page"},
	} {
		out = append(out, map[string]any{
			"id": f.id, "key": f.id, "name": f.name, "custom": false, "navigable": true, "searchable": true,
			"schema": map[string]any{"type": f.kind, "system": f.id},
		})
	}
	return http.StatusOK, out, nil
}

func (t *Tracker) allStatuses(*http.Request) (int, any, error) {
	out := []any{}
	for _, s := range statuses {
		out = append(out, t.statusView(s))
	}
	return http.StatusOK, out, nil
}

func (t *Tracker) oneStatus(r *http.Request) (int, any, error) {
	ref := r.PathValue("status")
	for _, s := range statuses {
		if s.ID == ref || strings.EqualFold(s.Name, ref) {
			return http.StatusOK, t.statusView(s), nil
		}
	}
	return 0, nil, errNotFound
}

func (t *Tracker) priorities(*http.Request) (int, any, error) {
	out := []any{}
	for _, p := range priorities {
		out = append(out, map[string]any{"id": p.ID, "name": p.Name, "self": t.link("/rest/api/3/priority/" + p.ID)})
	}
	return http.StatusOK, out, nil
}

func (t *Tracker) issueTypes(*http.Request) (int, any, error) {
	return http.StatusOK, issueTypeViews(), nil
}

func issueTypeViews() []any {
	out := []any{}
	for _, x := range issueTypes {
		out = append(out, map[string]any{"id": x.ID, "name": x.Name, "subtask": false})
	}
	return out
}

func (t *Tracker) allProjects(r *http.Request) []any {
	out := []any{}
	t.store.read(func(d *data) {
		for _, p := range d.visible(userOf(r)) {
			out = append(out, t.projectView(r, p))
		}
	})
	return out
}

func (t *Tracker) projects(r *http.Request) (int, any, error) {
	return http.StatusOK, t.allProjects(r), nil
}

func (t *Tracker) searchProjects(r *http.Request) (int, any, error) {
	all := t.allProjects(r)
	start, limit := page(r, 50)
	got := cut(all, start, limit)
	return http.StatusOK, map[string]any{
		"values": got, "total": len(all), "startAt": start, "maxResults": limit, "isLast": start+len(got) >= len(all),
	}, nil
}

func (t *Tracker) findProject(r *http.Request) (view any, err error) {
	err = errNotFound
	t.store.read(func(d *data) {
		p := d.project(r.PathValue("project"), userOf(r))
		if p == nil {
			return
		}
		v := t.projectView(r, p)
		v["issueTypes"] = issueTypeViews()
		view, err = v, nil
	})
	return view, err
}

func (t *Tracker) project(r *http.Request) (int, any, error) {
	v, err := t.findProject(r)
	return http.StatusOK, v, err
}

func (t *Tracker) projectStatuses(r *http.Request) (int, any, error) {
	if _, err := t.findProject(r); err != nil {
		return 0, nil, err
	}
	_, all, _ := t.allStatuses(r)
	out := []any{}
	for _, x := range issueTypes {
		out = append(out, map[string]any{"id": x.ID, "name": x.Name, "subtask": false, "statuses": all})
	}
	return http.StatusOK, out, nil
}

var projectKeyForm = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,9}$`)

func (t *Tracker) createProject(r *http.Request) (int, any, error) {
	var body struct {
		Key     string `json:"key"`
		Name    string `json:"name"`
		Private bool   `json:"isPrivate"`
	}
	if err := decodeBody(r, &body); err != nil {
		return 0, nil, err
	}
	if !userOf(r).Admin {
		return 0, nil, errForbidden
	}
	name := strings.TrimSpace(body.Name)
	if !projectKeyForm.MatchString(body.Key) || name == "" || len(name) > 80 {
		return 0, nil, badInput("key: 2 to 10 capitals and digits; name: 1 to 80 characters")
	}
	p, err := t.store.addProject(Project{Key: body.Key, Name: name, Private: body.Private}, callerOf(r))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, map[string]any{"id": p.ID, "key": p.Key, "self": t.link("/rest/api/3/project/" + p.ID)}, nil
}
