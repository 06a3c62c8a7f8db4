package httpapi

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/outflow"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/remote"
)

func (a *API) listRemotes(w http.ResponseWriter, r *request) error {
	out, err := a.Outflow.Remotes(r.ctx(), r.caller, r.installation())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// remotesNow answers an admin's act with the remotes as they are now.
func (a *API) remotesNow(w http.ResponseWriter, r *request, err error) error {
	if err != nil {
		return err
	}
	return a.listRemotes(w, r)
}

func (a *API) setRemote(w http.ResponseWriter, r *request) error {
	var in struct {
		URL   string  `json:"url"`
		Why   string  `json:"why"`
		Epoch *uint64 `json:"epoch"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("url", in.URL); err != nil {
		return err
	}
	if in.Epoch == nil {
		return noEpoch()
	}
	_, err := a.Installs.SetRemote(r.ctx(), r.caller, r.installation(), r.PathValue("remote"), in.URL, in.Why, *in.Epoch)
	return a.remotesNow(w, r, err)
}

func (a *API) resetRemote(w http.ResponseWriter, r *request) error {
	epoch, err := strconv.ParseUint(r.URL.Query().Get("epoch"), 10, 64)
	if err != nil {
		return noEpoch()
	}
	_, err = a.Installs.SetRemote(r.ctx(), r.caller, r.installation(), r.PathValue("remote"), "", "", epoch)
	return a.remotesNow(w, r, err)
}

func noEpoch() error {
	return fault.New(fault.Usage, "MISSING", "epoch is missing").WithFix("give the epoch of the list that you looked at")
}

func (a *API) setCredential(w http.ResponseWriter, r *request) error {
	var in struct {
		Origin string `json:"origin"`
		remote.Credential
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("origin", in.Origin, "kind", in.Kind, "secret", in.Secret); err != nil {
		return err
	}
	slot, err := a.Remotes.SetCredential(r.ctx(), r.caller, r.installation(), r.PathValue("remote"), in.Origin, in.Credential)
	if err != nil {
		return err
	}
	out := outflow.CredentialOf(slot, a.Outflow.Time())
	out.ByName = a.Accounts.NameOf(r.ctx(), slot.By)
	writeJSON(w, http.StatusOK, out)
	return nil
}

func (a *API) clearCredential(w http.ResponseWriter, r *request) error {
	if err := a.Remotes.ClearCredential(r.ctx(), r.caller, r.installation(), r.PathValue("remote")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) grantNetwork(w http.ResponseWriter, r *request) error {
	var in struct {
		Network string  `json:"network"`
		Host    string  `json:"host"`
		Port    uint16  `json:"port"`
		CA      string  `json:"ca"`
		Epoch   *uint64 `json:"epoch"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("network", in.Network, "host", in.Host); err != nil {
		return err
	}
	if in.Port == 0 {
		return fault.New(fault.Usage, "MISSING", "port is missing")
	}
	if in.Epoch == nil {
		return noEpoch()
	}
	_, err := a.Installs.GrantNetwork(r.ctx(), r.caller, r.installation(), in.Network, r.PathValue("remote"), in.Host, in.Port, in.CA, *in.Epoch)
	return a.remotesNow(w, r, err)
}

func (a *API) revokeNetwork(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	if err := required("host", q.Get("host"), "port", q.Get("port")); err != nil {
		return err
	}
	port, err := strconv.ParseUint(q.Get("port"), 10, 16)
	if err != nil {
		return fault.New(fault.Usage, "BAD_PORT", "port is a number up to 65535")
	}
	_, err = a.Installs.RevokeNetwork(r.ctx(), r.caller, r.installation(), r.PathValue("remote"), q.Get("host"), uint16(port))
	return a.remotesNow(w, r, err)
}

// listModules tells of what an app registered at run time.
func (a *API) listModules(w http.ResponseWriter, r *request) error {
	all, err := a.Outflow.Remotes(r.ctx(), r.caller, r.installation())
	if err != nil {
		return err
	}
	out := []outflow.Module{}
	for _, x := range all.Remotes {
		if m, ok := x.Module(); ok {
			out = append(out, m)
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"modules": out})
	return nil
}

func (a *API) removeModule(w http.ResponseWriter, r *request) error {
	if _, err := a.Installs.UnregisterRemote(r.ctx(), r.caller, r.installation(), r.PathValue("module")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type networkJSON struct {
	ID      string     `json:"id"`
	CIDR    string     `json:"cidr"`
	Ports   []uint16   `json:"ports"`
	CA      bool       `json:"ca"`
	Note    string     `json:"note,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
	By      string     `json:"by"`
	ByName  string     `json:"byName"`
	At      time.Time  `json:"at"`
}

func (a *API) networkView(ctx context.Context, n install.Network) networkJSON {
	out := networkJSON{ID: n.ID, CIDR: n.CIDR.String(), Ports: slices.Clone(n.Ports), CA: n.CA != "", Note: n.Note, By: n.By, ByName: a.Accounts.NameOf(ctx, n.By), At: n.At.UTC()}
	if !n.Expires.IsZero() {
		expires := n.Expires.UTC()
		out.Expires = &expires
	}
	return out
}

func (a *API) listNetworks(w http.ResponseWriter, r *request) error {
	site, err := a.siteOf(r)
	if err != nil {
		return err
	}
	all, err := a.Installs.SiteNetworks(r.ctx(), r.caller, site)
	if err != nil {
		return err
	}
	out := []networkJSON{}
	for _, n := range all {
		out = append(out, a.networkView(r.ctx(), n))
	}
	writeJSON(w, http.StatusOK, map[string]any{"networks": out})
	return nil
}

func (a *API) addNetwork(w http.ResponseWriter, r *request) error {
	var in struct {
		CIDR    string     `json:"cidr"`
		Ports   []uint16   `json:"ports"`
		CA      string     `json:"ca"`
		Note    string     `json:"note"`
		Expires *time.Time `json:"expires"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("cidr", in.CIDR); err != nil {
		return err
	}
	if len(in.Ports) == 0 {
		return fault.New(fault.Usage, "MISSING", "ports is missing")
	}
	site, err := a.siteOf(r)
	if err != nil {
		return err
	}
	n := install.Network{Site: site, Ports: in.Ports, CA: in.CA, Note: in.Note}
	n.CIDR, _ = netip.ParsePrefix(in.CIDR) // one that is none is refused with the rest
	if in.Expires != nil {
		n.Expires = *in.Expires
	}
	if n, err = a.Installs.ListNetwork(r.ctx(), r.caller, n); err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, a.networkView(r.ctx(), n))
	return nil
}

func (a *API) removeNetwork(w http.ResponseWriter, r *request) error {
	site, err := a.siteOf(r)
	if err != nil {
		return err
	}
	if err := a.Installs.UnlistNetwork(r.ctx(), r.caller, site, r.PathValue("network")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// siteOf is the site that the path names. Another site's admin learns no more of it than
// that there is none for them.
func (a *API) siteOf(r *request) (id.Site, error) {
	s, err := a.site(r.ctx(), r.PathValue("site"))
	if r.caller.Kind == id.SiteAdmin && (fault.KindOf(err) == fault.NotFound || err == nil && r.caller.Site != s.ID) {
		return "", fault.New(fault.NotFound, "NOT_YOURS", "there is no such site, or it is not yours")
	}
	return s.ID, err
}
