package httpapi

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/unattended"
	"github.com/annexhq/annex/productkit"
)

// maxEvent bounds what a product signs of one event.
const maxEvent = 400 << 10

// maxLetters is how many dead letters are listed.
const maxLetters = 100

// takeEvents takes what a product says happened, CloudEvents or the older token. The
// signature is the proof: no token goes with it. 202 says that every app that is to be told
// of it will be.
func (a *API) takeEvents(w http.ResponseWriter, r *request) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/jwt" && media != productkit.CloudEventType && media != productkit.CloudEventBatchType {
		return fault.New(fault.Usage, "CONTENT_TYPE", "the body must be %s, %s or application/jwt", productkit.CloudEventType, productkit.CloudEventBatchType)
	}
	m := productkit.Message{ContentType: r.Header.Get("Content-Type"), Signature: r.Header.Get(productkit.SignatureHeader)}
	if media == "application/jwt" {
		m.ContentType = media
	} else if len(r.Header.Values(productkit.SignatureHeader)) != 1 {
		return fault.New(fault.Unauthenticated, "ASSERTION_REFUSED", "CloudEvents come with one header %s", productkit.SignatureHeader).
			WithFix("docs/PROTOCOL.md says how they are signed")
	}
	if m.Body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent)); err != nil {
		return err
	}
	if err := a.TakeEvents(r.ctx(), m); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

type queueCountJSON struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Waiting int    `json:"waiting"`
	Running int    `json:"running"`
	Dead    int    `json:"dead"`
}

type letterJSON struct {
	ID        string          `json:"id"`
	Kind      string          `json:"kind"`
	Name      string          `json:"name"`
	Job       string          `json:"job,omitempty"`
	Class     string          `json:"class"`
	Attempts  int             `json:"attempts"`
	CreatedAt time.Time       `json:"createdAt"`
	EndedAt   time.Time       `json:"endedAt"`
	Body      json.RawMessage `json:"body,omitempty"`
}

func letterView(l unattended.Letter) letterJSON {
	return letterJSON{l.ID, l.Kind, l.Name, l.Job, l.Class, l.Attempts, l.Created, l.Ended, l.Body}
}

// queueOf is the caller's right to the jobs of an installation.
func (a *API) queueOf(r *request) (tenant.Scope, call.EnvType, error) {
	d, err := a.Installs.Detail(r.ctx(), r.caller, r.installation())
	if err != nil {
		return tenant.Scope{}, "", err
	}
	s, err := scope(r.caller, d.Installation)
	return s, d.EnvType, err
}

func (a *API) showQueue(w http.ResponseWriter, r *request) error {
	scope, _, err := a.queueOf(r)
	if err != nil {
		return err
	}
	st, err := a.Unattended.State(r.ctx(), scope, maxLetters)
	if err != nil {
		return err
	}
	counts, dead := []queueCountJSON{}, []letterJSON{}
	for _, c := range st.Counts {
		counts = append(counts, queueCountJSON{c.Kind, c.Name, c.Waiting, c.Running, c.Dead})
	}
	for _, l := range st.Dead {
		dead = append(dead, letterView(l))
	}
	writeJSON(w, http.StatusOK, map[string]any{"counts": counts, "dead": dead})
	return nil
}

// showLetter gives a dead letter, with its body for the site's admin. That it was read is
// in the audit trail.
func (a *API) showLetter(w http.ResponseWriter, r *request) error {
	scope, env, err := a.queueOf(r)
	if err != nil {
		return err
	}
	l, err := a.Unattended.Letter(r.ctx(), scope, r.caller, env, r.PathValue("letter"))
	if err != nil {
		return err
	}
	if l.Body != nil {
		if err := a.Audit.Append(r.ctx(), scope.Site(), scope.Install(), r.caller, "queue.read", map[string]any{"letter": l.ID}); err != nil {
			return err
		}
	}
	writeJSON(w, http.StatusOK, letterView(l))
	return nil
}

func (a *API) retryLetters(w http.ResponseWriter, r *request) error {
	var in struct {
		IDs []string `json:"ids"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if in.IDs == nil {
		return fault.New(fault.Usage, "MISSING", "ids is missing").WithFix("write an empty list for all")
	}
	if len(in.IDs) > maxLetters {
		return fault.New(fault.Usage, "TOO_MANY", "name at most %d dead letters, or none for all", maxLetters)
	}
	scope, _, err := a.queueOf(r)
	if err != nil {
		return err
	}
	n, err := a.Unattended.Retry(r.ctx(), scope, in.IDs...)
	if err != nil {
		return err
	}
	if err := a.Audit.Append(r.ctx(), scope.Site(), scope.Install(), r.caller, "queue.retry", map[string]any{"letters": n}); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"retried": n})
	return nil
}

func (a *API) dropLetter(w http.ResponseWriter, r *request) error {
	scope, _, err := a.queueOf(r)
	if err != nil {
		return err
	}
	letter := r.PathValue("letter")
	if err := a.Unattended.Drop(r.ctx(), scope, letter); err != nil {
		return err
	}
	if err := a.Audit.Append(r.ctx(), scope.Site(), scope.Install(), r.caller, "queue.drop", map[string]any{"letter": letter}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
