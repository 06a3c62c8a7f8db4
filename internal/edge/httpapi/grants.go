package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/install"
)

// pieceJSON is one thing that an admin can take away or switch off by itself.
type pieceJSON struct {
	Key   string     `json:"key"`
	Words []lineJSON `json:"words"`
	// State is "on", "off" (switched off), "trimmed" (not granted) or "asked" (no admin
	// has decided about it).
	State string `json:"state"`
	// Origin is "declared", "granted" for a host in a wildcard's place, or "configured".
	Origin string     `json:"origin"`
	By     string     `json:"by,omitempty"`
	ByName string     `json:"byName,omitempty"`
	At     *time.Time `json:"at,omitempty"`
}

func pieces(s perm.Set, words perm.Words) []pieceJSON {
	out := []pieceJSON{}
	for _, p := range perm.Pieces(s) {
		out = append(out, pieceJSON{Key: p.Key, Words: lines(perm.Describe(p.Set, words)), State: "on", Origin: "declared"})
	}
	return out
}

// permissions are all pieces that an installation has, had or may get.
func permissions(i install.Installation, words perm.Words) []pieceJSON {
	on := i.Allowed()
	asks := i.Asks()
	state := func(p perm.Piece) string {
		switch {
		case perm.Covers(on, p.Set):
			return "on"
		case perm.Covers(i.Granted, p.Set):
			return "off"
		case perm.HasPiece(asks, p.Key):
			return "asked"
		}
		return "trimmed"
	}
	out := []pieceJSON{}
	for _, p := range perm.Pieces(i.Declared) {
		out = append(out, pieceJSON{Key: p.Key, Words: lines(perm.Describe(p.Set, words)), State: state(p), Origin: "declared"})
	}
	for _, p := range perm.Pieces(perm.Intersect(i.Granted, i.Declared)) {
		if !perm.HasPiece(i.Declared, p.Key) {
			out = append(out, pieceJSON{Key: p.Key, Words: lines(perm.Describe(p.Set, words)), State: state(p), Origin: "granted"})
		}
	}
	for _, c := range i.Configured {
		set := perm.Set{Egress: []perm.Egress{{Type: c.Type, Pattern: c.Pattern, InScopeEUD: true}}}
		at := c.At.UTC()
		piece := pieceJSON{Key: perm.EgressKey(c.Type, c.Pattern), Words: lines(perm.Describe(set, words)), State: "off", Origin: "configured", By: c.By, At: &at}
		if perm.Covers(on, set) {
			piece.State = "on"
		}
		out = append(out, piece)
	}
	return withRemotes(out, i, on, words)
}

// withRemotes says of remotes where they are by an admin's word, and adds those that the app
// registered and an admin gave an address.
func withRemotes(out []pieceJSON, i install.Installation, on perm.Set, words perm.Words) []pieceJSON {
	inForce := map[string]perm.Set{}
	for _, p := range perm.Pieces(on) {
		inForce[p.Key] = p.Set
	}
	for _, c := range i.Remotes {
		key, at := "remote:"+c.Key, c.At.UTC()
		set, ok := inForce[key]
		if !ok || perm.URLOf(set, c.Key) == "" {
			continue // switched off, or not where it may be
		}
		n := slices.IndexFunc(out, func(p pieceJSON) bool { return p.Key == key })
		if n < 0 {
			out = append(out, pieceJSON{Key: key, Origin: "configured"})
			n = len(out) - 1
		}
		out[n].Words, out[n].State, out[n].By, out[n].At = lines(perm.Describe(set, words)), "on", c.By, &at
	}
	return out
}

type waitingJSON struct {
	Version id.Version `json:"version"`
	Number  string     `json:"number"`
	Hash    string     `json:"hash"`
	Reason  string     `json:"reason"`
	Due     *time.Time `json:"due,omitempty"`
	// More and Less are what it asks for beyond what was decided about, and no longer.
	More []lineJSON `json:"more"`
	Less []lineJSON `json:"less"`
}

type pastJSON struct {
	Version  id.Version `json:"version"`
	Number   string     `json:"number"`
	Hash     string     `json:"hash"`
	LastAt   time.Time  `json:"lastAt"`
	Declined bool       `json:"declined"`
	Current  bool       `json:"current"`
}

type handoverJSON struct {
	From string    `json:"from"`
	To   string    `json:"to"`
	At   time.Time `json:"at"`
}

type boundsJSON struct {
	Types    []perm.EgressType `json:"types"`
	Patterns []string          `json:"patterns"`
}

type detailJSON struct {
	Installation    installationJSON `json:"installation"`
	EnvironmentType string           `json:"environmentType"`
	Epoch           uint64           `json:"epoch"`
	Hash            string           `json:"hash"`
	AppManaged      bool             `json:"appManaged"`
	Permissions     []pieceJSON      `json:"permissions"`
	Effective       []lineJSON       `json:"effective"`
	Off             []string         `json:"off"`
	Configurable    *boundsJSON      `json:"configurable,omitempty"`
	Waiting         *waitingJSON     `json:"waiting,omitempty"`
	Asks            []lineJSON       `json:"asks"`
	Pinned          bool             `json:"pinned"`
	Past            []pastJSON       `json:"past"`
	Handover        *handoverJSON    `json:"handover,omitempty"`
	Blocked         string           `json:"blocked,omitempty"`
	Updates         string           `json:"updates"`
}

func (a *API) handoverView(ctx context.Context, h *install.Handover) *handoverJSON {
	if h == nil {
		return nil
	}
	return &handoverJSON{From: a.accountName(ctx, h.From), To: a.accountName(ctx, h.To), At: h.At.UTC()}
}

// accountName is an account's name for people; its id when it is gone.
func (a *API) accountName(ctx context.Context, account id.Account) string {
	if acc, err := a.Accounts.AccountByID(ctx, account); err == nil {
		return acc.Name
	}
	return string(account)
}

func (a *API) showInstallation(w http.ResponseWriter, r *request) error {
	d, err := a.Installs.Detail(r.ctx(), r.caller, r.installation())
	if err != nil {
		return err
	}
	out, err := a.detailView(r.ctx(), r.caller, d)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

func (a *API) detailView(ctx context.Context, p id.Principal, d install.Detail) (detailJSON, error) {
	i := d.Installation
	words, err := a.Installs.ProductWords(ctx, i.Product)
	if err != nil {
		return detailJSON{}, err
	}
	out := detailJSON{
		Installation: a.installationView(ctx, p, i, map[id.App]string{}), EnvironmentType: string(i.EnvType), Epoch: i.Epoch, Hash: i.Hash,
		AppManaged: i.AppManaged, Permissions: []pieceJSON{}, Effective: []lineJSON{}, Off: []string{}, Asks: []lineJSON{}, Pinned: i.Pinned,
		Past: []pastJSON{}, Handover: a.handoverView(ctx, i.Handover), Blocked: i.Blocked,
	}
	if s, err := a.Tenancy.SiteByID(ctx, i.Site); err == nil {
		out.Updates = s.Updates.String()
	}
	mine := !siteOnly(p, i)
	if i.Waiting != "" {
		out.Waiting = &waitingJSON{Version: i.Waiting, Number: i.WaitingNumber, Hash: i.WaitingHash, Reason: string(i.WaitingReason), More: []lineJSON{}, Less: []lineJSON{},
			Due: out.Installation.WaitingDue}
		have := i.Declared // for its developer: against what the running version declares
		if mine {
			have = perm.Union(i.Granted, i.Decided)
		}
		out.Waiting.More = lines(perm.Describe(perm.Diff(have, i.WaitingDeclared), words))
		out.Waiting.Less = lines(perm.Describe(perm.Diff(i.WaitingDeclared, i.Declared), words))
	}
	if !mine {
		return out, nil
	}
	out.Permissions = permissions(i, words)
	for n, x := range out.Permissions {
		if x.By != "" && !p.Is(id.Developer) {
			out.Permissions[n].ByName = a.Accounts.NameOf(ctx, x.By)
		}
	}
	out.Effective = lines(perm.Describe(i.Effective(), words))
	out.Off = append(out.Off, i.Off...)
	out.Asks = lines(perm.Describe(i.Asks(), words))
	if c := perm.Intersect(i.Granted, i.Declared).Configurable; c != nil {
		out.Configurable = &boundsJSON{Types: c.Types, Patterns: []string{}}
		if len(c.Types) == 0 {
			out.Configurable.Types = perm.EgressTypes
		}
		for _, x := range c.Patterns {
			out.Configurable.Patterns = append(out.Configurable.Patterns, x.String())
		}
	}
	for _, v := range d.Past {
		out.Past = append(out.Past, pastJSON{v.Version, v.Number, v.Hash, v.Last.UTC(), v.Declined, v.Version == i.Version})
	}
	return out, nil
}

// decided answers an admin's act with the installation as it is now.
func (a *API) decided(w http.ResponseWriter, r *request, err error) error {
	if err != nil {
		return err
	}
	return a.showInstallation(w, r)
}

func (a *API) approveInstallation(w http.ResponseWriter, r *request) error {
	var in confirmation
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := in.bound(); err != nil {
		return err
	}
	return a.decided(w, r, a.approve(r.ctx(), r, &in))
}

func (a *API) approve(ctx context.Context, r *request, c *confirmation) error {
	t, err := a.Installs.TargetOf(ctx, r.caller, r.installation())
	if err != nil {
		return err
	}
	_, err = a.Installs.Install(ctx, r.caller, t, c.confirmed())
	return err
}

func (a *API) declineVersion(w http.ResponseWriter, r *request) error {
	var in struct {
		Version id.Version `json:"version"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("version", string(in.Version)); err != nil {
		return err
	}
	_, err := a.Installs.Decline(r.ctx(), r.caller, r.installation(), in.Version)
	return a.decided(w, r, err)
}

// grantChange is what an admin takes from a grant, gives back to it, and switches.
type grantChange struct {
	Epoch   uint64              `json:"epoch"`
	Trim    []string            `json:"trim"`
	Replace map[string][]string `json:"replace"`
	Restore []string            `json:"restore"`
	Off     []string            `json:"off"`
	On      []string            `json:"on"`
}

func (c *grantChange) any() bool {
	return len(c.Trim)+len(c.Replace)+len(c.Restore)+len(c.Off)+len(c.On) > 0
}

func (c *grantChange) change() install.Change {
	return install.Change{Epoch: c.Epoch, Trim: c.Trim, Replace: c.Replace, Restore: c.Restore, Off: c.Off, On: c.On}
}

func (a *API) changeGrant(w http.ResponseWriter, r *request) error {
	var in grantChange
	if err := r.decode(&in); err != nil {
		return err
	}
	if !in.any() {
		return fault.New(fault.Usage, "MISSING", "nothing is to be changed").WithFix("name keys under trim, replace, restore, off or on")
	}
	if slices.ContainsFunc(slices.Concat(in.Trim, in.Restore, in.Off, in.On), func(k string) bool { return len(k) > 2000 }) {
		return fault.New(fault.Usage, "BAD_KEY", "a key is longer than any permission's")
	}
	_, err := a.Installs.Change(r.ctx(), r.caller, r.installation(), in.change())
	return a.decided(w, r, err)
}

func (a *API) pinInstallation(w http.ResponseWriter, r *request) error {
	_, err := a.Installs.Pin(r.ctx(), r.caller, r.installation(), true)
	return a.decided(w, r, err)
}

func (a *API) unpinInstallation(w http.ResponseWriter, r *request) error {
	_, err := a.Installs.Pin(r.ctx(), r.caller, r.installation(), false)
	return a.decided(w, r, err)
}

func (a *API) addEgress(w http.ResponseWriter, r *request) error {
	var in struct {
		Type perm.EgressType `json:"type"`
		Host string          `json:"host"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("type", string(in.Type), "host", in.Host); err != nil {
		return err
	}
	_, err := a.Installs.AddEgress(r.ctx(), r.caller, r.installation(), in.Type, in.Host)
	return a.decided(w, r, err)
}

func (a *API) removeEgress(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	if err := required("type", q.Get("type"), "host", q.Get("host")); err != nil {
		return err
	}
	_, err := a.Installs.RemoveEgress(r.ctx(), r.caller, r.installation(), perm.EgressType(q.Get("type")), q.Get("host"))
	return a.decided(w, r, err)
}
