package install

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
)

// ConfiguredRemote is the URL that an admin set for a remote.
type ConfiguredRemote struct {
	Key string    `json:"key"`
	URL string    `json:"url"`
	By  string    `json:"by"`
	At  time.Time `json:"at"`
	// Why is what that admin wrote beside it.
	Why string `json:"why,omitempty"`
}

// RegisteredRemote is a remote that the app registered at run time. It is a name with a
// bound, and nothing until an admin sets a URL for it.
type RegisteredRemote struct {
	Key         string             `json:"key"`
	Name        string             `json:"name"`
	Description string             `json:"description,omitempty"`
	Patterns    []hostrule.Pattern `json:"patterns,omitempty"`
	At          time.Time          `json:"at"`
}

// MaxRegistered is how many remotes an app may register for one installation.
const MaxRegistered = 20

var remoteKey = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,23}$`)

// SetRemote sets the URL of a remote that may be configured; "" resets it to what the
// manifest says. why is a note for those who look at it later. shown is the epoch that the
// admin was shown: the decision is about that.
func (s *Service) SetRemote(ctx context.Context, p id.Principal, install id.Install, key, url, why string, shown uint64) (Installation, error) {
	act := "install.remote-set"
	if url == "" {
		act = "install.remote-reset"
	}
	return s.admin(ctx, "install.SetRemote", p, install, act, func(ctx context.Context, i *Installation) error {
		if shown != i.Epoch {
			return changedMeanwhile(i)
		}
		was := i.remoteURL(key)
		if url == was {
			if url == "" && !i.knowsRemote(key) {
				return noRemote(key)
			}
			return errNothingChanged
		}
		i.Remotes = slices.DeleteFunc(slices.Clone(i.Remotes), func(r ConfiguredRemote) bool { return r.Key == key })
		if url != "" {
			base, err := i.baseFor(key, url)
			if err != nil {
				return err
			}
			i.Remotes = append(i.Remotes, ConfiguredRemote{key, base, p.String(), s.Now().UTC().Truncate(time.Millisecond), clip(strings.TrimSpace(why), maxDescription)})
		}
		return s.remoteChanged(ctx, i, key)
	})
}

func (i *Installation) remoteURL(key string) string {
	for _, r := range i.Remotes {
		if r.Key == key {
			return r.URL
		}
	}
	return ""
}

func (i *Installation) knowsRemote(key string) bool {
	return perm.HasRemote(i.Declared, key) || slices.ContainsFunc(i.Registered, func(r RegisteredRemote) bool { return r.Key == key })
}

func noRemote(key string) error {
	return fault.New(fault.NotFound, "NO_SUCH_REMOTE", "the app has no remote %q", key).
		WithFix("`annex remote list` tells which there are")
}

// baseFor is the URL as it is kept, or says why it may not be set.
func (i *Installation) baseFor(key, url string) (string, error) {
	may := i.remotesMay(key)
	r, ok := perm.RemoteOf(may, key)
	switch {
	case !ok:
		return "", noRemote(key)
	case !r.Configurable:
		return "", fault.New(fault.Denied, "NOT_CONFIGURABLE", "the remote %q has a fixed URL", key).
			WithFix("the app's manifest says `configurable` of a remote whose URL may be set")
	}
	private := i.privateRemote(key, url)
	parse := hostrule.ParseBaseURL
	if private {
		parse = hostrule.ParsePrivateURL
	}
	base, err := parse(url)
	if err != nil {
		e := fault.New(fault.Invalid, "BAD_REMOTE_URL", "that is no URL for a remote: %v", err)
		if _, perr := hostrule.ParsePrivateURL(url); perr == nil {
			return "", e.WithFix("plain http, addresses and names of a private network need a network grant for this remote first: `annex network grant`")
		}
		return "", e.WithFix("write an https URL, such as https://api.example.com/v1")
	}
	text := strings.TrimSuffix(base.String(), "/")
	if !perm.MayConfigureRemote(may, perm.RemoteURL{Key: key, URL: text, Private: private}) {
		return "", fault.New(fault.Denied, "OUTSIDE_PATTERNS", "%s is outside what the remote %q supports", base.Origin(), key).With("patterns", r.Patterns).
			WithFix("write one within %s", patternsOf(r.Patterns))
	}
	return text, nil
}

// remotesMay is what is granted of remotes, with the registered one of the key.
func (i *Installation) remotesMay(key string) perm.Set {
	may := perm.Intersect(i.Granted, i.Declared)
	if !perm.HasRemote(i.Declared, key) && perm.MayRegister(may) {
		for _, r := range i.Registered {
			if r.Key == key {
				may.Remotes = append(may.Remotes, perm.Remote{Key: key, Configurable: true, Patterns: r.Patterns})
			}
		}
	}
	return may
}

func (i *Installation) remoteMay(key string) (perm.Remote, bool) {
	return perm.RemoteOf(i.remotesMay(key), key)
}

// RegisterRemote takes down a remote that the app itself asks for at run time. It grants
// nothing: a registered remote exists once an admin has set a URL for it.
func (s *Service) RegisterRemote(ctx context.Context, scope tenant.Scope, r RegisteredRemote) error {
	r.Name, r.Description = strings.TrimSpace(r.Name), strings.TrimSpace(r.Description)
	switch {
	case !remoteKey.MatchString(r.Key):
		return fault.New(fault.Invalid, "INVALID_KEY", "a remote's key has 1 to 23 letters, digits, _ or -")
	case r.Name == "" || utf8.RuneCountInString(r.Name) > 100:
		return fault.New(fault.Invalid, "INVALID_NAME", "a remote's name has 1 to 100 characters")
	case utf8.RuneCountInString(r.Description) > 300:
		return fault.New(fault.Invalid, "INVALID_DESCRIPTION", "a remote's description has at most 300 characters")
	case len(r.Patterns) > 20:
		return fault.New(fault.Limit, "LIMIT_PATTERNS", "a remote has at most 20 patterns").With("limit", 20)
	}
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.tick(ctx); err != nil {
			return err
		}
		i, err := s.byID(ctx, scope)
		if err != nil {
			return err
		}
		if i == nil {
			return notYours()
		}
		switch {
		case !perm.MayRegister(i.Effective()):
			return fault.New(fault.Denied, "NOT_CONFIGURABLE", "the app does not say that it may be configured, or that was not granted").
				WithFix("say permissions.external.configurable in the manifest")
		case i.knowsRemote(r.Key):
			return fault.New(fault.Conflict, "KEY_TAKEN", "there is a remote %q already", r.Key)
		case len(i.Registered) >= MaxRegistered:
			return fault.New(fault.Limit, "LIMIT_REMOTES", "an app registers at most %d remotes", MaxRegistered).With("limit", MaxRegistered)
		}
		r.At = s.Now().UTC().Truncate(time.Millisecond)
		i.Registered = append(slices.Clone(i.Registered), r)
		if err := s.save(ctx, i); err != nil {
			return err
		}
		return s.record(ctx, id.Principal{Kind: id.Application, App: i.App, Install: i.ID, Site: i.Site}, i, "install.remote-register")
	})
	if err != nil {
		return fault.Op("install.RegisterRemote", err)
	}
	s.Refresh(ctx)
	return nil
}

// UnregisterRemote takes a registered remote and its URL away.
func (s *Service) UnregisterRemote(ctx context.Context, p id.Principal, install id.Install, key string) (Installation, error) {
	return s.admin(ctx, "install.UnregisterRemote", p, install, "install.remote-unregister", func(ctx context.Context, i *Installation) error {
		left := slices.DeleteFunc(slices.Clone(i.Registered), func(r RegisteredRemote) bool { return r.Key == key })
		if len(left) == len(i.Registered) {
			return noRemote(key)
		}
		i.Registered = left
		if !i.knowsRemote(key) {
			i.Remotes = slices.DeleteFunc(slices.Clone(i.Remotes), func(r ConfiguredRemote) bool { return r.Key == key })
			i.Networks = slices.DeleteFunc(slices.Clone(i.Networks), func(g NetworkGrant) bool { return g.Remote == key })
		}
		return s.remoteChanged(ctx, i, key)
	})
}

// remoteChanged tells of a remote whose endpoint is another one now, in the act's transaction.
func (s *Service) remoteChanged(ctx context.Context, i *Installation, key string) error {
	if s.RemoteChanged == nil {
		return nil
	}
	policy, err := i.policy()
	if err != nil {
		return err
	}
	return s.RemoteChanged(ctx, policy.Scope, key)
}

// networks are the grants behind the remotes, as decisions read them.
func (i *Installation) networks() []call.Network {
	var out []call.Network
	for _, g := range i.Networks {
		out = append(out, call.Network{Remote: g.Remote, Host: g.Host, Port: g.Port, CIDR: g.CIDR, CA: g.CA, Expires: g.Expires})
	}
	return out
}

func patternsOf(patterns []hostrule.Pattern) string {
	out := make([]string, len(patterns))
	for n, p := range patterns {
		out[n] = p.String()
	}
	return strings.Join(out, ", ")
}
