package tracker

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"
)

//go:embed pages
var pagesFS embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"initials": func(name string) string {
		out := ""
		for _, w := range strings.Fields(name) {
			out += w[:1]
		}
		return strings.ToUpper(out)
	},
	"when":   func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04") + " UTC" },
	"lower":  strings.ToLower,
	"blocks": blocks,
	"slug":   func(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "-") },
}).ParseFS(pagesFS, "pages/*.html"))

func (t *Tracker) routePages() {
	static, err := fs.Sub(pagesFS, "pages/static")
	if err != nil { // the folder is embedded
		panic(err)
	}
	t.mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	t.mux.HandleFunc("GET /avatar/{user}", t.avatar)
	t.mux.HandleFunc("GET /login", t.loginPage)
	// Another site's page signs nobody in here, as somebody else, nor out.
	protect := http.NewCrossOriginProtection()
	t.mux.Handle("POST /login", protect.Handler(http.HandlerFunc(t.login)))
	t.mux.Handle("POST /logout", protect.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.annexSignOut(r)
		t.sessions.end(w, r)
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	})))
	t.mux.Handle("GET /annex/sign-in", t.firstBrowser(t.signedIn(t.annexSignIn)))
	t.routeApps()
	t.mux.Handle("GET /{$}", t.signedIn(t.board))
	t.mux.Handle("GET /issues", t.signedIn(t.issueList))
	t.mux.Handle("POST /theme", t.signedIn(t.chooseTheme))
	t.mux.Handle("GET /records", t.signedIn(t.recordsPage))
	t.mux.Handle("GET /browse/{issue}", t.signedIn(t.issuePage))
	t.mux.Handle("POST /issues", t.signedIn(t.newIssue))
	t.mux.Handle("POST /browse/{issue}/comment", t.signedIn(t.newComment))
	t.mux.Handle("POST /browse/{issue}/status", t.signedIn(t.move))
	t.mux.Handle("/", t.signedIn(func(w http.ResponseWriter, r *http.Request) { t.missing(w, r) }))
}

// signedIn sends strangers to the sign-in page and refuses changes from other sites' pages.
func (t *Tracker) signedIn(h http.HandlerFunc) http.Handler {
	protect := http.NewCrossOriginProtection()
	return protect.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok := t.sessions.who(r)
		if !ok {
			http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
			return
		}
		h(w, r.WithContext(withUser(r.Context(), u)))
	}))
}

// view is what every page knows.
type view struct {
	Title    string
	User     User
	Users    []User
	Next     string
	Failed   bool
	Columns  []column
	Issue    Issue
	Statuses []status
	Types    []string
	Project  *Project
	Projects []Project
	Records  []Record
	Issues   []Issue
	Mine     []Issue
	Filter   filter
	// App gives an app's name by its installation.
	App func(installation string) string
	// Theme is light, dark or auto. UI is the origin that apps' frames come from, "" for none;
	// Place is what a page of apps is, and Panel signs who and where the page's reader is.
	Theme, UI, Place string
	Panel            func(module string) (string, error)
	Path             string
}

// filter is what a list of issues is narrowed to.
type filter struct{ Text, Status, Type string }

type column struct {
	Status status
	Issues []Issue
}

func (v view) Person(id string) User {
	if installation, ok := strings.CutPrefix(id, appPrefix); ok {
		return User{ID: id, Name: v.App(installation)}
	}
	for _, u := range v.Users {
		if u.ID == id {
			return u
		}
	}
	return User{Name: "Nobody"}
}

func (t *Tracker) render(w http.ResponseWriter, r *http.Request, code int, page string, v view) {
	v.App = func(installation string) string { return t.appName(r, installation) }
	v.Theme, v.Path = themeOf(r), r.URL.Path
	if a := t.annex.Load(); a != nil {
		v.UI = a.UIURL
	}
	v.Panel = func(module string) (string, error) {
		at := place{Module: module, Issue: v.Issue.Key}
		if v.Project != nil {
			at.Project = v.Project.Key
		}
		return t.panel(r, at)
	}
	v.User, v.Users, v.Statuses = userOf(r), t.cfg.Users, statuses
	for _, x := range issueTypes {
		v.Types = append(v.Types, x.Name)
	}
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, page, v); err != nil {
		t.cfg.Log.Error("page", "page", page, "err", err)
		http.Error(w, "This page could not be drawn.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = out.WriteTo(w)
}

func (t *Tracker) loginPage(w http.ResponseWriter, r *http.Request) {
	t.render(w, r, http.StatusOK, "login.html", view{Title: "Sign in", Next: local(r.URL.Query().Get("next"))})
}

func (t *Tracker) login(w http.ResponseWriter, r *http.Request) {
	u, ok := t.sessions.check(strings.TrimSpace(r.FormValue("login")), r.FormValue("password"))
	if !ok {
		t.render(w, r, http.StatusUnauthorized, "login.html", view{Title: "Sign in", Next: local(r.FormValue("next")), Failed: true})
		return
	}
	t.sessions.start(w, u)
	http.Redirect(w, r, local(r.FormValue("next")), http.StatusSeeOther)
}

// local keeps a return address on this site.
func local(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n") {
		return "/"
	}
	return next
}

func (t *Tracker) board(w http.ResponseWriter, r *http.Request) {
	v := view{Title: "Board"}
	t.store.read(func(d *data) {
		p := d.project(cmp.Or(r.URL.Query().Get("project"), d.Projects[0].Key), userOf(r))
		if p == nil {
			return
		}
		shown := *p
		v.Project = &shown
		for _, other := range d.visible(userOf(r)) {
			v.Projects = append(v.Projects, *other)
		}
		for _, s := range statuses {
			c := column{Status: s}
			for _, i := range d.Issues {
				if i.Status == s.Name && i.Project == p.Key {
					c.Issues = append(c.Issues, clone(i))
				}
			}
			v.Columns = append(v.Columns, c)
		}
	})
	if v.Project == nil {
		t.missing(w, r)
		return
	}
	t.render(w, r, http.StatusOK, "board.html", v)
}

// issueList shows the issues that a reader may see, narrowed as asked.
func (t *Tracker) issueList(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	v := view{Title: "Issues", Filter: filter{strings.TrimSpace(q.Get("text")), q.Get("status"), q.Get("type")}}
	u := userOf(r)
	t.store.read(func(d *data) {
		for _, i := range d.Issues {
			if d.project(i.Project, u) != nil && v.Filter.takes(i) {
				v.Issues = append(v.Issues, clone(i))
			}
		}
	})
	t.render(w, r, http.StatusOK, "issues.html", v)
}

func (f filter) takes(i *Issue) bool {
	text := strings.ToLower(f.Text)
	return (f.Status == "" || i.Status == f.Status) && (f.Type == "" || i.Type == f.Type) &&
		(text == "" || strings.Contains(strings.ToLower(i.Key+" "+i.Summary+" "+i.Description), text))
}

const themeCookie = "tracker_theme"

func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return "auto"
}

func (t *Tracker) chooseTheme(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: themeCookie, Value: r.FormValue("theme"), Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, local(r.FormValue("next")), http.StatusSeeOther)
}

func (t *Tracker) issuePage(w http.ResponseWriter, r *http.Request) {
	i, err := t.store.issue(r.PathValue("issue"), userOf(r))
	if err != nil {
		t.missing(w, r)
		return
	}
	t.render(w, r, http.StatusOK, "issue.html", view{Title: i.Key, Issue: i})
}

// recordsPage shows admins who did what.
func (t *Tracker) recordsPage(w http.ResponseWriter, r *http.Request) {
	if !userOf(r).Admin {
		t.missing(w, r)
		return
	}
	t.render(w, r, http.StatusOK, "records.html", view{Title: "Records", Records: t.store.trail()})
}

func (t *Tracker) missing(w http.ResponseWriter, r *http.Request) {
	t.render(w, r, http.StatusNotFound, "missing.html", view{Title: "Not found"})
}

func (t *Tracker) newIssue(w http.ResponseWriter, r *http.Request) {
	by, summary := callerOf(r), r.FormValue("summary")
	kind := struct{ ID, Name string }{Name: r.FormValue("type")}
	i, err := t.store.create(r.FormValue("project"), by, func(i *Issue) error {
		err := t.apply(i, fieldsInput{Summary: &summary, IssueType: &kind}, by)
		i.Description, i.Changes = strings.TrimSpace(r.FormValue("description")), nil
		return err
	})
	if err != nil {
		http.Error(w, "The issue was not created: "+err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/browse/"+i.Key, http.StatusSeeOther)
}

func (t *Tracker) newComment(w http.ResponseWriter, r *http.Request) {
	text := strings.TrimSpace(r.FormValue("body"))
	i, err := t.store.update(r.PathValue("issue"), callerOf(r), "comment.add", func(i *Issue) error {
		if text == "" {
			return errInput
		}
		now := t.cfg.Now().UTC()
		i.Comments = append(i.Comments, Comment{ID: t.store.id(), Author: userOf(r).ID, Body: text, Created: now, Updated: now})
		return nil
	})
	if err != nil {
		http.Error(w, "The comment was not added: it is empty, or the issue is gone.", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/browse/"+i.Key+"#comments", http.StatusSeeOther)
}

func (t *Tracker) move(w http.ResponseWriter, r *http.Request) {
	to, ok := statusByID(r.FormValue("status"))
	if !ok {
		http.Error(w, "No such status.", http.StatusBadRequest)
		return
	}
	i, err := t.store.update(r.PathValue("issue"), callerOf(r), "issue.transition", func(i *Issue) error {
		t.store.changed(i, callerOf(r), "status", i.Status, to.Name)
		i.Status = to.Name
		return nil
	})
	if err != nil {
		t.missing(w, r)
		return
	}
	http.Redirect(w, r, "/browse/"+i.Key, http.StatusSeeOther)
}
