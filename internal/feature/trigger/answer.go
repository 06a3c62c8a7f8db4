package trigger

import (
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

const (
	maxAnswerHeaders   = 100
	maxAnswerHeadBytes = 64 << 10
)

// forbidden are answer headers that are the platform's to set: they would keep state in
// the browser, move or pin the origin, or loosen what the page may do. The rest belong
// to the connection.
var forbidden = map[string]bool{
	"Set-Cookie": true, "Set-Cookie2": true, "Clear-Site-Data": true, "Service-Worker-Allowed": true, "Alt-Svc": true,
	"Strict-Transport-Security": true, "Public-Key-Pins": true,
	"Content-Security-Policy": true, "Content-Security-Policy-Report-Only": true, "X-Content-Security-Policy": true, "X-Webkit-Csp": true,
	"X-Content-Type-Options": true, "Nel": true, "Report-To": true, "Reporting-Endpoints": true,
	"Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Content-Length": true,
}

// answer is what goes out.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // keeps net/http from guessing one from the app's bytes
	}
	if bodyAllowed(a.status) {
		h["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 && bodyAllowed(a.status) {
		_, _ = w.Write(a.body) // the client went away; there is nobody to tell
	}
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// answer turns what the function returned into an answer, or into the error that says
// what is wrong with it.
func (s *Service) answer(m Module, res call.Result) (answer, error) {
	if int64(len(res.Body)) > s.cfg.MaxBody {
		return answer{}, fault.New(fault.Limit, "LIMIT_RESPONSE_BODY", "a web trigger's answer may have a body of %d bytes", s.cfg.MaxBody).
			With("limit", "response body").With("figure", s.cfg.MaxBody)
	}
	got, err := parseResult(res.Head)
	if err != nil {
		return answer{}, malformed("is no web trigger answer").Because(err)
	}
	if m.Static {
		return static(m, got)
	}
	switch {
	case got.outputKey != "":
		return answer{}, malformed("names an output, but the trigger is declared dynamic")
	case !got.hasStatus && len(got.headers) == 0 && len(res.Body) == 0:
		return answer{status: http.StatusNoContent}, nil
	case !got.hasStatus:
		return answer{}, malformed("has no statusCode")
	case got.status < 200 || got.status > 599:
		return answer{}, malformed("has the statusCode %d, which is not one between 200 and 599", got.status)
	}
	header, err := headers(got.headers)
	if err != nil {
		return answer{}, err
	}
	return answer{status: got.status, header: header, body: res.Body}, nil
}

func static(m Module, got result) (answer, error) {
	out, ok := m.Outputs[got.outputKey]
	switch {
	case got.outputKey == "":
		return answer{}, malformed("has no outputKey, but the trigger is declared static")
	case !ok:
		return answer{}, malformed("names the output %.64q, which the manifest does not declare", got.outputKey)
	}
	a := answer{status: out.StatusCode, body: []byte(out.Body)}
	if out.ContentType != "" {
		if !httpguts.ValidHeaderFieldValue(out.ContentType) {
			return answer{}, malformed("has an invalid content type")
		}
		a.header = http.Header{"Content-Type": {out.ContentType}}
	}
	return a, nil
}

func headers(in []header) (http.Header, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make(http.Header, len(in))
	size, count := 0, 0
	for _, one := range in {
		name := one.name
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, malformed("has a header with an invalid name")
		}
		key := http.CanonicalHeaderKey(name)
		drop := forbidden[key] || strings.HasPrefix(key, "X-Annex-")
		for _, v := range one.values {
			v, ok := latin1(v)
			if !ok || !httpguts.ValidHeaderFieldValue(v) {
				return nil, malformed("has an invalid value in header %.64q", name)
			}
			size += len(name) + len(v) + 4
			count++
			if !drop {
				out[key] = append(out[key], v)
			}
		}
	}
	if size > maxAnswerHeadBytes || count > maxAnswerHeaders {
		return nil, fault.New(fault.Limit, "LIMIT_RESPONSE_HEADERS", "a web trigger's answer may have %d headers of %d bytes in all", maxAnswerHeaders, maxAnswerHeadBytes).
			With("limit", "response headers").With("figure", maxAnswerHeadBytes)
	}
	return out, nil
}

// latin1 turns characters back into the bytes that they stand for in HTTP.
func latin1(s string) (string, bool) {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < 0x80
	}
	if ascii {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return "", false
		}
		out = append(out, byte(r))
	}
	return string(out), true
}

// malformed is the error of a function whose result is none. Its sentence is for logs:
// the client learns the incident only.
func malformed(format string, args ...any) *fault.Error {
	return fault.New(fault.App, "INVALID_WEB_TRIGGER_RESPONSE", "what the function returned "+format, args...)
}
