package trigger

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// problem is the body of every answer that is not the function's.
type problem struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Limit      any    `json:"limit,omitempty"`
	Figure     any    `json:"figure,omitempty"`
	IncidentID string `json:"incidentId,omitempty"`
}

var nothingHere = func() []byte {
	b, _ := json.Marshal(problem{Code: "NOT_FOUND", Message: "There is nothing at this address."})
	return b
}()

// fail answers for an error. The outside learns codes and figures of documented
// limits; of everything else only an incident's id, under which the logs have the
// rest. t and c are nil before the call was made.
func (s *Service) fail(w http.ResponseWriter, r *http.Request, t *target, c *call.Call, err error) {
	status, p := public(err, c != nil)
	if status == http.StatusNotFound {
		writeProblem(w, status, nothingHere)
		return
	}
	if status >= http.StatusInternalServerError {
		p.IncidentID = incident(err)
	}
	s.log(r, t, c, status, p.IncidentID, err)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter(err))
	}
	if status == http.StatusTooManyRequests {
		rateHeaders(w.Header(), err, s.cfg.Now())
	}
	body, _ := json.Marshal(p) // strings and one number
	writeProblem(w, status, body)
}

// log writes the server's line and hands the app's own failures to its log. What app
// code says of itself may hold a tenant's data: it stays out of the server's log.
func (s *Service) log(r *http.Request, t *target, c *call.Call, status int, incident string, err error) {
	kind := fault.KindOf(err)
	attrs := []slog.Attr{slog.Int("status", status), slog.String("code", fault.CodeOf(err)), slog.String("incident", incident)}
	if c != nil {
		attrs = append(attrs, slog.String("install", string(c.Installation)), slog.String("module", c.Module), slog.String("invocation", string(c.ID)))
	}
	level := slog.LevelInfo
	if kind == fault.Internal {
		level = slog.LevelError
	}
	if kind != fault.App {
		attrs = append(attrs, slog.String("err", err.Error()))
	}
	s.cfg.Log.LogAttrs(r.Context(), level, "web trigger failed", attrs...)
	if s.cfg.Incidents != nil && t != nil && c != nil && incident != "" {
		s.cfg.Incidents.Incident(t.policy, c, incident, err)
	}
}

func writeProblem(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Cache-Control"] = []string{"no-store"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// public is the status and body for an error. called says that the door was reached.
func public(err error, called bool) (int, problem) {
	f, ok := fault.As(err)
	if !ok {
		return http.StatusInternalServerError, problem{Code: "INTERNAL", Message: "The server failed."}
	}
	if status, message := tunnelled(f.Code); called && status != 0 && f.Kind != fault.App {
		return status, problem{Code: f.Code, Message: message}
	}
	switch f.Kind {
	case fault.NotFound, fault.Denied, fault.Unauthenticated, fault.Waiting:
		// Unknown, foreign, revoked, not granted: the same answer for all. Once the call
		// was made, these kinds are about what the app did and no longer about the address.
		if !called || f.Code == "NOT_INSTALLED" || f.Code == "DEVELOPMENT_APPS_OFF" || f.Code == "RESTORE_UNCONFIRMED" {
			return http.StatusNotFound, problem{}
		}
		return http.StatusInternalServerError, problem{Code: "APP_ERROR", Message: "The app failed."}
	case fault.App, fault.Invalid:
		return http.StatusInternalServerError, problem{Code: "APP_ERROR", Message: "The app failed."}
	case fault.Limit:
		return limitStatus(f.Code), problem{Code: f.Code, Message: f.Public, Limit: f.Fields["limit"], Figure: f.Fields["figure"]}
	case fault.Usage:
		return http.StatusBadRequest, problem{Code: f.Code, Message: f.Public}
	case fault.Unavailable, fault.Conflict:
		return http.StatusServiceUnavailable, problem{Code: f.Code, Message: "The app cannot be reached now; try again."}
	default:
		return http.StatusInternalServerError, problem{Code: "INTERNAL", Message: "The server failed."}
	}
}

// tunnelled is what is said to somebody who asked for a developer's tunnel and does not get it,
// 0 for any other code: the words are ours, since an app can make up a code.
func tunnelled(code string) (status int, message string) {
	switch code {
	case "TUNNEL_UNKNOWN":
		return http.StatusConflict, "No tunnel of this app is open with this key; nothing was run. Without the header annex-tunnel, what is deployed answers."
	case "TUNNEL_DEVELOPMENT_ONLY":
		return http.StatusForbidden, "Only development environments can be tunnelled; nothing was run. Without the header annex-tunnel, what is deployed answers."
	case "TUNNEL_ELSEWHERE":
		return http.StatusServiceUnavailable, "The tunnel is open at another server of this platform; nothing was run. Try again: another request may reach that server. Without the header annex-tunnel, what is deployed answers."
	case "TUNNEL_LOST":
		return http.StatusServiceUnavailable, "The tunnel closed during the call, which may have had effects."
	}
	return 0, ""
}

// limitStatus tells the client whose figure was exceeded: its request's size, the
// function's time, how often it may ask, or what the function did.
func limitStatus(code string) int {
	switch code {
	case "LIMIT_REQUEST", "LIMIT_REQUEST_BODY":
		return http.StatusRequestEntityTooLarge
	case "LIMIT_WALL", "LIMIT_CPU":
		return http.StatusGatewayTimeout
	case "LIMIT_MEMORY", "LIMIT_RESPONSE", "LIMIT_RESPONSE_BODY", "LIMIT_RESPONSE_HEADERS", "LIMIT_HOSTCALLS":
		return http.StatusBadGateway
	default:
		return http.StatusTooManyRequests
	}
}

// incident is the error's reason id where it has one, so that one id finds all logs.
func incident(err error) string {
	if f, ok := fault.As(err); ok && f.ReasonID != "" {
		return f.ReasonID
	}
	return uuid.NewString()
}

// rateHeaders say the figure that is used up where callers of such addresses look for it. Answers
// that are served have none: how much an installation is used is nobody's business.
func rateHeaders(h http.Header, err error, now time.Time) {
	f, ok := fault.As(err)
	if !ok || f.RetryAfter() == 0 {
		return
	}
	if figure, ok := f.Fields["figure"].(int); ok {
		h.Set("X-Ratelimit-Limit", strconv.Itoa(figure))
		h.Set("X-Ratelimit-Remaining", "0")
		h.Set("X-Ratelimit-Reset", now.Add(time.Duration(f.RetryAfter())*time.Second).UTC().Format(time.RFC3339))
	}
}

func retryAfter(err error) string {
	if f, ok := fault.As(err); ok {
		if n := f.RetryAfter(); n > 0 {
			return strconv.Itoa(n)
		}
	}
	return "1"
}
