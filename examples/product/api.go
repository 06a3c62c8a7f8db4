package tracker

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/productkit"
)

// Scopes of Annex's access tokens, as openapi.yaml has them for each operation.
const (
	readWork  = "read:jira-work"
	writeWork = "write:jira-work"
	readUsers = "read:jira-user"
)

// routeAPI mounts the operations of openapi.yaml, each with the scope that an app needs,
// under /rest/api/3 and, with plain text instead of documents, under /rest/api/2.
func (t *Tracker) routeAPI() {
	for _, v := range []string{"3", "2"} {
		base := "/rest/api/" + v
		on := func(method, path, scope string, h func(*Tracker, *http.Request) (int, any, error)) {
			t.mux.Handle(method+" "+base+path, t.api(strings.Fields(scope), h))
		}
		on("GET", "/serverInfo", "", (*Tracker).serverInfo)
		on("GET", "/myself", readUsers, (*Tracker).myself)
		on("GET", "/mypermissions", readWork, (*Tracker).myPermissions)
		on("POST", "/permissions/check", readWork+" read:permission:jira", (*Tracker).checkPermissions)
		on("GET", "/user", readUsers, (*Tracker).user)
		on("GET", "/users/search", readUsers, (*Tracker).searchUsers)
		on("GET", "/user/assignable/search", readUsers, (*Tracker).searchUsers)
		on("GET", "/field", readWork, (*Tracker).fields)
		on("GET", "/status", readWork, (*Tracker).allStatuses)
		on("GET", "/status/{status}", readWork, (*Tracker).oneStatus)
		on("GET", "/priority", readWork, (*Tracker).priorities)
		on("GET", "/issuetype", readWork, (*Tracker).issueTypes)
		on("GET", "/project", readWork, (*Tracker).projects)
		on("GET", "/project/search", readWork, (*Tracker).searchProjects)
		on("POST", "/project", "manage:jira-project", (*Tracker).createProject)
		on("GET", "/auditing/record", "manage:jira-configuration", (*Tracker).records)
		on("GET", "/project/{project}", readWork, (*Tracker).project)
		on("GET", "/project/{project}/statuses", readWork, (*Tracker).projectStatuses)
		on("GET", "/search", readWork, (*Tracker).search)
		on("POST", "/search", readWork, (*Tracker).search)
		on("GET", "/search/jql", readWork, (*Tracker).search)
		on("POST", "/search/jql", readWork, (*Tracker).search)
		on("POST", "/issue", writeWork, (*Tracker).createIssue)
		on("GET", "/issue/{issue}", readWork, (*Tracker).getIssue)
		on("PUT", "/issue/{issue}", writeWork, (*Tracker).editIssue)
		on("DELETE", "/issue/{issue}", writeWork, (*Tracker).deleteIssue)
		on("GET", "/issue/{issue}/transitions", readWork, (*Tracker).transitions)
		on("POST", "/issue/{issue}/transitions", writeWork, (*Tracker).transition)
		on("GET", "/issue/{issue}/changelog", readWork, (*Tracker).changelog)
		on("GET", "/issue/{issue}/comment", readWork, (*Tracker).comments)
		on("POST", "/issue/{issue}/comment", writeWork, (*Tracker).addComment)
		on("GET", "/issue/{issue}/comment/{comment}", readWork, (*Tracker).getComment)
		on("PUT", "/issue/{issue}/comment/{comment}", writeWork, (*Tracker).editComment)
		on("DELETE", "/issue/{issue}/comment/{comment}", writeWork, (*Tracker).deleteComment)
		on("GET", "/issue/{issue}/properties", readWork, (*Tracker).propertyKeys)
		on("GET", "/issue/{issue}/properties/{property}", readWork, (*Tracker).getProperty)
		on("PUT", "/issue/{issue}/properties/{property}", writeWork, (*Tracker).setProperty)
		on("DELETE", "/issue/{issue}/properties/{property}", writeWork, (*Tracker).deleteProperty)
	}
	t.mux.Handle("GET /.well-known/annex-keys.json", productkit.KeysHandler(t.key))
	t.mux.HandleFunc("GET /openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(OpenAPI)
	})
}

// errForbidden is a user's missing right.
const errForbidden refusal = "You do not have permission to do this."

// api finds the caller, demands one of the operation's scopes of an app, and turns a handler's
// outcome into Jira's answer shapes.
func (t *Tracker) api(scopes []string, h func(*Tracker, *http.Request) (int, any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := t.asker(r)
		switch {
		case errors.Is(err, errStranger):
			w.Header().Set("WWW-Authenticate", `Basic realm="tracker"`)
			writeAPI(w, http.StatusUnauthorized, apiError(err.Error()))
			return
		case err != nil:
			productkit.Refuse(w, err)
			return
		case len(scopes) > 0 && !slices.ContainsFunc(scopes, c.may):
			w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+scopes[0]+`"`)
			writeAPI(w, http.StatusForbidden, apiError("The app's token lacks the scope "+scopes[0]+"."))
			return
		}
		// A page elsewhere can make a signed-in browser send a request, but not this header.
		if r.Header.Get("Authorization") == "" && r.Method != http.MethodGet && r.Header.Get("Sec-Fetch-Site") != "same-origin" {
			writeAPI(w, http.StatusForbidden, apiError("A change with a session must come from Tracker's own pages."))
			return
		}
		code, body, err := h(t, r.WithContext(withCaller(r.Context(), c)))
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

// userView is a user, or an app's account, as the caller of r may see it.
func (t *Tracker) userView(r *http.Request, id string) any {
	if installation, ok := strings.CutPrefix(id, appPrefix); ok {
		return map[string]any{"accountId": id, "accountType": "app", "displayName": t.appName(r, installation), "active": true, "timeZone": "UTC", "locale": "en_US"}
	}
	u, ok := t.sessions.user(id)
	if !ok {
		return nil
	}
	view := map[string]any{
		"self": t.link("/rest/api/3/user?accountId=" + url.QueryEscape(u.ID)), "accountId": u.ID, "accountType": "atlassian",
		"displayName": u.Name, "active": true, "timeZone": u.TimeZone, "locale": "en_US", "avatarUrls": t.avatars(u.ID),
	}
	if callerOf(r).may(readUsers) {
		view["emailAddress"] = u.Email
	}
	return view
}

func (t *Tracker) appName(r *http.Request, installation string) string {
	if name, ok := t.store.names.Load(installation); ok {
		return name.(string)
	}
	if c := callerOf(r); c.via() == installation {
		return c.app.name
	}
	return "An app"
}

// via names the app by which something was done, for views; nothing for a person.
func (t *Tracker) via(r *http.Request, view map[string]any, installation string) map[string]any {
	if installation != "" {
		view["via"] = map[string]any{"accountId": appPrefix + installation, "accountType": "app", "displayName": t.appName(r, installation)}
	}
	return view
}

func (t *Tracker) statusView(s status) any {
	return map[string]any{
		"id": s.ID, "name": s.Name, "self": t.link("/rest/api/3/status/" + s.ID),
		"statusCategory": map[string]any{"key": s.Category, "name": s.Name},
	}
}

func (t *Tracker) projectView(r *http.Request, p *Project) map[string]any {
	return map[string]any{
		"id": p.ID, "key": p.Key, "name": p.Name, "projectTypeKey": "software", "style": "classic", "simplified": false, "isPrivate": p.Private,
		"self": t.link("/rest/api/3/project/" + p.ID), "lead": t.userView(r, p.Lead), "avatarUrls": t.avatars(p.Key),
	}
}

func (t *Tracker) commentView(r *http.Request, i *Issue, c Comment) any {
	return t.via(r, map[string]any{
		"id": c.ID, "self": t.link("/rest/api/3/issue/" + i.ID + "/comment/" + c.ID), "author": t.userView(r, c.Author),
		"updateAuthor": t.userView(r, c.Author), "body": rich(r, c.Body), "created": jiraTime(c.Created), "updated": jiraTime(c.Updated),
	}, c.Via)
}

// issueView is an issue as Jira shows it; want limits the fields, none is all.
func (t *Tracker) issueView(r *http.Request, i *Issue, want []string) any {
	var project map[string]any
	t.store.read(func(d *data) {
		for _, p := range d.Projects {
			if p.Key == i.Project {
				project = t.projectView(r, p)
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
		"assignee":  t.userView(r, i.Assignee), "reporter": t.userView(r, i.Reporter), "creator": t.userView(r, i.Reporter),
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
	return t.via(r, map[string]any{"id": i.ID, "key": i.Key, "self": t.link("/rest/api/3/issue/" + i.ID), "fields": fields}, i.Via)
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
