package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/manifest"
)

// errorBody is the one shape of every refusal and failure.
type errorBody struct {
	Error errorJSON `json:"error"`
}

type errorJSON struct {
	Kind        string                `json:"kind"`
	Code        string                `json:"code"`
	Message     string                `json:"message"`
	Fix         string                `json:"fix,omitempty"`
	ReasonID    string                `json:"reasonId,omitempty"`
	Fields      map[string]any        `json:"fields,omitempty"`
	Diagnostics []manifest.Diagnostic `json:"diagnostics,omitempty"`
}

// diagnosed is an error that carries findings with positions.
type diagnosed interface{ Diagnostics() []manifest.Diagnostic }

// writeError answers with what the outside may read of err; the log gets the rest.
// An error without a public sentence becomes an incident: its id goes to both sides.
func writeError(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		err = fault.New(fault.Limit, "LIMIT_REQUEST", "the request is larger than %d bytes", tooLarge.Limit).With("limit", tooLarge.Limit).Because(err)
	}
	e, ok := fault.As(err)
	if !ok || e.Public == "" || e.Kind == fault.Internal {
		incident := uuid.NewString()
		log.ErrorContext(r.Context(), "incident", "incident", incident, "method", r.Method, "path", r.URL.Path, "err", err)
		e = fault.New(fault.Internal, "INTERNAL", "the server failed; the incident's id is in its log")
		e.ReasonID = incident
	}
	body := bodyOf(e)
	var d diagnosed
	if errors.As(err, &d) {
		body.Error.Diagnostics = d.Diagnostics()
	}
	if e.Kind == fault.Unauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="annex"`)
	}
	if n := e.RetryAfter(); n > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(n))
	}
	writeJSON(w, e.Kind.Status(), body)
}

func bodyOf(e *fault.Error) errorBody {
	return errorBody{errorJSON{Kind: e.Kind.String(), Code: e.Code, Message: e.Public, Fix: e.Fix, ReasonID: e.ReasonID, Fields: e.Fields}}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it is never read as HTML, and what an app returned comes as it is
	err := e.Encode(v)
	out := b.Bytes()
	if err != nil { // a value of ours that does not marshal is a mistake of ours
		status, out = http.StatusInternalServerError, []byte(`{"error":{"kind":"internal","code":"INTERNAL","message":"the answer could not be encoded"}}`+"\n")
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(out)
}
