package bridge

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

func missing(http.ResponseWriter, *http.Request) (any, error) {
	return nil, fault.New(fault.NotFound, "NO_ROUTE", "the bridge has no such route")
}

// decode reads a JSON body strictly: a page that says more than it may is not taken at its word.
func decode(r *http.Request, into any) error {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != "application/json" {
		return fault.New(fault.Usage, "CONTENT_TYPE", "the body must be application/json")
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, end := dec.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something after its value")
		}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fault.New(fault.Limit, "LIMIT_REQUEST", "the request is larger than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return fault.New(fault.Usage, "BAD_JSON", "the body is not the JSON that this route takes: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// answer writes what a route gives, or says why not.
func (b *Bridge) answer(serve func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		v, err := serve(w, r)
		if a, ok := v.(*framedAnswer); ok && err == nil {
			a.write(w)
			return
		}
		if err != nil && r.Context().Err() != nil {
			return // the page went away while it was asked for: nobody reads an answer
		}
		if err != nil {
			e, ok := fault.As(err)
			if !ok || e.Public == "" || e.Kind == fault.Internal {
				incident := uuid.NewString()
				b.Log.ErrorContext(r.Context(), "incident", "incident", incident, "path", r.URL.Path, "err", err)
				e = fault.New(fault.Internal, "INTERNAL", "the server failed; the incident's id is in its log")
				e.ReasonID = incident
			}
			status = e.Kind.Status()
			v = map[string]any{"error": map[string]any{
				"kind": e.Kind.String(), "code": e.Code, "message": e.Public, "fix": e.Fix, "reasonId": e.ReasonID, "fields": e.Fields}}
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
