// Package outflow puts together what the control API and the console tell of an app's way
// out: where its requests went, what was configured and by whom, what a change would have
// refused, the least that it needs, and whether data leaves the site at all. Its promise:
// both tell the same, each only to whom the installation's data is; of production that is
// never the app's developer.
package outflow

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/receipts"
	"github.com/annexhq/annex/internal/feature/remote"
	"github.com/annexhq/annex/manifest"
)

// Service tells of installations' ways out.
type Service struct {
	Installs *install.Service
	Receipts *receipts.Log
	Logs     *applog.Service
	// Outward are the operations that a set opens by which the product itself sends elsewhere.
	Outward func(ctx context.Context, product id.Product, set perm.Set) ([]string, error)
	// Slots are the credentials that admins gave to remotes, without their secrets; Manifest
	// is a version's.
	Slots    func(ctx context.Context, p id.Principal, install id.Install) ([]remote.Slot, error)
	Manifest func(ctx context.Context, version id.Version) (*manifest.Manifest, error)
	// Asks reports whether a product's people agree to where an app may send data.
	Asks func(ctx context.Context, product id.Product) (bool, error)
	// Name is whom the text of a principal means, for people.
	Name func(ctx context.Context, actor string) string
	Now  func() time.Time
}

// Window is how far back requests are replayed, and looked at unless somebody says otherwise.
const Window = 30 * 24 * time.Hour

// installation is one that the principal may know this of, with its scope.
func (s *Service) installation(ctx context.Context, p id.Principal, ref id.Install) (install.Installation, tenant.Scope, error) {
	d, err := s.Installs.Detail(ctx, p, ref)
	if err != nil {
		return install.Installation{}, tenant.Scope{}, err
	}
	i := d.Installation
	if !p.Is(id.Developer) {
		scope, err := tenant.ForInstall(p, i.Site, i.ID)
		return i, scope, err
	}
	if i.EnvType == call.Production {
		return i, tenant.Scope{}, fault.New(fault.Denied, "PRODUCTION", "where a production installation sends is for its site's admins").
			WithFix("look at an installation from development or staging")
	}
	scope, err := tenant.ForOwner(p, i.Owner, i.Site, i.ID)
	return i, scope, err
}

// Sent is what left an installation within some time, and what may.
type Sent struct {
	Installation id.Install    `json:"installation"`
	Since        time.Time     `json:"since"`
	Until        time.Time     `json:"until"`
	Step         string        `json:"step"` // hour or day
	Signal       perm.Signal   `json:"signal"`
	Total        Count         `json:"total"`
	Destinations []Destination `json:"destinations"`
	// Possible are the destinations of what pages in browsers load. That does not pass the
	// server, so nobody counts it.
	Possible   []Possible   `json:"possible"`
	Configured []Configured `json:"configured"`
	Remotes    []Remote     `json:"remotes"`
	Networks   []Network    `json:"networks"`
	// Analytics says whether destinations of the category analytics are on; nil when there are none.
	Analytics *bool `json:"analytics,omitempty"`
}

// Count is how often, and how much.
type Count struct {
	Requests int64      `json:"requests"`
	Refused  int64      `json:"refused"`
	Failed   int64      `json:"failed"`
	Sent     int64      `json:"sent"`
	Received int64      `json:"received"`
	Last     *time.Time `json:"last,omitempty"`
}

// Destination is where requests went, or were not let go.
type Destination struct {
	Via    string `json:"via"` // fetch, remote, provider or product
	Key    string `json:"key,omitempty"`
	Type   string `json:"type,omitempty"`
	Origin string `json:"origin"` // "" for those that are counted together
	Count
	Rules   []string `json:"rules"` // that refused some
	Buckets []Bucket `json:"buckets"`
}

// Bucket is one hour or day.
type Bucket struct {
	From time.Time `json:"from"`
	Count
}

// Possible is a destination that pages may load from.
type Possible struct {
	Type    perm.EgressType `json:"type"`
	Pattern string          `json:"pattern"`
}

// Configured is a destination that an admin added at run time.
type Configured struct {
	Group       string          `json:"group,omitempty"`
	Description string          `json:"description,omitempty"`
	Type        perm.EgressType `json:"type"`
	Pattern     string          `json:"pattern"`
	By          string          `json:"by,omitempty"`
	ByName      string          `json:"byName,omitempty"`
	At          time.Time       `json:"at"`
	Metered     bool            `json:"metered"`
	Count
}

// Remote is a remote of the app that is configured, or may be.
type Remote struct {
	Key          string     `json:"key"`
	Name         string     `json:"name,omitempty"` // of one that the app registered
	URL          string     `json:"url,omitempty"`
	Configurable bool       `json:"configurable"`
	By           string     `json:"by,omitempty"`
	ByName       string     `json:"byName,omitempty"`
	At           *time.Time `json:"at,omitempty"`
	Why          string     `json:"why,omitempty"` // what that admin wrote beside it
	Count
}

// Network is a private network that was opened for a remote.
type Network struct {
	Remote  string     `json:"remote"`
	Host    string     `json:"host"`
	Port    uint16     `json:"port"`
	CIDR    string     `json:"cidr"`
	By      string     `json:"by,omitempty"`
	ByName  string     `json:"byName,omitempty"`
	At      time.Time  `json:"at"`
	Expires *time.Time `json:"expires,omitempty"`
}

func countOf(c receipts.Count) Count {
	out := Count{Requests: c.Requests, Refused: c.Refused, Failed: c.Failed, Sent: c.Sent, Received: c.Received}
	if !c.Last.IsZero() {
		last := c.Last.UTC()
		out.Last = &last
	}
	return out
}

func (c *Count) add(o Count) {
	c.Requests, c.Refused, c.Failed = c.Requests+o.Requests, c.Refused+o.Refused, c.Failed+o.Failed
	c.Sent, c.Received = c.Sent+o.Sent, c.Received+o.Received
	if o.Last != nil && (c.Last == nil || o.Last.After(*c.Last)) {
		c.Last = o.Last
	}
}

// Sent tells what left an installation. A zero since is Window before until, a zero until now.
func (s *Service) Sent(ctx context.Context, p id.Principal, ref id.Install, since, until time.Time) (Sent, error) {
	i, scope, err := s.installation(ctx, p, ref)
	if err != nil {
		return Sent{}, err
	}
	if until.IsZero() {
		until = s.Time()
	}
	if since.IsZero() {
		since = until.Add(-Window)
	}
	if err := s.Receipts.Flush(ctx); err != nil {
		return Sent{}, err
	}
	r, err := s.Receipts.Report(ctx, scope, since, until)
	if err != nil {
		return Sent{}, err
	}
	out := Sent{Installation: i.ID, Since: r.Since.UTC(), Until: r.Until.UTC(), Step: "hour", Total: countOf(r.Total), Destinations: []Destination{},
		Possible: []Possible{}, Configured: []Configured{}, Remotes: []Remote{}, Networks: []Network{}}
	if r.Step > time.Hour {
		out.Step = "day"
	}
	if out.Signal, err = s.Signal(ctx, p, &i); err != nil {
		return Sent{}, err
	}
	for _, d := range r.Destinations {
		one := Destination{Via: d.Via, Key: d.Key, Type: d.Type, Origin: d.Origin, Count: countOf(d.Count), Rules: append([]string{}, d.Rules...), Buckets: []Bucket{}}
		for _, b := range d.Buckets {
			one.Buckets = append(one.Buckets, Bucket{b.From, countOf(b.Count)})
		}
		out.Destinations = append(out.Destinations, one)
	}
	out.configured(&i, p.Is(id.Developer))
	s.name(ctx, &out)
	return out, nil
}

// name says the names of those who decided, as far as it is told at all who they are.
func (s *Service) name(ctx context.Context, out *Sent) {
	for n := range out.Configured {
		out.Configured[n].ByName = s.nameOf(ctx, out.Configured[n].By)
	}
	for n := range out.Remotes {
		out.Remotes[n].ByName = s.nameOf(ctx, out.Remotes[n].By)
	}
	for n := range out.Networks {
		out.Networks[n].ByName = s.nameOf(ctx, out.Networks[n].By)
	}
}

func (s *Service) nameOf(ctx context.Context, actor string) string {
	if actor == "" || s.Name == nil {
		return ""
	}
	return s.Name(ctx, actor)
}

// Time is what the service takes for now.
func (s *Service) Time() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// configured tells what admins set, and how much it was used; not to a developer, who.
func (out *Sent) configured(i *install.Installation, developer bool) {
	by := func(who string) string {
		if developer {
			return ""
		}
		return who
	}
	on := i.Allowed()
	for _, e := range on.Egress {
		if e.Type != perm.Backend {
			out.Possible = append(out.Possible, Possible{e.Type, e.Pattern.String()})
		}
	}
	words := map[string]string{}
	for _, g := range i.Groups {
		words[g.Key] = g.Description
	}
	for _, c := range i.Configured {
		one := Configured{Group: c.Group, Description: words[c.Group], Type: c.Type, Pattern: c.Pattern.String(), By: by(c.By), At: c.At.UTC(), Metered: c.Type == perm.Backend}
		for _, d := range out.Destinations {
			if d.Via == receipts.Fetch && d.Type == string(c.Type) && receipts.Admits(c.Type, c.Pattern, d.Origin) {
				one.add(d.Count)
			}
		}
		out.Configured = append(out.Configured, one)
	}
	out.remotes(i, on, by)
	for _, n := range i.Networks {
		one := Network{Remote: n.Remote, Host: n.Host, Port: n.Port, CIDR: n.CIDR.String(), By: by(n.By), At: n.At.UTC()}
		if !n.Expires.IsZero() {
			expires := n.Expires.UTC()
			one.Expires = &expires
		}
		out.Networks = append(out.Networks, one)
	}
	if slices.ContainsFunc(i.Declared.Egress, func(e perm.Egress) bool { return e.Category == "analytics" }) {
		yes := !slices.Contains(i.Off, "analytics")
		out.Analytics = &yes
	}
}

func (out *Sent) remotes(i *install.Installation, on perm.Set, by func(string) string) {
	add := func(r Remote) {
		if r.URL == "" {
			r.URL = perm.URLOf(on, r.Key)
		}
		for _, c := range i.Remotes {
			if c.Key == r.Key {
				at := c.At.UTC()
				r.By, r.At, r.Why = by(c.By), &at, by(c.Why)
			}
		}
		for _, d := range out.Destinations {
			if d.Via == receipts.Remote && d.Key == r.Key {
				r.add(d.Count)
			}
		}
		out.Remotes = append(out.Remotes, r)
	}
	seen := map[string]bool{}
	for _, r := range perm.Normal(perm.Intersect(i.Granted, i.Declared)).Remotes {
		if seen[r.Key] {
			continue
		}
		seen[r.Key] = true
		whole, _ := perm.RemoteOf(i.Declared, r.Key)
		add(Remote{Key: r.Key, Configurable: whole.Configurable})
	}
	for _, r := range i.Registered {
		add(Remote{Key: r.Key, Name: r.Name, Configurable: true})
	}
	slices.SortFunc(out.Remotes, func(a, b Remote) int { return cmp.Compare(a.Key, b.Key) })
}

// Signal tells whether data can leave a site by an installation.
func (s *Service) Signal(ctx context.Context, p id.Principal, i *install.Installation) (perm.Signal, error) {
	about := perm.Circumstances{LogsRead: i.EnvType != call.Production}
	if !about.LogsRead && !p.Is(id.Developer) {
		scope, err := tenant.ForInstall(p, i.Site, i.ID)
		if p.Kind == id.EndUser && p.Site == i.Site {
			scope, err = tenant.ForUser(p, i.ID)
		}
		if err != nil {
			return perm.Signal{}, err
		}
		share, err := s.Logs.Shared(ctx, scope)
		if err != nil {
			return perm.Signal{}, err
		}
		about.LogsRead = share != nil
	}
	return s.signal(ctx, i.Product, i.Effective(), about)
}

// SignalOf tells what the signal would be of a set that is about to be granted.
func (s *Service) SignalOf(ctx context.Context, product id.Product, env call.EnvType, set perm.Set) (perm.Signal, error) {
	return s.signal(ctx, product, set, perm.Circumstances{LogsRead: env != call.Production})
}

func (s *Service) signal(ctx context.Context, product id.Product, set perm.Set, about perm.Circumstances) (perm.Signal, error) {
	if s.Outward != nil {
		var err error
		if about.Outward, err = s.Outward(ctx, product, set); err != nil {
			return perm.Signal{}, err
		}
	}
	return perm.SignalOf(set, about), nil
}
