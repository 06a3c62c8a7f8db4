package ask

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
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
		text, err := json.Marshal(v)
		if err != nil {
			status, text = http.StatusInternalServerError, []byte(`{"error":{"kind":"internal","code":"INTERNAL"}}`)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(append(text, '\n'))
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

// decode reads a JSON body strictly.
func decode(r *http.Request, into any) error {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != "application/json" {
		return usage("CONTENT_TYPE", "the body must be application/json")
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, end := dec.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something after its value")
		}
	}
	if err != nil {
		return usage("BAD_JSON", "the body is not the JSON that this route takes: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// public is what the outside may read of an error; the log gets the rest.
func (p *Pages) public(r *http.Request, err error) (int, map[string]any) {
	e, ok := fault.As(err)
	if !ok || e.Public == "" || e.Kind == fault.Internal {
		incident := uuid.NewString()
		p.Log.ErrorContext(r.Context(), "incident", "incident", incident, "path", r.URL.Path, "err", err)
		e = fault.New(fault.Internal, "INTERNAL", "the server failed; the incident's id is in its log")
		e.ReasonID = incident
	}
	return e.Kind.Status(), map[string]any{"kind": e.Kind.String(), "code": e.Code, "message": e.Public, "fix": e.Fix, "reasonId": e.ReasonID}
}
