package tracker

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// routeAPI mounts the operations of openapi.yaml, under /rest/api/3 and, with plain
// text instead of documents, under /rest/api/2.
func (t *Tracker) routeAPI() {
	for _, v := range []string{"3", "2"} {
		base := "/rest/api/" + v
		on := func(method, path string, h func(*Tracker, *http.Request) (int, any, error)) {
			t.mux.Handle(method+" "+base+path, t.api(h))
		}
		on("GET", "/serverInfo", (*Tracker).serverInfo)
		on("GET", "/myself", (*Tracker).myself)
		on("GET", "/mypermissions", (*Tracker).myPermissions)
		on("GET", "/user", (*Tracker).user)
		on("GET", "/users/search", (*Tracker).searchUsers)
		on("GET", "/user/assignable/search", (*Tracker).searchUsers)
		on("GET", "/field", (*Tracker).fields)
		on("GET", "/status", (*Tracker).allStatuses)
		on("GET", "/project", (*Tracker).projects)
		on("GET", "/project/search", (*Tracker).searchProjects)
		on("GET", "/project/{project}", (*Tracker).project)
		on("GET", "/project/{project}/statuses", (*Tracker).projectStatuses)
		on("GET", "/search", (*Tracker).search)
		on("POST", "/search", (*Tracker).search)
		on("GET", "/search/jql", (*Tracker).search)
		on("POST", "/search/jql", (*Tracker).search)
		on("POST", "/issue", (*Tracker).createIssue)
		on("GET", "/issue/{issue}", (*Tracker).getIssue)
		on("PUT", "/issue/{issue}", (*Tracker).editIssue)
		on("DELETE", "/issue/{issue}", (*Tracker).deleteIssue)
		on("GET", "/issue/{issue}/transitions", (*Tracker).transitions)
		on("POST", "/issue/{issue}/transitions", (*Tracker).transition)
		on("GET", "/issue/{issue}/changelog", (*Tracker).changelog)
		on("GET", "/issue/{issue}/comment", (*Tracker).comments)
		on("POST", "/issue/{issue}/comment", (*Tracker).addComment)
		on("GET", "/issue/{issue}/comment/{comment}", (*Tracker).getComment)
		on("PUT", "/issue/{issue}/comment/{comment}", (*Tracker).editComment)
		on("DELETE", "/issue/{issue}/comment/{comment}", (*Tracker).deleteComment)
		on("GET", "/issue/{issue}/properties", (*Tracker).propertyKeys)
		on("GET", "/issue/{issue}/properties/{property}", (*Tracker).getProperty)
		on("PUT", "/issue/{issue}/properties/{property}", (*Tracker).setProperty)
		on("DELETE", "/issue/{issue}/properties/{property}", (*Tracker).deleteProperty)
	}
	t.mux.HandleFunc("GET /openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(OpenAPI)
	})
}

// errForbidden is a user's missing right.
const errForbidden refusal = "You do not have permission to do this."

// api signs the caller in and turns a handler's outcome into Jira's answer shapes.
func (t *Tracker) api(h func(*Tracker, *http.Request) (int, any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok := t.sessions.who(r)
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="tracker"`)
			writeAPI(w, http.StatusUnauthorized, apiError("Client must be authenticated to access this resource."))
			return
		}
		// A page elsewhere can make a signed-in browser send a request, but not this header.
		if _, _, basic := r.BasicAuth(); !basic && r.Method != http.MethodGet && r.Header.Get("Sec-Fetch-Site") != "same-origin" {
			writeAPI(w, http.StatusForbidden, apiError("A change with a session must come from Tracker's own pages."))
			return
		}
		code, body, err := h(t, r.WithContext(withUser(r.Context(), u)))
		var tooLarge *http.MaxBytesError
		switch {
		case err == nil:
			writeAPI(w, code, body)
		case errors.Is(err, errNotFound):
			writeAPI(w, http.StatusNotFound, apiError(err.Error()))
		case errors.Is(err, errForbidden):
			writeAPI(w, http.StatusForbidden, apiError(err.Error()))
		case errors.As(err, &tooLarge):
			writeAPI(w, http.StatusRequestEntityTooLarge, apiError("The request is too large."))
		case errors.Is(err, errInput):
			writeAPI(w, http.StatusBadRequest, apiError(strings.TrimPrefix(err.Error(), errInput.Error()+": ")))
		default:
			t.cfg.Log.Error("api", "path", r.URL.Path, "err", err)
			writeAPI(w, http.StatusInternalServerError, apiError("Internal error."))
		}
	})
}

func apiError(messages ...string) any {
	return map[string]any{"errorMessages": messages, "errors": map[string]string{}}
}

func writeAPI(w http.ResponseWriter, code int, body any) {
	if body == nil {
		w.WriteHeader(code)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

func rich(r *http.Request, text string) any {
	if strings.HasPrefix(r.URL.Path, "/rest/api/2/") {
		return text
	}
	return toADF(text)
}

func (t *Tracker) link(path string) string { return strings.TrimRight(t.cfg.URL, "/") + path }

func jiraTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000-0700") }

func (t *Tracker) userView(id string) any {
	u, ok := t.sessions.user(id)
	if !ok {
		return nil
	}
	return map[string]any{
		"self": t.link("/rest/api/3/user?accountId=" + url.QueryEscape(u.ID)), "accountId": u.ID, "accountType": "atlassian",
		"displayName": u.Name, "emailAddress": u.Email, "active": true, "timeZone": u.TimeZone, "locale": "en_US",
	}
}

func (t *Tracker) statusView(s status) any {
	return map[string]any{
		"id": s.ID, "name": s.Name, "self": t.link("/rest/api/3/status/" + s.ID),
		"statusCategory": map[string]any{"key": s.Category, "name": s.Name},
	}
}

func (t *Tracker) projectView(p *Project) map[string]any {
	return map[string]any{
		"id": p.ID, "key": p.Key, "name": p.Name, "projectTypeKey": "software", "style": "classic", "simplified": false,
		"self": t.link("/rest/api/3/project/" + p.ID), "lead": t.userView(p.Lead),
	}
}

func (t *Tracker) commentView(r *http.Request, i *Issue, c Comment) any {
	return map[string]any{
		"id": c.ID, "self": t.link("/rest/api/3/issue/" + i.ID + "/comment/" + c.ID), "author": t.userView(c.Author),
		"updateAuthor": t.userView(c.Author), "body": rich(r, c.Body), "created": jiraTime(c.Created), "updated": jiraTime(c.Updated),
	}
}

// issueView is an issue as Jira shows it; want limits the fields, none is all.
func (t *Tracker) issueView(r *http.Request, i *Issue, want []string) any {
	var project map[string]any
	t.store.read(func(d *data) {
		for _, p := range d.Projects {
			if p.Key == i.Project {
				project = t.projectView(p)
			}
		}
	})
	comments := []any{}
	for _, c := range i.Comments {
		comments = append(comments, t.commentView(r, i, c))
	}
	fields := map[string]any{
		"summary": i.Summary, "description": rich(r, i.Description), "project": project, "labels": i.Labels,
		"issuetype": map[string]any{"id": typeID(i.Type), "name": i.Type, "subtask": false},
		"priority":  map[string]any{"id": priorityID(i.Priority), "name": i.Priority},
		"status":    t.statusView(statusByName(i.Status)),
		"assignee":  t.userView(i.Assignee), "reporter": t.userView(i.Reporter), "creator": t.userView(i.Reporter),
		"created": jiraTime(i.Created), "updated": jiraTime(i.Updated),
		"comment": map[string]any{"comments": comments, "total": len(comments), "maxResults": len(comments), "startAt": 0},
	}
	if len(want) > 0 && want[0] != "*all" && want[0] != "*navigable" {
		some := map[string]any{}
		for _, f := range want {
			if v, ok := fields[strings.TrimSpace(f)]; ok {
				some[strings.TrimSpace(f)] = v
			}
		}
		fields = some
	}
	return map[string]any{"id": i.ID, "key": i.Key, "self": t.link("/rest/api/3/issue/" + i.ID), "fields": fields}
}

func typeID(name string) string {
	for _, x := range issueTypes {
		if x.Name == name {
			return x.ID
		}
	}
	return issueTypes[0].ID
}

func priorityID(name string) string {
	for _, x := range priorities {
		if x.Name == name {
			return x.ID
		}
	}
	return "3"
}

func page(r *http.Request, most int) (start, limit int) {
	start, _ = strconv.Atoi(r.URL.Query().Get("startAt"))
	limit, err := strconv.Atoi(r.URL.Query().Get("maxResults"))
	if err != nil || limit < 0 || limit > most {
		limit = most
	}
	return max(start, 0), limit
}

func cut[T any](all []T, start, limit int) []T {
	start = min(start, len(all))
	return all[start:min(start+limit, len(all))]
}

func decodeBody(r *http.Request, into any) error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return err
		}
		return errors.Join(errInput, errors.New("the body is not valid JSON"))
	}
	return nil
}
