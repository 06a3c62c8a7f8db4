package tracker

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/annexhq/annex/productkit"
)

// Places of Tracker's pages where apps appear, by the names that product.yaml gives them.
const (
	issuePanels   = "tracker:issuePanel"
	issueActions  = "tracker:issueAction"
	issueFields   = "tracker:customField"
	contentBlocks = "tracker:contentBlock"
	gadgets       = "tracker:dashboardGadget"
	projectPages  = "tracker:projectPage"
	globalPages   = "tracker:globalPage"
	adminPages    = "tracker:adminPage"
)

// ofIssue says which places stand around an issue, ofProject which around a project.
var (
	ofIssue   = map[string]bool{issuePanels: true, issueActions: true, issueFields: true, contentBlocks: true}
	ofProject = map[string]bool{projectPages: true, gadgets: true}
	anywhere  = map[string]bool{globalPages: true, gadgets: true, adminPages: true}
)

func (t *Tracker) routeApps() {
	t.mux.Handle("GET /dashboard", t.signedIn(t.dashboard))
	t.mux.Handle("GET /projects/{project}/apps", t.signedIn(t.projectApps))
	t.mux.Handle("GET /apps", t.signedIn(func(w http.ResponseWriter, r *http.Request) {
		t.render(w, r, http.StatusOK, "apps.html", view{Title: "Apps", Place: globalPages})
	}))
	t.mux.Handle("GET /admin/apps", t.signedIn(func(w http.ResponseWriter, r *http.Request) {
		if !userOf(r).Admin {
			t.missing(w, r)
			return
		}
		t.render(w, r, http.StatusOK, "apps.html", view{Title: "Apps for admins", Place: adminPages})
	}))
	t.mux.Handle("GET /annex/token", t.signedIn(t.panelToken))
}

// place is where a panel stands, as the page asks for another token of it.
type place struct{ Module, Issue, Project string }

// panel is the token of one place in a page, for the user who asked for the page: the page
// itself could say anything. It is "" where no Annex is connected.
func (t *Tracker) panel(r *http.Request, at place) (string, error) {
	a := t.annex.Load()
	if a == nil {
		return "", nil
	}
	extension := map[string]any{}
	u := userOf(r)
	var project *Project
	switch {
	case at.Issue != "" && ofIssue[at.Module]:
		i, err := t.store.issue(at.Issue, u)
		if err != nil {
			return "", err
		}
		extension["issue"] = map[string]any{"id": i.ID, "key": i.Key, "type": i.Type}
		project = t.projectFor(i.Project, u)
	case at.Project != "" && ofProject[at.Module]:
		project = t.projectFor(at.Project, u)
		if project == nil {
			return "", errNotFound
		}
	case !anywhere[at.Module], at.Module == adminPages && !u.Admin:
		return "", errNotFound
	}
	if project != nil {
		extension["project"] = map[string]any{"id": project.ID, "key": project.Key, "name": project.Name, "type": "software"}
	}
	since, _ := t.sessions.since(r)
	return productkit.SignPanel(t.key, productkit.Panel{User: a.says(u, since), Module: at.Module, Extension: extension})
}

func (t *Tracker) projectFor(key string, u User) (found *Project) {
	t.store.read(func(d *data) {
		if p := d.project(key, u); p != nil {
			shown := *p
			found = &shown
		}
	})
	return found
}

// panelToken gives a page that was open for a while another token for the same place.
func (t *Tracker) panelToken(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	token, err := t.panel(r, place{q.Get("module"), q.Get("issue"), q.Get("project")})
	if err != nil || token == "" {
		http.Error(w, "There is no such place.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]string{"token": token})
}

func (t *Tracker) dashboard(w http.ResponseWriter, r *http.Request) {
	v := view{Title: "Dashboard"}
	u := userOf(r)
	t.store.read(func(d *data) {
		v.Project = d.project(cmp.Or(r.URL.Query().Get("project"), d.Projects[0].Key), u)
		for _, i := range d.Issues {
			if i.Assignee == u.ID && i.Status != "Done" && d.project(i.Project, u) != nil {
				v.Mine = append(v.Mine, clone(i))
			}
		}
		if v.Project != nil {
			shown := *v.Project
			v.Project = &shown
		}
	})
	if v.Project == nil {
		t.missing(w, r)
		return
	}
	t.render(w, r, http.StatusOK, "dashboard.html", v)
}

func (t *Tracker) projectApps(w http.ResponseWriter, r *http.Request) {
	p := t.projectFor(r.PathValue("project"), userOf(r))
	if p == nil {
		t.missing(w, r)
		return
	}
	t.render(w, r, http.StatusOK, "apps.html", view{Title: p.Name, Project: p, Place: projectPages})
}

// blocks takes a description apart where it asks for an app's content.
func blocks(text string) []string { return strings.Split(text, "[[app]]") }
