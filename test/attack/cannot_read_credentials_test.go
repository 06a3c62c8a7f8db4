package attack

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/applog"
)

// The platform's credential for a product is made in the server and used there. However a
// product hands it back, and wherever an app looks, no app, log, page or trail has it.
func TestAttackReadCredentials(t *testing.T) {
	d, at := newDesk(t)
	ask := map[string]any{"product": "desk", "method": "GET", "path": "/issues"}
	broken := func(format string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, _ = fmt.Fprintf(c, format, r.Header.Get("Authorization"))
		}
	}
	ways := map[string]http.HandlerFunc{
		"in the body": func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "you sent ", r.Header) },
		"as JSON":     func(w http.ResponseWriter, r *http.Request) { _ = json.NewEncoder(w).Encode(r.Header) },
		"as an error": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "not with "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		},
		"as a failure": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, fmt.Sprint(r.Header), http.StatusInternalServerError)
		},
		"in headers": func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			w.Header().Set("X-Echo", "a "+token+" b")
			w.Header().Set("Authorization", "Bearer "+token)
			w.Header().Set("Set-Cookie", "token="+token)
			w.Header().Set("Www-Authenticate", `Bearer error_description="`+token+`"`)
		},
		"in a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/login?token="+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), http.StatusFound)
		},
		"in a redirect elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/"+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")+"#x", http.StatusSeeOther)
		},
		"compressed": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			fmt.Fprint(z, "you sent ", r.Header)
			_ = z.Close()
		},
		"in pieces": func(w http.ResponseWriter, r *http.Request) {
			for _, c := range r.Header.Get("Authorization") {
				fmt.Fprintf(w, "%c", c)
				w.(http.Flusher).Flush()
			}
		},
		"in a trailer": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(http.TrailerPrefix+"X-Echo", r.Header.Get("Authorization"))
		},
		"in a broken header":   broken("HTTP/1.1 200 OK\r\n%s\r\n\r\n"),
		"in a broken status":   broken("HTTP/1.1 2x0 %s\r\n\r\n"),
		"in a status text":     broken("HTTP/1.1 200 %s\r\nContent-Length: 0\r\n\r\n"),
		"in a header's name":   broken("HTTP/1.1 200 OK\r\nX-%s: 1\r\n\r\n"),
		"in no HTTP":           broken("%s\r\n\r\n"),
		"in a broken length":   broken("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n"),
		"in a broken transfer": broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n"),
		"in a broken chunk":    broken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n"),
	}
	secrets := map[string]string{}
	for name, how := range ways {
		d.answers(how)
		a := at.invoke("ask", ask)
		all := d.took()
		if len(all) == 0 || !strings.HasPrefix(all[0].authorization, "Bearer ey") {
			t.Fatalf("%s: the product was sent %+v: %d %s", name, all, a.status, a.body)
		}
		for _, s := range all {
			token := strings.TrimPrefix(s.authorization, "Bearer ")
			secrets[token] = name
			if raw, _ := json.Marshal(a.header); strings.Contains(a.body, token) || bytes.Contains(raw, []byte(token)) {
				t.Errorf("%s: the app has the credential", name)
			}
		}
	}
	var reached []string
	at.result("search", nil, &reached)
	if len(reached) < 5 {
		t.Fatalf("the app reaches %d texts only", len(reached))
	}
	lines, err := d.System.Logs.Read(t.Context(), id.Principal{Kind: id.SiteAdmin, Site: id.Site(at.siteID()), Account: "a"}, applog.Query{App: id.App(at.app), Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	written, _ := json.Marshal(lines)
	texts := map[string]string{
		"what the app can reach": strings.Join(reached, "\n"), "the app's lines": string(written), "the server's log": d.log.String(),
		"the trail": string(d.auditExport(id.Site(at.siteID()))), "the activity": d.api("GET", "/api/v1/activity?"+at.query(), at.developer, nil).body,
	}
	for where, text := range texts {
		for token, name := range secrets {
			// Its signature alone makes a token of what everybody may know.
			if strings.Contains(text, token) || strings.Contains(text, token[strings.LastIndex(token, ".")+1:]) {
				t.Errorf("%s has the credential that came back %s", where, name)
			}
		}
	}
}
