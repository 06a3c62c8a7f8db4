package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/trigger"
)

type webTriggerJSON struct {
	URL       string    `json:"url"`
	Module    string    `json:"module"`
	CreatedAt time.Time `json:"createdAt"`
	proofJSON
}

// proofJSON is how callers of a web trigger prove themselves. Secret is there only in the
// answer to the act that made it.
type proofJSON struct {
	Authentication string           `json:"authentication,omitempty"`
	Secret         string           `json:"secret,omitempty"`
	Secrets        []hookSecretJSON `json:"secrets,omitempty"`
}

type hookSecretJSON struct {
	CreatedAt time.Time `json:"createdAt"`
}

func webTriggerView(t trigger.Trigger, p trigger.Proof) webTriggerJSON {
	return webTriggerJSON{URL: t.URL, Module: t.Module, CreatedAt: t.Created.UTC(), proofJSON: proofView(p)}
}

func proofView(p trigger.Proof) proofJSON {
	out := proofJSON{Authentication: p.Authentication, Secret: p.Secret.Reveal()}
	for _, at := range p.Made {
		out.Secrets = append(out.Secrets, hookSecretJSON{at})
	}
	return out
}

// scope is the caller's right to an installation: the site's admin, or the app's
// developer.
func scope(p id.Principal, i install.Installation) (tenant.Scope, error) {
	if p.Kind == id.Developer {
		return tenant.ForOwner(p, i.Owner, i.Site, i.ID)
	}
	return tenant.ForInstall(p, i.Site, i.ID)
}

// scoped is the scope of an installation that the principal may see.
func (a *API) scoped(ctx context.Context, p id.Principal, t install.Target) (tenant.Scope, error) {
	i, err := a.Installs.Find(ctx, p, t)
	if err != nil {
		return tenant.Scope{}, err
	}
	return scope(p, i)
}

// named is the scope of the installation that a body names, asked is that of the one in a query.
func (a *API) named(r *request, t target) (tenant.Scope, error) {
	found, err := a.resolve(r.ctx(), t)
	if err != nil {
		return tenant.Scope{}, err
	}
	return a.scoped(r.ctx(), r.caller, found)
}

func (a *API) asked(r *request) (tenant.Scope, error) {
	t, err := a.queried(r)
	if err != nil {
		return tenant.Scope{}, err
	}
	return a.scoped(r.ctx(), r.caller, t)
}

func (a *API) listWebTriggers(w http.ResponseWriter, r *request) error {
	s, err := a.asked(r)
	if err != nil {
		return err
	}
	all, err := a.Triggers.List(r.ctx(), s, "")
	if err != nil {
		return err
	}
	proofs, err := a.Triggers.Proofs(r.ctx(), s, all)
	if err != nil {
		return err
	}
	out := []webTriggerJSON{}
	for _, x := range all {
		out = append(out, webTriggerView(x, proofs[x.Module]))
	}
	writeJSON(w, http.StatusOK, map[string]any{"webtriggers": out})
	return nil
}

func (a *API) createWebTrigger(w http.ResponseWriter, r *request) error {
	var in struct {
		target
		Module string `json:"module"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("module", in.Module); err != nil {
		return err
	}
	s, err := a.named(r, in.target)
	if err != nil {
		return err
	}
	made, err := a.Triggers.Create(r.ctx(), s, in.Module, false)
	if err != nil {
		return err
	}
	proof, err := a.Triggers.Issue(r.ctx(), r.caller, s, in.Module)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, webTriggerView(made, proof))
	return nil
}

// rotateWebTriggerSecret makes another secret of a module and tells it, this once.
func (a *API) rotateWebTriggerSecret(w http.ResponseWriter, r *request) error {
	var in struct {
		target
		Module string `json:"module"`
		Retire bool   `json:"retire"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("module", in.Module); err != nil {
		return err
	}
	s, err := a.named(r, in.target)
	if err != nil {
		return err
	}
	proof, err := a.Triggers.Rotate(r.ctx(), r.caller, s, in.Module, in.Retire)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct {
		Module string `json:"module"`
		proofJSON
	}{proof.Module, proofView(proof)})
	return nil
}

// retireWebTriggerSecret ends the secret before the newest.
func (a *API) retireWebTriggerSecret(w http.ResponseWriter, r *request) error {
	module := r.URL.Query().Get("module")
	if err := required("module", module); err != nil {
		return err
	}
	s, err := a.asked(r)
	if err != nil {
		return err
	}
	if _, err := a.Triggers.Retire(r.ctx(), r.caller, s, module); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) deleteWebTrigger(w http.ResponseWriter, r *request) error {
	address := r.URL.Query().Get("url")
	if err := required("url", address); err != nil {
		return err
	}
	s, err := a.asked(r)
	if err != nil {
		return err
	}
	if err := a.Triggers.Delete(r.ctx(), s, address); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// invoke calls a function for its developer. In production a developer sees no
// results (SPEC 9), so there it is refused before the function runs.
func (a *API) invoke(w http.ResponseWriter, r *request) error {
	var in struct {
		target
		Function string          `json:"function"`
		Payload  json.RawMessage `json:"payload"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("function", in.Function); err != nil {
		return err
	}
	t, err := a.resolve(r.ctx(), in.target)
	if err != nil {
		return err
	}
	i, err := a.Installs.Find(r.ctx(), r.caller, t)
	if err != nil {
		return err
	}
	if i.EnvType == call.Production {
		return fault.New(fault.Denied, "PRODUCTION_RESULTS", "a developer cannot call functions in production: the results are the site's").
			WithFix("use development or staging")
	}
	handler, err := a.Registry.Handler(r.ctx(), i.Version, in.Function)
	if err != nil {
		return err
	}
	c := &call.Call{
		Kind: call.Invoke, Installation: i.ID, Module: in.Function, Function: handler, Principal: r.caller,
		Context: json.RawMessage(`{}`), Payload: in.Payload, ContentType: "application/json",
	}
	started := time.Now()
	res, err := a.Invoker.Invoke(r.ctx(), c)
	if err != nil {
		return withInvocation(err, c.ID)
	}
	out := map[string]any{
		"invocation": c.ID, "durationMs": ms(time.Since(started)), "cpuMs": ms(res.Stats.CPU),
	}
	if len(res.Body) > 0 {
		out["result"] = json.RawMessage(res.Body)
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// withInvocation adds the call's id to its error, for `annex logs --invocation`; a call that was
// refused before it began has none.
func withInvocation(err error, invocation id.Invocation) error {
	if e, ok := fault.As(err); ok && invocation != "" {
		return e.With("invocation", invocation)
	}
	return err
}
