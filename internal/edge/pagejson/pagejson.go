// Package pagejson is how the routes of the platform's own pages take and give JSON. Its
// promise: a body is taken whole and strictly or not at all, and an answer tells of an error
// what its reader may know; the log gets the rest, under the id that the answer names.
package pagejson

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
)

// Decode reads a JSON body strictly: a page that says more than it may is not taken at its word.
func Decode(r *http.Request, into any) error {
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

// Write answers with v.
func Write(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":{"kind":"internal","code":"INTERNAL"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}

// Refuse answers with an error, said as Error does or more fully.
func Refuse(w http.ResponseWriter, e *fault.Error, said map[string]any) {
	if n := e.RetryAfter(); n > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(n))
	}
	Write(w, e.Kind.Status(), map[string]any{"error": said})
}

// Public is what the outside may read of an error. One without a public sentence becomes an
// incident, which the log explains.
func Public(r *http.Request, log *slog.Logger, err error) *fault.Error {
	e, ok := fault.As(err)
	if !ok || e.Public == "" || e.Kind == fault.Internal {
		incident := uuid.NewString()
		log.ErrorContext(r.Context(), "incident", "incident", incident, "path", r.URL.Path, "err", err)
		e = fault.New(fault.Internal, "INTERNAL", "the server failed; the incident's id is in its log")
		e.ReasonID = incident
	}
	return e
}

// Error is an error as an answer has it.
func Error(e *fault.Error) map[string]any {
	return map[string]any{"kind": e.Kind.String(), "code": e.Code, "message": e.Public, "fix": e.Fix, "reasonId": e.ReasonID}
}
