package ask

import (
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/pagejson"
)

// answer serves a route that only a page of ours may ask: a browser says of each request
// where it comes from, and one that does not say it is refused (M6).
func (p *Pages) answer(serve func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		var v any
		err := p.here(r)
		if err == nil {
			v, err = serve(r)
		}
		if err != nil {
			var e map[string]any
			status, e = p.public(r, err)
			v = map[string]any{"error": e}
		}
		pagejson.Write(w, status, v)
	}
}

func (p *Pages) here(r *http.Request) error {
	if r.Header.Get("Origin") != p.URL || r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return foreign()
	}
	return nil
}

func foreign() error {
	return fault.New(fault.Denied, "FOREIGN_FORM", "the request does not come from a page of this server, and nothing was changed").
		WithFix("go back to the page and ask again")
}

// public is what the outside may read of an error; the log gets the rest.
func (p *Pages) public(r *http.Request, err error) (int, map[string]any) {
	e := pagejson.Public(r, p.Log, err)
	return e.Kind.Status(), pagejson.Error(e)
}
