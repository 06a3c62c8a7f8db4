package devtunnel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// maxPeople is how many persons' calls one tunnel carries.
const maxPeople = 8

// Agreement is a person's word that what they do in pages of one installation may run on the
// machine of one developer.
type Agreement struct {
	Account id.Account // the developer
	Install id.Install
	Site    id.Site
	Product id.Product
	User    id.User
}

// Offer is what a tunnel is to carry beside its developer's own calls.
type Offer struct {
	// Key is the SHA-256, in hexadecimal digits, of what requests to web triggers carry.
	Key string

	people []agreed
}

type agreed struct {
	proof string
	Agreement
}

var (
	keyHash = regexp.MustCompile(`^[0-9a-f]{64}$`)
	// keyForm is a key of 256 bits: what somebody made up is none.
	keyForm = regexp.MustCompile(`^anx_tunnel_[0-9a-f]{64}$`)
)

// Offered checks what a developer wants a tunnel to carry: the agreements are those that
// proofs are of now.
func (s *Service) Offered(ctx context.Context, p id.Principal, key string, proofs []string) (Offer, error) {
	if key != "" && !keyHash.MatchString(key) {
		return Offer{}, fault.New(fault.Usage, "TUNNEL_KEY", "Annex-Tunnel-Key is the SHA-256 of the key, in 64 hexadecimal digits")
	}
	if len(proofs) > maxPeople {
		return Offer{}, fault.New(fault.Limit, "LIMIT_TUNNELS", "a tunnel carries the calls of %d persons", maxPeople).With("limit", "people").With("figure", maxPeople)
	}
	o := Offer{Key: key}
	for _, proof := range proofs {
		a, err := s.cfg.Agreed(ctx, proof)
		if err != nil {
			return Offer{}, fault.Op("devtunnel.Offered", err)
		}
		if a.Account != p.Account {
			return Offer{}, fault.New(fault.Denied, "TUNNEL_AGREEMENT_ENDED", "the person agreed to another developer's tunnel").
				WithFix("run annex tunnel with --site: it shows a code for a person to agree")
		}
		o.people = append(o.people, agreed{proof, a})
	}
	return o, nil
}

// is says whether a call is the person's, made in a page of the installation.
func (a Agreement) is(c *call.Call) bool {
	return c.Kind == call.UI && c.Principal.Is(id.EndUser) && c.Installation == a.Install && a.Install != "" &&
		c.Principal.Site == a.Site && c.Principal.Product == a.Product && c.Principal.User == a.User && a.User != ""
}

// stillAgreed says whether each person whose calls a tunnel carries agrees to it.
func (s *Service) stillAgreed(ctx context.Context, t *tunnel) error {
	for _, x := range t.people {
		now, err := s.cfg.Agreed(ctx, x.proof)
		if err != nil {
			return err
		}
		if now != x.Agreement {
			return fault.New(fault.Denied, "TUNNEL_AGREEMENT_ENDED", "the agreement is another one now")
		}
	}
	return nil
}

// Divert gives what runs a call instead of the server: the tunnel of the app's owner, where it
// carries the call, nil where none does. A tunnel that another server holds is an error: to
// run what is deployed in its place would be a lie. So it is with a key that opens none.
func (s *Service) Divert(ctx context.Context, p *call.Policy, c *call.Call) (Guest, error) {
	if p.EnvType != call.Development {
		if c.TunnelKey != "" {
			return nil, fault.New(fault.Denied, "TUNNEL_DEVELOPMENT_ONLY", "the address is of a %s environment; only development can be tunnelled", p.EnvType)
		}
		return nil, nil
	}
	own := c.Kind == call.Invoke && c.Principal.Is(id.Developer) && c.Principal.Account == p.Owner
	keyed := c.Kind == call.WebTrigger && c.TunnelKey != ""
	person := c.Kind == call.UI && c.Principal.Is(id.EndUser)
	if p.Owner == "" || !own && !keyed && !person {
		return nil, nil
	}
	w := whose{p.Environment, p.Owner}
	t := s.at(w)
	switch {
	case t != nil && own, t != nil && keyed && t.opens(c.TunnelKey):
		return t.guest, nil
	case t != nil && person:
		return s.ofPerson(ctx, t, c)
	case t != nil && keyed:
		return nil, unknownKey()
	}
	far, err := s.heldElsewhere(ctx, w)
	if err != nil {
		return nil, fault.Op("devtunnel.Divert", err)
	}
	if far != nil && (own || keyed && far.opens(c.TunnelKey) || person && far.carries(c)) {
		return nil, fault.New(fault.Unavailable, "TUNNEL_ELSEWHERE", "the tunnel for this call is open at another server of this platform").With("retryable", true).
			WithFix("try again: another request may reach that server; have the load balancer keep a client's requests at one server (docs/tunnel.md); or end `annex tunnel` to call what is deployed")
	}
	if keyed {
		return nil, unknownKey()
	}
	return nil, nil
}

// ofPerson is the tunnel for a call of a person who agreed to it and still does.
func (s *Service) ofPerson(ctx context.Context, t *tunnel, c *call.Call) (Guest, error) {
	i := slices.IndexFunc(t.people, func(x agreed) bool { return x.is(c) })
	if i < 0 {
		return nil, nil
	}
	now, err := s.cfg.Agreed(ctx, t.people[i].proof)
	switch {
	case err == nil && now.is(c) && now.Account == t.account:
		return t.guest, nil
	case err == nil || fault.CodeOf(err) == "TUNNEL_AGREEMENT_ENDED":
		t.end(over(fault.New(fault.Denied, "TUNNEL_AGREEMENT_ENDED", "a person whose calls the tunnel carried does not agree any more")))
		return nil, nil // what is deployed answers who agrees to nothing
	}
	return nil, fault.Op("devtunnel.Divert", err)
}

func unknownKey() error {
	return fault.New(fault.Conflict, "TUNNEL_UNKNOWN", "no tunnel of this app is open with this key").
		WithFix("send the key that `annex tunnel` shows now, or no annex-tunnel header to reach what is deployed")
}

// opens says whether a request's key is the tunnel's. What is compared is a hash of 256 random bits.
func (t *tunnel) opens(key string) bool { return t.key != "" && hashOfKey(key) == t.key }

// hashOfKey is "" for what can be no key.
func hashOfKey(key string) string {
	if !keyForm.MatchString(key) {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// carried is what other servers are told that a tunnel carries of a person.
type carried struct {
	Install id.Install `json:"install"`
	User    id.User    `json:"user"`
}

// told is what other servers and the sites' admins may know of whom a tunnel carries.
func (t *tunnel) told() (string, error) {
	people := []carried{}
	for _, x := range t.people {
		people = append(people, carried{x.Install, x.User})
	}
	text, err := json.Marshal(people)
	return string(text), err
}

// record writes what becomes of a tunnel to the operator's trail, and to the trail of each
// site on which it carries a person's calls.
func (s *Service) record(ctx context.Context, p id.Principal, t *tunnel, act string, detail map[string]any) error {
	if err := s.cfg.Audit.Append(ctx, "", "", p, act, detail); err != nil {
		return err
	}
	for _, x := range t.people {
		if err := s.cfg.Audit.Append(ctx, x.Site, x.Install, p, act, detail); err != nil {
			return err
		}
	}
	return nil
}
