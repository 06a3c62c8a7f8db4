package perm

import (
	"slices"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
	"pgregory.net/rapid"
)

func genAuthority(t *rapid.T) Authority {
	a := Authority{Blocked: rapid.IntRange(0, 9).Draw(t, "blocked") == 0}
	a.Granted, a.Declared, _ = related(t)
	for range rapid.IntRange(0, 2).Draw(t, "configured") {
		a.Configured = append(a.Configured, genEgress(t))
	}
	for range rapid.IntRange(0, 2).Draw(t, "remote URLs") {
		a.Remotes = append(a.Remotes, RemoteURL{Key: rapid.SampledFrom([]string{"a", "b", "new"}).Draw(t, "remote"), URL: rapid.SampledFrom([]string{
			"https://alice.example", "https://a.alice.example/x", "https://bob.example:8443", "http://10.1.2.3:8089", "not a URL"}).Draw(t, "URL"),
			Private: rapid.Bool().Draw(t, "private")})
	}
	for range rapid.IntRange(0, 1).Draw(t, "registered") {
		a.Registered = append(a.Registered, Remote{Key: rapid.SampledFrom([]string{"a", "new"}).Draw(t, "registered"), Patterns: []hostrule.Pattern{genPattern(t, hostrule.Remote)}})
	}
	keys := []string{analyticsKey, "egress:" + string(Backend), "scope:a", "remote:r"}
	for _, p := range Pieces(Union(a.Granted, Set{Egress: a.Configured})) {
		keys = append(keys, p.Key)
	}
	for range rapid.IntRange(0, 2).Draw(t, "off") {
		a.Off = append(a.Off, rapid.SampledFrom(keys).Draw(t, "key"))
	}
	return a
}

// What every decision stands on, law by law.
func TestEffective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := genAuthority(t)
		e := a.Effective()
		if a.Blocked {
			if !Empty(e) {
				t.Fatalf("a blocked one may %+v", e)
			}
			return
		}
		added := Set{Egress: a.Configured, Remotes: setRemotes(a)}
		if !Covers(Union(a.Granted, added), e) {
			t.Fatalf("more than was granted and configured: %+v", Diff(Union(a.Granted, added), e))
		}
		if !Covers(Union(a.Declared, added), e) {
			t.Fatalf("more than is declared and configured: %+v", e)
		}
		for _, r := range e.Remotes {
			for region, base := range r.Endpoints {
				checkEndpoint(t, a, r, region, base)
			}
		}
		for _, key := range a.Off {
			if HasPiece(e, key) {
				t.Fatalf("%q is switched off and there: %+v", key, e)
			}
		}
		plain := Authority{Granted: a.Granted, Declared: a.Declared}
		if len(a.Off) == 0 && len(a.Remotes) == 0 && !Covers(e, plain.Effective()) {
			t.Fatalf("configuring took away %+v", Diff(e, plain.Effective()))
		}
		// Less of anything that gives, or more of what takes, is never more authority.
		for name, less := range map[string]func(*Authority){
			"granted":    func(l *Authority) { l.Granted = Intersect(l.Granted, l.Declared) },
			"declared":   func(l *Authority) { l.Declared = Intersect(l.Declared, l.Granted) },
			"configured": func(l *Authority) { l.Configured = nil },
			"registered": func(l *Authority) { l.Registered = nil },
			"private": func(l *Authority) {
				l.Remotes = slices.Clone(l.Remotes)
				for i := range l.Remotes {
					l.Remotes[i].Private = false
				}
			},
			"off":     func(l *Authority) { l.Off = append(slices.Clone(l.Off), "egress:"+string(Client)) },
			"blocked": func(l *Authority) { l.Blocked = true },
		} {
			b := a
			if less(&b); !Covers(e, b.Effective()) {
				t.Fatalf("less %s gives more: %+v", name, Diff(e, b.Effective()))
			}
		}
		// Bounds that are not granted let nothing be configured.
		b := a
		b.Granted.Configurable, b.Remotes = nil, nil
		if !Covers(Intersect(b.Granted, b.Declared), b.Effective()) {
			t.Fatal("something is configured that may not be")
		}
	})
}

// setRemotes are the remotes that setting URLs can add, with every feature that a
// granted entry of the key has.
func setRemotes(a Authority) []Remote {
	both := Intersect(a.Granted, a.Declared)
	var out []Remote
	for _, u := range a.Remotes {
		r := Remote{Key: u.Key, Operations: slices.Clone(registeredOperations), InScopeEUD: true, Configurable: true}
		for _, x := range both.Remotes {
			if x.Key == u.Key {
				r.Operations = append(r.Operations, x.Operations...)
				r.UserToken, r.SystemToken = r.UserToken || x.UserToken, r.SystemToken || x.SystemToken
			}
		}
		for _, x := range a.Registered {
			if x.Key == u.Key {
				r.Patterns = append(r.Patterns, x.Patterns...)
			}
		}
		r.Endpoints = map[string]string{defaultRegion: u.URL}
		out = append(out, r)
	}
	return out
}

// checkEndpoint: an endpoint is the declared one where none was set, and the one that was
// set, within what was granted, where one was.
func checkEndpoint(t *rapid.T, a Authority, r Remote, region, base string) {
	both := Intersect(a.Granted, a.Declared)
	for _, u := range a.Remotes {
		if u.Key != r.Key {
			continue
		}
		for _, x := range a.Registered {
			both.Remotes = append(both.Remotes, Remote{Key: x.Key, Configurable: true, Patterns: x.Patterns})
		}
		if region != defaultRegion || !MayConfigureRemote(both, u) || newBaseURL(u.URL) != newBaseURL(base) {
			t.Fatalf("%s is at %s (%s) although %+v was set", r.Key, base, region, u)
		}
		return
	}
	if !Covers(both, Set{Remotes: []Remote{{Key: r.Key, Endpoints: map[string]string{region: base}}}}) {
		t.Fatalf("%s is at %s, which nobody declared or set", r.Key, base)
	}
}

func TestRemoteURLs(t *testing.T) {
	pattern, err := hostrule.ParsePattern("*.alice.example", hostrule.Remote)
	if err != nil {
		t.Fatal(err)
	}
	fixed := Remote{Key: "r", Endpoints: map[string]string{"default": "https://d.example", "EU": "https://eu.example"}}
	free := Remote{Key: "r", Endpoints: fixed.Endpoints, Configurable: true}
	bound := Remote{Key: "r", Endpoints: fixed.Endpoints, Configurable: true, Patterns: []hostrule.Pattern{pattern}}
	set := func(urls ...RemoteURL) []RemoteURL { return urls }
	for name, c := range map[string]struct {
		remote Remote
		set    []RemoteURL
		is     string
	}{
		"fixed":                         {fixed, nil, "https://d.example"},
		"default":                       {free, nil, "https://d.example"},
		"set":                           {free, set(RemoteURL{Key: "r", URL: "https://x.alice.example/v1"}), "https://x.alice.example/v1"},
		"of another remote":             {free, set(RemoteURL{Key: "q", URL: "https://x.alice.example"}), "https://d.example"},
		"within the pattern":            {bound, set(RemoteURL{Key: "r", URL: "https://x.alice.example"}), "https://x.alice.example"},
		"outside the pattern":           {bound, set(RemoteURL{Key: "r", URL: "https://alice.example.evil.test"}), ""},
		"the pattern in the path":       {bound, set(RemoteURL{Key: "r", URL: "https://evil.test/.alice.example"}), ""},
		"the pattern in the user name":  {bound, set(RemoteURL{Key: "r", URL: "https://x.alice.example@evil.test"}), ""},
		"no longer configurable":        {fixed, set(RemoteURL{Key: "r", URL: "https://x.alice.example"}), ""},
		"plain http":                    {free, set(RemoteURL{Key: "r", URL: "http://x.alice.example"}), ""},
		"an address":                    {free, set(RemoteURL{Key: "r", URL: "https://10.0.0.1"}), ""},
		"http with a grant":             {free, set(RemoteURL{Key: "r", URL: "http://10.0.0.1:8088", Private: true}), "http://10.0.0.1:8088"},
		"an address is in no pattern":   {bound, set(RemoteURL{Key: "r", URL: "https://10.0.0.1", Private: true}), ""},
		"a port that is another's":      {free, set(RemoteURL{Key: "r", URL: "http://10.0.0.1:25", Private: true}), ""},
		"http of a name in the pattern": {bound, set(RemoteURL{Key: "r", URL: "http://x.alice.example", Private: true}), "http://x.alice.example"},
	} {
		s := Set{Remotes: []Remote{c.remote}}
		e := Authority{Granted: s, Declared: s, Remotes: c.set}.Effective()
		if got := URLOf(e, "r"); got != c.is {
			t.Errorf("%s: %q, not %q", name, got, c.is)
		}
		if r, _ := RemoteOf(e, "r"); len(c.set) > 0 && c.set[0].Key == "r" && r.Endpoints["EU"] != "" {
			t.Errorf("%s: another region's endpoint stayed", name)
		}
		if !HasRemote(e, "r") {
			t.Errorf("%s: the remote itself is gone", name)
		}
	}
	// A registered remote exists only with a URL, within its patterns, of an app that may
	// be configured; a declared one of the key wins.
	reg := []Remote{{Key: "new", Patterns: []hostrule.Pattern{pattern}}}
	to := set(RemoteURL{Key: "new", URL: "https://x.alice.example"})
	may := Set{Configurable: &Configurable{}}
	for name, c := range map[string]struct {
		a  Authority
		is bool
	}{
		"set":                  {Authority{Granted: may, Declared: may, Registered: reg, Remotes: to}, true},
		"not set":              {Authority{Granted: may, Declared: may, Registered: reg}, false},
		"not granted":          {Authority{Declared: may, Registered: reg, Remotes: to}, false},
		"switched off":         {Authority{Granted: may, Declared: may, Registered: reg, Remotes: to, Off: []string{"remote:new"}}, false},
		"outside its patterns": {Authority{Granted: may, Declared: may, Registered: reg, Remotes: set(RemoteURL{Key: "new", URL: "https://evil.test"})}, false},
	} {
		if got := HasRemote(c.a.Effective(), "new"); got != c.is {
			t.Errorf("registered, %s: %v", name, got)
		}
	}
}

// The set decides about requests as the formula says, asked URL by URL.
func TestEffectiveDecidesRequests(t *testing.T) {
	var urls []hostrule.URL
	for _, text := range []string{"https://alice.example/", "https://a.alice.example/x", "https://b.a.alice.example/x/y", "https://bob.example/",
		"https://a.alice.example:8443/", "wss://alice.example/", "https://c.example/"} {
		u, err := hostrule.ParseURL(text)
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, u)
	}
	rapid.Check(t, func(t *rapid.T) {
		a := genAuthority(t)
		e := a.Effective()
		bounds := Intersect(a.Granted, a.Declared).Configurable
		for _, u := range urls {
			for _, typ := range []EgressType{Backend, Client, Images, Scripts} {
				may := AllowsURL(a.Granted, typ, u).Allow && AllowsURL(a.Declared, typ, u).Allow
				for _, c := range a.Configured {
					may = may || Bounds(bounds, c.Type, c.Pattern) && AllowsURL(Set{Egress: []Egress{c}}, typ, u).Allow
				}
				for _, key := range a.Off {
					if kt, p, ok := cutEgressKey(key); ok && kt == typ && (p == nil || hostrule.Match(*p, u, UseOf(typ))) {
						may = false
					}
				}
				if is := !a.Blocked && AllowsURL(e, typ, u).Allow; is && (!may || a.Blocked) {
					t.Fatalf("%s to %s is allowed: %+v", typ, u, a)
				}
			}
		}
	})
}

func TestPiecesAreTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := genSet().Draw(t, "s")
		var all Set
		for _, p := range Pieces(s) {
			all = Union(all, p.Set)
			if !p.named(p.Key) || !p.cutBy(p.Key) || !HasPiece(s, p.Key) || !Covers(Take(s, p.Key), p.Set) {
				t.Fatalf("%q does not name %+v", p.Key, p.Set)
			}
			left := Without(s, p.Key)
			if HasPiece(left, p.Key) || !Covers(s, left) || !Equal(left, Without(left, p.Key)) {
				t.Fatalf("without %q it is %+v", p.Key, left)
			}
			if back := Union(left, Take(s, p.Key)); !Covers(s, back) {
				t.Fatalf("giving %q back gives more: %+v", p.Key, Diff(s, back))
			}
		}
		if !Equal(all, s) {
			t.Fatalf("the pieces are %+v, the set %+v", all, Normal(s))
		}
	})
}

func TestWithout(t *testing.T) {
	egress := func(texts ...string) Set {
		var s Set
		for _, text := range texts {
			p, err := hostrule.ParsePattern(text, hostrule.Backend)
			if err != nil {
				t.Fatal(err)
			}
			s.Egress = append(s.Egress, Egress{Type: Backend, Pattern: p, InScopeEUD: true})
		}
		return s
	}
	key := func(text string) string { return EgressKey(Backend, egress(text).Egress[0].Pattern) }
	for _, c := range []struct {
		have []string
		key  string
		left []string
	}{
		{[]string{"api.alice.example", "bob.example"}, key("api.alice.example"), []string{"bob.example"}},
		{[]string{"*.alice.example", "bob.example"}, key("api.alice.example"), []string{"bob.example"}},
		{[]string{"api.alice.example", "bob.example"}, key("*.alice.example"), []string{"bob.example"}},
		{[]string{"*"}, key("api.alice.example"), nil},
		{[]string{"api.alice.example:8443"}, key("api.alice.example"), []string{"api.alice.example:8443"}},
		{[]string{"wss://api.alice.example", "bob.example"}, key("*"), []string{"wss://api.alice.example"}},
		{[]string{"bob.example"}, "egress:" + string(Backend), nil},
		{[]string{"bob.example"}, "egress:" + string(Client), []string{"bob.example"}},
	} {
		if got := Without(egress(c.have...), c.key); !Equal(got, egress(c.left...)) {
			t.Errorf("%v without %s is %+v", c.have, c.key, got)
		}
	}
	s := Set{Scopes: []Scope{{"read", true}}, Remotes: []Remote{{Key: "r"}}, Endpoints: []Endpoint{{Key: "e", Remote: "r"}, {Key: "f", Remote: "q"}}}
	if got := Without(s, "scope:read+impersonation"); !Equal(got, Set{Scopes: []Scope{{"read", false}}, Remotes: s.Remotes, Endpoints: s.Endpoints}) {
		t.Errorf("%+v", got)
	}
	if got := Without(s, "scope:read", "remote:r"); !Equal(got, Set{Endpoints: s.Endpoints[1:]}) {
		t.Errorf("%+v", got)
	}
}

// Words about what is asked tell where a remote is here, also where it is nowhere.
func TestLocated(t *testing.T) {
	asked := Set{Remotes: []Remote{{Key: "r", Configurable: true, Endpoints: map[string]string{"default": "https://d.example"}}, {Key: "q", Endpoints: map[string]string{"default": "https://q.example"}}}}
	for text, url := range map[string]string{"https://set.example": "https://set.example", "https://u@evil.test": ""} {
		here := Authority{Granted: asked, Declared: asked, Remotes: []RemoteURL{{Key: "r", URL: text}}}.Effective()
		if got := Located(asked, here); URLOf(got, "r") != url || URLOf(got, "q") != "https://q.example" || URLOf(asked, "r") != "https://d.example" {
			t.Errorf("%s: %+v", text, got)
		}
	}
	if got := Located(asked, Set{}); URLOf(got, "r") != "https://d.example" {
		t.Errorf("%+v", got)
	}
}
