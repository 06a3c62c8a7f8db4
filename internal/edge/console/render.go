package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/quote"
)

//go:embed pages static
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"when": func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return t.UTC().Format("2 Jan 2006, 15:04 UTC")
	},
	"iso":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"clean":     func(text any) string { return quote.Line(toText(text), 200) },
	"asWritten": asWritten,
	"group":     groupTitle,
	"use":       useOf,
	"places":    placesOf,
	"requests":  requests,
	"plural": func(n int, one, many string) string {
		if n == 1 {
			return one
		}
		return many
	},
	"origin": func(url string) string {
		scheme, rest, _ := strings.Cut(url, "://")
		host, _, _ := strings.Cut(rest, "/")
		return scheme + "://" + host
	},
	"lower":  strings.ToLower,
	"isTrue": func(b *bool) bool { return b != nil && *b },
	"bytes": func(n int64) string {
		switch {
		case n >= 1<<20:
			return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
		case n >= 1<<10:
			return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
		}
		return fmt.Sprintf("%d bytes", n)
	},
	"hours": func(n int) string { return hours(time.Duration(n) * time.Hour) },
}).ParseFS(files, "pages/*.html"))

func toText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case id.User:
		return string(v)
	}
	return ""
}

func staticFiles() http.Handler {
	static, err := fs.Sub(files, "static")
	if err != nil { // the folder is embedded
		panic(err)
	}
	serve := http.StripPrefix("/static/", http.FileServerFS(static))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") { // no lists of files
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=300")
		serve.ServeHTTP(w, r)
	})
}

// page is what a template knows.
type page struct {
	Title   string
	Section string // of the menu
	Notice  string
	Form    string // what forms carry
	Person  *person
	Data    any
}

type person struct {
	Name, Product, Site string
	Admin               bool
}

func (c *Console) render(v *visit, status int, name string, p page) error {
	if v.session != nil {
		who := person{Name: quote.Line(v.session.Name, 80), Product: string(v.session.Product), Admin: v.session.Admin}
		if who.Name == "" {
			who.Name = quote.Line(string(v.session.User), 80)
		}
		if site, err := c.Tenancy.SiteByID(v.ctx(), v.session.Site); err == nil {
			who.Site = site.Name
		}
		if x, err := c.Tenancy.ProductByKeyOrAlias(v.ctx(), who.Product); err == nil {
			who.Product = quote.Line(x.Name, 80)
		}
		p.Person, p.Form = &who, v.session.CSRF
	}
	if key := cookie(v.Request, noticeCookie); key != "" {
		p.Notice = notices[key]
		setCookie(v.w, noticeCookie, "", 0)
	}
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, p); err != nil {
		return fault.Op("console.render", err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = out.WriteTo(v.w)
	return nil
}

// fail shows what the outside may read of an error; the log gets the rest.
func (c *Console) fail(v *visit, err error) {
	e, ok := fault.As(err)
	if !ok || e.Public == "" || e.Kind == fault.Internal {
		incident := uuid.NewString()
		c.Log.ErrorContext(v.ctx(), "incident", "incident", incident, "method", v.Method, "path", v.URL.Path, "err", err)
		e = fault.New(fault.Internal, "INTERNAL", "the server failed").WithFix("tell its operator the number %s", incident)
	}
	status := e.Kind.Status()
	if e.Kind == fault.Waiting {
		status = http.StatusOK
	}
	if err := c.render(v, status, "problem.html", page{Title: "Not possible",
		Data: map[string]any{"Message": sentence(e.Public), "Fix": sentence(e.Fix), "Code": e.Code, "SignedIn": v.session != nil, "From": c.cameFrom(v.Request)}}); err != nil {
		c.Log.ErrorContext(v.ctx(), "page", "err", err)
		http.Error(v.w, "This page could not be drawn.", http.StatusInternalServerError)
	}
}

// sentence begins with a capital and ends with a stop, as sentences on a page do.
func sentence(text string) string {
	text = quote.Line(text, 600)
	if text == "" {
		return ""
	}
	r := []rune(text)
	if first, _, _ := strings.Cut(text, " "); !strings.ContainsAny(first, "./:") { // a host or address stays as it is
		r[0] = unicode.ToUpper(r[0])
	}
	if last := r[len(r)-1]; last != '.' && last != '!' && last != '?' {
		r = append(r, '.')
	}
	return string(r)
}

// asWritten makes a text of several lines fit to be read: clean, line by line, as indented as it was.
func asWritten(text string) string {
	const lines, wide = 2000, 2000
	var b strings.Builder
	for n, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if n == lines {
			b.WriteString("…")
			break
		}
		rest := strings.TrimLeft(line, " ")
		b.WriteString(line[:min(len(line)-len(rest), 80)])
		b.WriteString(quote.Line(rest, wide))
		b.WriteByte('\n')
	}
	return b.String()
}

func groupTitle(g perm.Group) string {
	switch g {
	case perm.Reads:
		return "What it reads and changes"
	case perm.Sends:
		return "Where it can send data"
	case perm.Callers:
		return "Who can call it and be handed data"
	case perm.Runs:
		return "How it runs"
	case perm.Later:
		return "What it may ask for later"
	}
	return string(g)
}

// notices are what a page says after a decision. They are told apart by a word in a
// cookie, so that nobody can put sentences onto our pages.
var notices = map[string]string{
	"approved":     "Done. The app runs with what you allowed.",
	"installed":    "Done. The app is installed.",
	"narrowed":     "Done. What you took away is gone already, also for calls that are running.",
	"retried":      "Done. They are handled again now.",
	"dropped":      "Done. It is gone.",
	"uninstalled":  "Done. The app is gone. What it stored is kept for 28 days.",
	"declined":     "Done. The update was declined; the app goes on as before.",
	"saved":        "Done. It counts already.",
	"agreed":       "Done. The app may act as you now; go back to it and try again.",
	"connected":    "Done. The account is connected; go back to the app, which goes on by itself.",
	"disconnected": "Done. The account is disconnected.",
	"revoked":      "Done. The app does nothing as you any more.",
	"let-in":       "Done. The command line gets its token within seconds.",
	"turned-away":  "Done. The command line was turned away.",
	"ended":        "Done. The command line can do nothing more.",
	"tunnel-in":    "Done. What you do in the app’s pages runs on that machine within seconds, while the tunnel is open.",
	"tunnel-away":  "Done. The tunnel was turned away.",
	"tunnel-ended": "Done. What that person does in the app’s pages runs what is deployed.",
	"tunnel-end":   "Done. What you do in the app’s pages runs what is deployed.",
	"program-in":   "Done. The program gets its token within seconds.",
	"program-away": "Done. The program was turned away.",
	"program-end":  "Done. The program can do nothing more.",
	"unchanged":    "Nothing had to be changed.",
}
