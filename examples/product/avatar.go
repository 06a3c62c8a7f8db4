package tracker

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"unicode"
)

// avatars are the addresses of a picture of a user or a project, in the sizes that Jira's callers know; it
// is one drawing that fits all.
func (t *Tracker) avatars(of string) map[string]string {
	link := t.link("/avatar/" + url.PathEscape(of))
	return map[string]string{"16x16": link, "24x24": link, "32x32": link, "48x48": link}
}

// avatar draws the initial of an account id, whether it is anybody's or not.
func (t *Tracker) avatar(w http.ResponseWriter, r *http.Request) {
	id, initial := r.PathValue("user"), '?'
	for _, c := range id {
		if unicode.IsLetter(c) {
			initial = unicode.ToUpper(c)
			break
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><circle cx="24" cy="24" r="24" fill="hsl(%d 45%% 40%%)"/>`+
		`<text x="24" y="31" font-family="sans-serif" font-size="20" text-anchor="middle" fill="#fff">%c</text></svg>`, h.Sum32()%360, initial)
}
