package tracker

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// fieldsInput are the fields that a caller may set.
type fieldsInput struct {
	Summary     *string                    `json:"summary"`
	Description json.RawMessage            `json:"description"`
	Project     *struct{ ID, Key string }  `json:"project"`
	IssueType   *struct{ ID, Name string } `json:"issuetype"`
	Priority    *struct{ ID, Name string } `json:"priority"`
	Labels      *[]string                  `json:"labels"`
	Assignee    *struct {
		AccountID *string `json:"accountId"`
		ID        *string `json:"id"`
	} `json:"assignee"`
}

// apply sets the given fields and notes the changes.
func (t *Tracker) apply(i *Issue, f fieldsInput, by caller) error {
	if f.Summary != nil {
		s := strings.TrimSpace(*f.Summary)
		if s == "" || len(s) > 255 {
			return badInput("summary: between 1 and 255 characters")
		}
		t.store.changed(i, by, "summary", i.Summary, s)
		i.Summary = s
	}
	if f.Description != nil {
		text, err := fromRich(f.Description)
		if err != nil {
			return err
		}
		t.store.changed(i, by, "description", i.Description, text)
		i.Description = text
	}
	if f.IssueType != nil {
		name := ""
		for _, x := range issueTypes {
			if x.ID == f.IssueType.ID || x.Name == f.IssueType.Name {
				name = x.Name
			}
		}
		if name == "" {
			return badInput("issuetype: unknown")
		}
		t.store.changed(i, by, "issuetype", i.Type, name)
		i.Type = name
	}
	if f.Priority != nil {
		name := ""
		for _, x := range priorities {
			if x.ID == f.Priority.ID || x.Name == f.Priority.Name {
				name = x.Name
			}
		}
		if name == "" {
			return badInput("priority: unknown")
		}
		t.store.changed(i, by, "priority", i.Priority, name)
		i.Priority = name
	}
	if f.Labels != nil {
		for _, l := range *f.Labels {
			if l == "" || strings.ContainsAny(l, " \t\n") {
				return badInput("labels: a label has no spaces")
			}
		}
		t.store.changed(i, by, "labels", strings.Join(i.Labels, " "), strings.Join(*f.Labels, " "))
		i.Labels = slices.Clone(*f.Labels)
	}
	if f.Assignee != nil {
		id := ""
		for _, p := range []*string{f.Assignee.AccountID, f.Assignee.ID} {
			if p != nil {
				id = *p
			}
		}
		if _, ok := t.sessions.user(id); id != "" && !ok {
			return badInput("assignee: no such user")
		}
		t.store.changed(i, by, "assignee", i.Assignee, id)
		i.Assignee = id
	}
	return nil
}

func (t *Tracker) search(r *http.Request) (int, any, error) {
	jql, fields := r.URL.Query().Get("jql"), []string(nil)
	if f := r.URL.Query().Get("fields"); f != "" {
		fields = strings.Split(f, ",")
	}
	start, limit := page(r, 100)
	if r.Method == http.MethodPost {
		var body struct {
			JQL           string   `json:"jql"`
			Fields        []string `json:"fields"`
			StartAt       int      `json:"startAt"`
			MaxResults    *int     `json:"maxResults"`
			NextPageToken string   `json:"nextPageToken"`
		}
		if err := decodeBody(r, &body); err != nil {
			return 0, nil, err
		}
		jql, fields, start = body.JQL, body.Fields, max(body.StartAt, 0)
		if body.MaxResults != nil && *body.MaxResults >= 0 && *body.MaxResults < limit {
			limit = *body.MaxResults
		}
		if body.NextPageToken != "" {
			start, _ = strconv.Atoi(body.NextPageToken)
		}
	} else if token := r.URL.Query().Get("nextPageToken"); token != "" {
		start, _ = strconv.Atoi(token)
	}
	q, err := parseJQL(jql, userOf(r).ID)
	if err != nil {
		return 0, nil, err
	}
	var found []Issue
	t.store.read(func(d *data) {
		for _, i := range d.Issues {
			if q.match(i) && d.shown(i, userOf(r)) {
				found = append(found, clone(i))
			}
		}
	})
	q.sort(found)
	got := cut(found, max(start, 0), limit)
	views := []any{}
	for n := range got {
		views = append(views, t.issueView(r, &got[n], fields))
	}
	last := start+len(got) >= len(found)
	out := map[string]any{"issues": views, "isLast": last}
	if strings.HasSuffix(r.URL.Path, "/jql") {
		if !last {
			out["nextPageToken"] = strconv.Itoa(start + len(got))
		}
	} else {
		out["total"], out["startAt"], out["maxResults"] = len(found), start, limit
	}
	return http.StatusOK, out, nil
}

func (t *Tracker) createIssue(r *http.Request) (int, any, error) {
	var body struct {
		Fields fieldsInput `json:"fields"`
	}
	if err := decodeBody(r, &body); err != nil {
		return 0, nil, err
	}
	if body.Fields.Project == nil || body.Fields.Summary == nil {
		return 0, nil, badInput("fields.project and fields.summary are required")
	}
	project := body.Fields.Project.Key
	if project == "" {
		project = body.Fields.Project.ID
	}
	by := callerOf(r)
	i, err := t.store.create(project, by, func(i *Issue) error {
		err := t.apply(i, body.Fields, by)
		i.Changes = nil // a new issue has no history
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, map[string]any{"id": i.ID, "key": i.Key, "self": t.link("/rest/api/3/issue/" + i.ID)}, nil
}

func (t *Tracker) getIssue(r *http.Request) (int, any, error) {
	i, err := t.store.issue(r.PathValue("issue"), userOf(r))
	if err != nil {
		return 0, nil, err
	}
	var fields []string
	if f := r.URL.Query().Get("fields"); f != "" {
		fields = strings.Split(f, ",")
	}
	return http.StatusOK, t.issueView(r, &i, fields), nil
}

func (t *Tracker) editIssue(r *http.Request) (int, any, error) {
	var body struct {
		Fields fieldsInput `json:"fields"`
	}
	if err := decodeBody(r, &body); err != nil {
		return 0, nil, err
	}
	_, err := t.store.update(r.PathValue("issue"), callerOf(r), "issue.edit", func(i *Issue) error { return t.apply(i, body.Fields, callerOf(r)) })
	return http.StatusNoContent, nil, err
}

func (t *Tracker) deleteIssue(r *http.Request) (int, any, error) {
	if !userOf(r).Admin {
		return 0, nil, errForbidden
	}
	return http.StatusNoContent, nil, t.store.remove(r.PathValue("issue"), callerOf(r))
}

func (t *Tracker) transitions(r *http.Request) (int, any, error) {
	if _, err := t.store.issue(r.PathValue("issue"), userOf(r)); err != nil {
		return 0, nil, err
	}
	out := []any{}
	for _, s := range statuses {
		out = append(out, map[string]any{
			"id": s.ID, "name": s.Name, "to": t.statusView(s), "isAvailable": true, "hasScreen": false, "isGlobal": true,
		})
	}
	return http.StatusOK, map[string]any{"transitions": out}, nil
}

func (t *Tracker) transition(r *http.Request) (int, any, error) {
	var body struct {
		Transition struct {
			ID json.RawMessage `json:"id"` // "3" or 3
		} `json:"transition"`
	}
	if err := decodeBody(r, &body); err != nil {
		return 0, nil, err
	}
	to, ok := statusByID(strings.Trim(string(body.Transition.ID), `"`))
	if !ok {
		return 0, nil, badInput("transition.id: unknown")
	}
	_, err := t.store.update(r.PathValue("issue"), callerOf(r), "issue.transition", func(i *Issue) error {
		t.store.changed(i, callerOf(r), "status", i.Status, to.Name)
		i.Status = to.Name
		return nil
	})
	return http.StatusNoContent, nil, err
}

func (t *Tracker) changelog(r *http.Request) (int, any, error) {
	i, err := t.store.issue(r.PathValue("issue"), userOf(r))
	if err != nil {
		return 0, nil, err
	}
	out := []any{}
	for _, c := range i.Changes {
		out = append(out, t.via(r, map[string]any{
			"id": c.ID, "author": t.userView(r, c.Author), "created": jiraTime(c.At),
			"items": []any{map[string]any{"field": c.Field, "fieldId": c.Field, "fieldtype": "jira", "fromString": c.From, "toString": c.To}},
		}, c.Via))
	}
	start, limit := page(r, 100)
	got := cut(out, start, limit)
	return http.StatusOK, map[string]any{
		"values": got, "total": len(out), "startAt": start, "maxResults": limit, "isLast": start+len(got) >= len(out),
	}, nil
}
