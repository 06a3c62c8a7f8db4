package asking

import (
	"encoding/json"
	"regexp"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// Kind says which form a request has.
type Kind string

// Kinds of requests.
const (
	Groups  Kind = "groups"  // named groups, granted as a whole or not
	Flat    Kind = "flat"    // hosts, of which the admin chooses the types
	ToSet   Kind = "remotes" // addresses of remotes
	maxFlat      = 10
)

// Want is what an app asks for: one of its parts.
type Want struct {
	Groups  []Group      `json:"groups,omitempty"`
	Flat    *FlatWant    `json:"flat,omitempty"`
	Remotes []RemoteWant `json:"remotes,omitempty"`
}

// FlatWant asks for hosts in all ways, or some.
type FlatWant struct {
	Egress  []Destination `json:"egress"`
	Purpose string        `json:"purpose,omitempty"` // the app's words
	// Open says that the app named no types: it asks for what it can have. Left is what it
	// cannot have now, as is known without asking.
	Open bool          `json:"open,omitempty"`
	Left []Destination `json:"left,omitempty"`
}

// RemoteWant asks for a remote's address, "" for the default.
type RemoteWant struct {
	Key string `json:"key"`
	URL string `json:"url"`
}

func (w *Want) kind() Kind {
	switch {
	case w.Flat != nil:
		return Flat
	case len(w.Remotes) > 0:
		return ToSet
	}
	return Groups
}

var groupKey = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// AllTypes are those that a request for hosts without types is for.
var AllTypes = []perm.EgressType{perm.Backend, perm.Client, perm.Images, perm.Media, perm.Fonts, perm.Scripts, perm.Styles, perm.Frames}

func malformed(format string, args ...any) error {
	return fault.New(fault.Usage, "BAD_REQUEST", format, args...).With("status", 400)
}

// ReadGroups reads {egresses: [{key, description, configured: [{domain, type: […]}]}]}.
func ReadGroups(payload json.RawMessage) (Want, error) {
	var in struct {
		Egresses []struct {
			Key         string `json:"key"`
			Description string `json:"description"`
			Configured  []struct {
				Domain string          `json:"domain"`
				Type   json.RawMessage `json:"type"`
			} `json:"configured"`
		} `json:"egresses"`
	}
	if err := json.Unmarshal(payload, &in); err != nil {
		return Want{}, malformed("this is no list of groups: { egresses: [{ key, description, configured: [{ domain, type: [] }] }] }")
	}
	if len(in.Egresses) == 0 {
		return Want{}, malformed("no group is named")
	}
	var w Want
	for _, g := range in.Egresses {
		if !groupKey.MatchString(g.Key) {
			return Want{}, malformed("%.80q is no key of a group", g.Key)
		}
		if slices.ContainsFunc(w.Groups, func(x Group) bool { return x.Key == g.Key }) {
			return Want{}, fault.New(fault.Invalid, "DUPLICATE_KEY", "the group %q is named twice", g.Key).With("status", 422)
		}
		if len(g.Configured) == 0 {
			return Want{}, malformed("the group %q has no domain", g.Key)
		}
		if len(g.Configured) > 100 || len(g.Description) > 4000 {
			return Want{}, malformed("the group %q is too large", g.Key)
		}
		out := Group{Key: g.Key, Description: Clean(g.Description, maxMessage)}
		var texts []string
		for _, c := range g.Configured {
			types, err := readTypes(c.Type)
			if err != nil {
				return Want{}, err
			}
			if slices.Contains(texts, c.Domain) {
				return Want{}, fault.New(fault.Invalid, "DUPLICATE_DOMAIN", "the group %q names %.200q twice", g.Key, c.Domain).With("status", 422)
			}
			texts = append(texts, c.Domain)
			for _, t := range types {
				p, err := readDomain(c.Domain, t)
				if err != nil {
					return Want{}, err
				}
				if d := (Destination{t, p}); !slices.Contains(out.Egress, d) {
					out.Egress = append(out.Egress, d)
				}
			}
		}
		w.Groups = append(w.Groups, out)
	}
	return w, nil
}

// ReadFlat reads what requestDomains takes: {domains, types, purpose}.
func ReadFlat(payload json.RawMessage, bounds *perm.Configurable) (Want, error) {
	var in struct {
		Domains []string        `json:"domains"`
		Types   json.RawMessage `json:"types"`
		Purpose string          `json:"purpose"`
	}
	if err := json.Unmarshal(payload, &in); err != nil || len(in.Domains) == 0 {
		return Want{}, malformed("requestDomains takes a list of hosts")
	}
	if len(in.Domains) > maxFlat {
		return Want{}, fault.New(fault.Limit, "LIMIT_DOMAINS", "%d hosts are asked for at once; at most %d are shown", len(in.Domains), maxFlat).With("status", 400).With("limit", maxFlat)
	}
	types, chosen := AllTypes, len(in.Types) > 0 && string(in.Types) != "null"
	if chosen {
		var err error
		if types, err = readTypes(in.Types); err != nil {
			return Want{}, err
		}
	}
	out := &FlatWant{Purpose: Clean(in.Purpose, maxMessage), Open: !chosen}
	for _, text := range in.Domains {
		taken := 0
		var first error
		for _, t := range types {
			p, err := readDomain(text, t)
			if err == nil && !chosen && !perm.Bounds(bounds, t, p) && bounds != nil {
				continue // "all" is all that may be asked for
			}
			if err != nil {
				if first == nil {
					first = err
				}
				if !chosen {
					continue // "*" is no host for code
				}
				return Want{}, err
			}
			taken++
			if d := (Destination{t, p}); !slices.Contains(out.Egress, d) {
				out.Egress = append(out.Egress, d)
			}
		}
		if taken == 0 && first != nil {
			return Want{}, first
		}
		if taken == 0 {
			return Want{}, outside(text)
		}
	}
	return Want{Flat: out}, nil
}

// ReadRemotes reads {remotes: [{key, configured: {endpoint}}]}; an endpoint null resets.
func ReadRemotes(payload json.RawMessage) (Want, error) {
	var in struct {
		Remotes []struct {
			Key        string `json:"key"`
			Configured *struct {
				Endpoint *string `json:"endpoint"`
			} `json:"configured"`
		} `json:"remotes"`
	}
	if err := json.Unmarshal(payload, &in); err != nil || len(in.Remotes) == 0 || len(in.Remotes) > 20 {
		return Want{}, malformed("this is no list of remotes: { remotes: [{ key, configured: { endpoint } }] }")
	}
	var w Want
	for _, r := range in.Remotes {
		if slices.ContainsFunc(w.Remotes, func(x RemoteWant) bool { return x.Key == r.Key }) {
			return Want{}, fault.New(fault.Invalid, "DUPLICATE_KEY", "the remote %.80q is named twice", r.Key).With("status", 422)
		}
		if r.Configured == nil {
			return Want{}, malformed("the remote %.80q is given no configured", r.Key)
		}
		want := RemoteWant{Key: r.Key}
		if r.Configured.Endpoint != nil {
			if want.URL = *r.Configured.Endpoint; want.URL == "" || len(want.URL) > 1000 {
				return Want{}, malformed("the endpoint of %.80q is no address", r.Key)
			}
		}
		w.Remotes = append(w.Remotes, want)
	}
	return w, nil
}

func readTypes(text json.RawMessage) ([]perm.EgressType, error) {
	var types []perm.EgressType
	if json.Unmarshal(text, &types) != nil {
		var one perm.EgressType
		if json.Unmarshal(text, &one) != nil {
			return nil, malformed("type is a list of: %v", AllTypes)
		}
		types = []perm.EgressType{one}
	}
	if len(types) == 0 || len(types) > 20 {
		return nil, malformed("type is a list of: %v", AllTypes)
	}
	for _, t := range types {
		if perm.UseOf(t) == 0 {
			return nil, malformed("there is no type %.40q; types are: %v", t, AllTypes)
		}
	}
	return types, nil
}

func readDomain(text string, t perm.EgressType) (hostrule.Pattern, error) {
	use := perm.UseOf(t)
	p, err := hostrule.ParsePattern(text, use)
	if err != nil {
		return p, fault.New(fault.Invalid, "BAD_DOMAIN", "%.200q cannot be asked for (%s): %v", text, t, err).
			WithFix("name a host, such as api.example.com or *.example.com").With("status", 422)
	}
	return p.In(use), nil
}

func outside(what string) error {
	return fault.New(fault.Invalid, "OUTSIDE_BOUNDS", "%.200q is outside what the app's manifest says that it may ask for", what).
		WithFix("permissions.external.configurable in the manifest has the types and patterns").With("status", 422)
}
