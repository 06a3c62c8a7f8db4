package product

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// refusal is a refusal that answers the request in the product's place, with 403: code
// that was written for a product's own refusals meets one.
type refusal struct{ fault *fault.Error }

func (r *refusal) Error() string { return r.fault.Error() }

func (r *refusal) Unwrap() error { return r.fault }

func closed(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Denied, code, format, args...)
}

// deny rejects, under the decision's reason id.
func deny(d *Decision, rule string, err error) error {
	f, ok := fault.As(err)
	if !ok {
		return err
	}
	d.Rule, d.Reason, d.Code, d.Fix = rule, f.Public, f.Code, f.Fix
	e := *f
	e.ReasonID = d.ReasonID
	return &e
}

// answer refuses by an answer, under the decision's reason id.
func answer(d *Decision, err error) error {
	f, ok := fault.As(err)
	if !ok || f.Kind != fault.Denied && f.Kind != fault.NotFound && f.Kind != fault.Usage && f.Kind != fault.Invalid {
		return err
	}
	rule := strings.ToLower(strings.ReplaceAll(f.Code, "_", "-"))
	rejected, _ := fault.As(deny(d, rule, f))
	return &refusal{rejected}
}

// reply is a refusal as the app gets it, if it is one that answers.
func reply(err error, path string) (call.Reply, bool) {
	var r *refusal
	if !errors.As(err, &r) {
		return call.Reply{}, false
	}
	body := map[string]any{}
	maps.Copy(body, r.fault.Fields)
	maps.Copy(body, map[string]any{"code": r.fault.Code, "message": r.fault.Public, "reasonId": r.fault.ReasonID, "allowedBy": r.fault.Fix, "fix": r.fault.Fix, "status": http.StatusForbidden})
	text, err := json.Marshal(body)
	if err != nil {
		return call.Reply{}, false // texts, numbers and lists of texts
	}
	head, err := json.Marshal(replyHead{Status: http.StatusForbidden, StatusText: "Forbidden", URL: path,
		Headers: [][2]string{{"content-type", "application/json"}, {"x-annex-denied", r.fault.Code}}})
	if err != nil {
		return call.Reply{}, false
	}
	return call.Reply{Head: head, Body: text}, true
}
