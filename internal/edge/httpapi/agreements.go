package httpapi

import (
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/install"
)

// agreementJSON is what one person agreed to on an installation: that it acts as them, or that
// a developer's tunnel carries what they do in its pages.
type agreementJSON struct {
	Kind      string     `json:"kind"` // consent or tunnel
	User      id.User    `json:"user"`
	Since     time.Time  `json:"since"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	Developer string     `json:"developer,omitempty"`
	Words     []lineJSON `json:"words,omitempty"`
}

const (
	ofConsent = "consent"
	ofTunnel  = "tunnel"
)

func (a *API) listAgreements(w http.ResponseWriter, r *request) error {
	d, err := a.Installs.Detail(r.ctx(), r.caller, r.installation())
	if err != nil {
		return err
	}
	out, err := a.agreements(r, d.Installation)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"agreements": out})
	return nil
}

func (a *API) agreements(r *request, i install.Installation) ([]agreementJSON, error) {
	scope, err := scope(r.caller, i)
	if err != nil {
		return nil, err
	}
	words, err := a.Words(r.ctx())
	if err != nil {
		return nil, err
	}
	consents, err := a.Consents.OfInstallation(r.ctx(), scope)
	if err != nil {
		return nil, err
	}
	out := []agreementJSON{}
	for _, c := range consents {
		out = append(out, agreementJSON{Kind: ofConsent, User: c.User, Since: c.Given.UTC(), Words: lines(perm.Describe(c.Agreed, words))})
	}
	tunnels, err := a.Accounts.AgreementsOn(r.ctx(), scope)
	if err != nil {
		return nil, err
	}
	for _, t := range tunnels {
		if t.Product != i.Product {
			continue // of nobody who could be in its pages
		}
		until := t.Expires.UTC()
		out = append(out, agreementJSON{Kind: ofTunnel, User: t.User, Since: t.Created.UTC(), ExpiresAt: &until, Developer: a.accountName(r.ctx(), t.Account)})
	}
	return out, nil
}

// endAgreements ends what one person agreed to, of one kind or of both.
func (a *API) endAgreements(w http.ResponseWriter, r *request) error {
	user, kind := id.User(r.URL.Query().Get("user")), r.URL.Query().Get("kind")
	if err := required("user", string(user)); err != nil {
		return err
	}
	if kind != "" && kind != ofConsent && kind != ofTunnel {
		return fault.New(fault.Usage, "AGREEMENT_KIND", "kind is %q; agreements are of the kinds consent and tunnel", kind)
	}
	d, err := a.Installs.Detail(r.ctx(), r.caller, r.installation())
	if err != nil {
		return err
	}
	i := d.Installation
	all, err := a.agreements(r, i)
	if err != nil {
		return err
	}
	ended := 0
	for _, x := range all {
		if x.User == user && (kind == "" || kind == x.Kind) {
			ended++
		}
	}
	if ended == 0 {
		return fault.New(fault.NotFound, "NO_AGREEMENT", "that person agreed to nothing of the kind here").WithFix("list the agreements of the installation")
	}
	if kind != ofTunnel {
		if err := a.Consents.Revoke(r.ctx(), r.caller, i.Site, i.ID, i.Product, user); err != nil {
			return err
		}
	}
	if kind != ofConsent {
		if _, err := a.Accounts.EndAgreementsOn(r.ctx(), r.caller, i.Site, i.ID, i.Product, user); err != nil {
			return err
		}
	}
	writeJSON(w, http.StatusOK, map[string]int{"ended": ended})
	return nil
}
