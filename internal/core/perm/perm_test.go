package perm

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
	"pgregory.net/rapid"
)

func pattern(t testing.TB, text string, use hostrule.Use) hostrule.Pattern {
	t.Helper()
	p, err := hostrule.ParsePattern(text, use)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return p
}

func egress(t testing.TB, typ EgressType, hosts ...string) Set {
	t.Helper()
	var s Set
	for _, h := range hosts {
		s.Egress = append(s.Egress, Egress{Type: typ, Pattern: pattern(t, h, UseOf(typ)), InScopeEUD: true})
	}
	return s
}

func TestCovers(t *testing.T) {
	conf := func(types []EgressType, hosts ...string) Set {
		c := &Configurable{Types: types}
		for _, h := range hosts {
			c.Patterns = append(c.Patterns, pattern(t, h, hostrule.Resource))
		}
		return Set{Configurable: c}
	}
	remote := func(r Remote) Set { r.Key = "r"; return Set{Remotes: []Remote{r}} }
	at := func(url string) map[string]string { return map[string]string{"default": url} }
	within := func(hosts ...string) Remote {
		r := Remote{Configurable: true}
		for _, h := range hosts {
			r.Patterns = append(r.Patterns, pattern(t, h, hostrule.Remote))
		}
		return r
	}
	for _, c := range []struct {
		name       string
		have, want Set
		ok         bool
	}{
		{"nothing needs nothing", Set{}, Set{}, true},
		{"an unknown egress type permits nothing", Set{}, Set{Egress: []Egress{{Type: "X", Pattern: hostrule.Pattern{Any: true}}}}, true},
		{"a wildcard covers deeper", egress(t, Backend, "*.alice.example"), egress(t, Backend, "a.b.alice.example", "*.b.alice.example"), true},
		{"a wildcard does not cover the apex", egress(t, Backend, "*.alice.example"), egress(t, Backend, "alice.example"), false},
		{"another type is more", egress(t, Images, "alice.example"), egress(t, Scripts, "alice.example"), false},
		{"backend * is port 443", egress(t, Backend, "*"), egress(t, Backend, "alice.example:8443"), false},
		{"browser * is any port", egress(t, Client, "*"), egress(t, Client, "alice.example:8443"), true},
		{"* is not wss", egress(t, Client, "*"), egress(t, Client, "wss://alice.example"), false},
		{"browser paths count", egress(t, Images, "alice.example/a/"), egress(t, Images, "alice.example/b/"), false},
		{"backend paths do not", egress(t, Backend, "alice.example/a/"), egress(t, Backend, "alice.example/b/"), true},
		{"what was analytics is more without", Set{Egress: []Egress{{Type: Backend, Pattern: pattern(t, "alice.example", hostrule.Backend), Category: "analytics", InScopeEUD: true}}}, egress(t, Backend, "alice.example"), false},
		{"end-user data is more", Set{Egress: []Egress{{Type: Backend, Pattern: pattern(t, "alice.example", hostrule.Backend)}}}, egress(t, Backend, "alice.example"), false},
		{"impersonation is more", Set{Scopes: []Scope{{Name: "s"}}}, Set{Scopes: []Scope{{Name: "s", Impersonation: true}}}, false},
		{"an open web trigger covers an authenticated one", Set{WebTriggers: []WebTrigger{{Key: "k"}}}, Set{WebTriggers: []WebTrigger{{Key: "k", Authentication: "hmac"}}}, true},
		{"not the other way round", Set{WebTriggers: []WebTrigger{{Key: "k", Authentication: "hmac"}}}, Set{WebTriggers: []WebTrigger{{Key: "k"}}}, false},
		{"a deeper remote path", remote(Remote{Endpoints: at("https://api.alice.example/v1")}), remote(Remote{Endpoints: at("https://API.alice.example:443/v1/x/")}), true},
		{"a remote path beside", remote(Remote{Endpoints: at("https://api.alice.example/v1")}), remote(Remote{Endpoints: at("https://api.alice.example/v10")}), false},
		{"a token for another address", remote(Remote{Endpoints: at("https://a.example/"), UserToken: true}), remote(Remote{Endpoints: at("https://b.example"), UserToken: true}), false},
		{"rights add up for one address only", Union(remote(Remote{Endpoints: at("https://a.example/"), UserToken: true}), remote(Remote{Endpoints: at("https://b.example")})),
			remote(Remote{Endpoints: at("https://b.example"), UserToken: true}), false},
		{"any endpoint covers some", remote(within()), remote(within("*.alice.example")), true},
		{"some do not cover any", remote(within("*")), remote(within()), false},
		{"a fixed address is no configurable one", remote(within()), remote(Remote{Endpoints: at("https://a.example")}), false},
		{"an event for all", Set{AppEvents: []AppEvent{{Name: "e", Recipients: []string{"*"}}}}, Set{AppEvents: []AppEvent{{Name: "e", Recipients: []string{"x", "y"}}}}, true},
		{"an event for one", Set{AppEvents: []AppEvent{{Name: "e", Recipients: []string{"x"}}}}, Set{AppEvents: []AppEvent{{Name: "e", Recipients: []string{"*"}}}}, false},
		{"memory", Set{MemoryMB: 1024}, Set{MemoryMB: 1023}, true},
		{"more memory", Set{MemoryMB: 1023}, Set{MemoryMB: 1024}, false},
		{"isolation", Set{}, Set{Isolation: "process"}, false},
		{"an unbounded question covers a bounded one", conf(nil), conf([]EgressType{Images}, "alice.example"), true},
		{"not the other way round, types", conf([]EgressType{Images}), conf(nil), false},
		{"not the other way round, hosts", conf(nil, "*"), conf(nil), false},
		{"bounds with no known type ask nothing", Set{}, conf([]EgressType{"X"}), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Covers(c.have, c.want); got != c.ok {
				t.Errorf("Covers = %v; lacking %+v", got, Diff(c.have, c.want))
			}
		})
	}
}

func TestEachFieldIsAuthority(t *testing.T) {
	full := Set{
		Scopes: []Scope{{Name: "s"}}, Egress: egress(t, Backend, "alice.example").Egress, Remotes: []Remote{{Key: "r"}},
		Endpoints: []Endpoint{{Key: "e", Remote: "r"}}, Providers: []Provider{{Key: "p"}}, Content: []Content{{"scripts", "unsafe-eval"}},
		Sandbox: []string{"x"}, WebTriggers: []WebTrigger{{Key: "w"}}, Events: []string{"e"}, AppEvents: []AppEvent{{"e", []string{"x"}}},
		Actions: []string{"a"}, APIRoutes: []APIRoute{{Key: "k"}}, Isolation: "process", MemoryMB: 1, Configurable: &Configurable{},
	}
	v := reflect.ValueOf(full)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if v.Field(i).IsZero() {
			t.Errorf("%s: give the test a value for it", name)
			continue
		}
		var one Set
		reflect.ValueOf(&one).Elem().Field(i).Set(v.Field(i))
		if Empty(one) || Covers(Set{}, one) {
			t.Errorf("%s widens nothing", name)
		}
		without := full
		reflect.ValueOf(&without).Elem().Field(i).SetZero()
		if Covers(without, full) {
			t.Errorf("%s is covered by the others", name)
		}
		if len(Describe(one, nil)) == 0 {
			t.Errorf("%s is not told to an admin", name)
		}
		if _, ok := Counterexample(without, full); !ok {
			t.Errorf("%s has no counter-example", name)
		}
	}
	// Within entries too, each field must count.
	for _, entry := range []any{Remote{}, Endpoint{}, Provider{}, WebTrigger{}, APIRoute{}, Scope{}, Content{}} {
		typ := reflect.TypeOf(entry)
		for i := range typ.NumField() {
			a, b := reflect.New(typ).Elem(), reflect.New(typ).Elem()
			b.Field(i).Set(sample(t, typ.Field(i).Type))
			if typ == reflect.TypeFor[Remote]() && typ.Field(i).Name == "Patterns" {
				a.FieldByName("Configurable").SetBool(true)
				b.FieldByName("Configurable").SetBool(true)
			}
			if reflect.DeepEqual(Normal(holding(a)), Normal(holding(b))) {
				t.Errorf("%s.%s makes no difference", typ, typ.Field(i).Name)
			}
		}
	}
}

func sample(t *testing.T, typ reflect.Type) reflect.Value {
	switch typ {
	case reflect.TypeFor[string]():
		return reflect.ValueOf("x")
	case reflect.TypeFor[bool]():
		return reflect.ValueOf(true)
	case reflect.TypeFor[[]string]():
		return reflect.ValueOf([]string{"x"})
	case reflect.TypeFor[map[string]string]():
		return reflect.ValueOf(map[string]string{"default": "https://a.example"})
	case reflect.TypeFor[[]hostrule.Pattern]():
		return reflect.ValueOf([]hostrule.Pattern{pattern(t, "a.example", hostrule.Remote)})
	}
	t.Fatalf("no sample of %s", typ)
	return reflect.Value{}
}

func holding(entry reflect.Value) Set {
	var s Set
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice && f.Type().Elem() == entry.Type() {
			f.Set(reflect.Append(f, entry))
		}
	}
	return s
}

func TestCounterexampleIsTheLeast(t *testing.T) {
	have := egress(t, Backend, "a.alice.example", "b.alice.example", "zz.example")
	want := Union(egress(t, Backend, "*.alice.example", "longer.host.bob.example"), Set{Events: []string{"e"}})
	e, ok := Counterexample(have, want)
	if !ok || e.Type != Backend || e.URL != "https://c.alice.example/" {
		t.Errorf("%+v", e)
	}
	if e, _ := Counterexample(egress(t, Client, "a.example"), egress(t, Client, "*")); e.URL != "https://b.example/" {
		t.Errorf("%+v", e)
	}
	have.Egress[0].InScopeEUD = false
	if e, ok := Counterexample(have, egress(t, Backend, "a.alice.example")); !ok || e.URL != "" || !strings.Contains(e.Text, "end-user data") {
		t.Errorf("%+v", e)
	}
}

func TestDescribe(t *testing.T) {
	s := egress(t, Backend, "api.alice.example", "*.bob.example", "wss://rt.bob.example:8443", "https://api.alice.example/ignored")
	s.Egress = append(s.Egress, Egress{Type: Client, Pattern: hostrule.Pattern{Any: true}})
	s.Egress = append(s.Egress, Egress{Type: Backend, Pattern: pattern(t, "stats.example", hostrule.Backend), Category: "analytics", InScopeEUD: true})
	s.Scopes = []Scope{{Name: "read:issue", Impersonation: true}, {Name: "odd\u202escope"}}
	s.WebTriggers = []WebTrigger{{Key: "hook"}}
	words := func(scope string) (title, detail, risk string, ok bool) {
		return "Read issues", "Titles and texts of all issues.", "medium", scope == "read:issue"
	}
	got, err := json.MarshalIndent(Describe(s, words), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `[
 {
  "group": "data",
  "title": "\"odd\\u202escope\"",
  "detail": "The product gives no words for this scope."
 },
 {
  "group": "data",
  "title": "Read issues",
  "items": [
   "read:issue"
  ],
  "detail": "Titles and texts of all issues.",
  "risk": "medium"
 },
 {
  "group": "data",
  "title": "As a user who is not present: Read issues",
  "detail": "The app may act as any user who agreed to it, also while that user is away.",
  "loud": true
 },
 {
  "group": "sends",
  "title": "Its functions can send data to",
  "items": [
   "*.bob.example (every host below bob.example)",
   "api.alice.example",
   "wss://rt.bob.example:8443"
  ]
 },
 {
  "group": "sends",
  "title": "Its functions can send data to",
  "items": [
   "stats.example"
  ],
  "detail": "For analytics: you can switch this off."
 },
 {
  "group": "sends",
  "title": "Its pages can send data to ANY ADDRESS ON THE INTERNET",
  "detail": "Nothing limits where data goes: over https, to any host. The developer states that no end-user data goes there.",
  "loud": true
 },
 {
  "group": "callers",
  "title": "Whoever knows its address can call hook and be handed data",
  "loud": true
 }
]`
	if string(got) != want {
		t.Errorf("got %s", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := genSet().Draw(t, "s")
		lines := Describe(s, nil)
		if (len(lines) == 0) != Empty(s) {
			t.Fatalf("%d lines for %+v", len(lines), s)
		}
		if !reflect.DeepEqual(lines, Describe(Normal(s), nil)) {
			t.Fatal("the spelling changes the words")
		}
		last := 0
		for _, l := range lines {
			g := slices.Index(Groups, l.Group)
			if g < last || l.Title == "" {
				t.Fatalf("out of order or without words: %+v", l)
			}
			last = cmp.Or(g, last)
		}
	})
}

func TestDecisions(t *testing.T) {
	s := Set{Scopes: []Scope{{Name: "a", Impersonation: true}, {Name: "b"}}, WebTriggers: []WebTrigger{{Key: "k"}, {Key: "h", Authentication: "hmac"}},
		Remotes: []Remote{{Key: "r"}}, Providers: []Provider{{Key: "p"}}, Events: []string{"e"}, Actions: []string{"x"}, Content: []Content{{"styles", "unsafe-inline"}}}
	for name, ok := range map[string]bool{
		"scope": HasScope(s, "b"), "impersonation": MayImpersonate(s, "a"), "web trigger": HasWebTrigger(s, "k"), "remote": HasRemote(s, "r"),
		"provider": HasProvider(s, "p"), "event": HasEvent(s, "e"), "action": HasAction(s, "x"), "content": HasContent(s, "styles", "unsafe-inline"),
		"authentication": slices.Equal(WebTriggerAuthentications(s, "h"), []string{"hmac"}),
	} {
		if !ok {
			t.Errorf("%s is in the set", name)
		}
	}
	for name, ok := range map[string]bool{
		"scope": HasScope(s, "c"), "impersonation": MayImpersonate(s, "b"), "web trigger": HasWebTrigger(s, "r"), "remote": HasRemote(s, "k"),
		"provider": HasProvider(s, "r"), "event": HasEvent(s, ""), "action": HasAction(s, "e"), "content": HasContent(s, "scripts", "unsafe-inline"),
		"authentication": len(WebTriggerAuthentications(s, "z")) > 0, "type": AllowsURL(egress(t, Backend, "*"), "X", hostrule.URL{Scheme: "https", Host: "a.example", Port: 443, Path: "/"}).Allow,
	} {
		if ok {
			t.Errorf("%s is not in the set", name)
		}
	}
}

// A manifest may hold thousands of entries; comparing them must not become the way to
// stop a server.
func BenchmarkCoversManyEntries(b *testing.B) {
	var s Set
	for i := range 8000 {
		s.Egress = append(s.Egress, Egress{Type: Images, Pattern: hostrule.Pattern{Scheme: "https", Host: "alice.example", Port: 443, Path: "/" + letters(i)}})
	}
	for b.Loop() {
		if !Covers(s, s) {
			b.Fatal("not reflexive")
		}
	}
}
