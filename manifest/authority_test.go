package manifest

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/perm"
)

// TestEveryFieldIsJudged walks the types: each field has an entry, each entry a field.
func TestEveryFieldIsJudged(t *testing.T) {
	var fields []string
	walkTypes(reflect.TypeFor[Manifest](), "", func(path string) { fields = append(fields, path) })
	for _, f := range fields {
		if authority[f] == "" {
			t.Errorf("the field %s has neither a place in the declared set nor a reason why it needs none", f)
		}
	}
	for f := range authority {
		if !slices.Contains(fields, f) {
			t.Errorf("there is no field %s any more", f)
		}
	}
}

// TestAuthority changes each field of a manifest in which everything is said. The
// declared set follows exactly for the fields that are in it.
func TestAuthority(t *testing.T) {
	m := fullManifest()
	before := m.Permissions()
	tried, moved := map[string]int{}, map[string]bool{}
	walkValues(reflect.ValueOf(m).Elem(), "", func() {}, func(path string, v reflect.Value, changed func()) {
		for _, other := range alternatives(path, v) {
			old := reflect.New(v.Type()).Elem()
			old.Set(v)
			v.Set(other)
			changed()
			tried[path]++
			if !perm.Equal(before, m.Permissions()) {
				moved[path] = true
			}
			v.Set(old)
			changed()
		}
	})
	if !perm.Equal(before, m.Permissions()) {
		t.Fatal("a change was not taken back")
	}
	for f, place := range authority {
		switch {
		case tried[f] == 0:
			t.Errorf("the field %s is in no sample: nothing is known of it", f)
		case place == inSet && !moved[f]:
			t.Errorf("changing %s does not change the declared set", f)
		case place != inSet && moved[f]:
			t.Errorf("changing %s changes the declared set, though the table says: %s", f, place)
		}
	}
}

// fullManifest has a value in every field, and the fields that exclude each other in
// separate elements.
func fullManifest() *Manifest {
	m := &Manifest{}
	fill(reflect.ValueOf(m).Elem(), "")
	m.App.Runtime.MemoryMB = 1000
	m.Modules.Function = append(m.Modules.Function, Function{Key: "small", Runtime: FunctionRuntime{MemoryMB: 128}})
	ext := &m.Perms.External
	for i, list := range []*[]Egress{&ext.Fetch.Backend, &ext.Fetch.Client, &ext.Images, &ext.Media, &ext.Scripts, &ext.Styles, &ext.Fonts, &ext.Frames, &ext.Navigation} {
		e := (*list)[0]
		e.Remote = ""
		*list = []Egress{e}
		if i < 2 {
			e.Address, e.Remote = "", "r1"
		} else {
			e.Address, e.Remote = "https://second.example.com", "r1"
		}
		*list = append(*list, e)
	}
	ext.Configurable.Types = []string{"IMAGES"}
	r := m.Remotes[0]
	fixed, set, older := r, r, r
	fixed.Key, fixed.Configurable, fixed.UserConfiguration = "r1", nil, nil
	fixed.Operations, fixed.Storage.InScopeEUD = []string{"compute"}, new(false)
	fixed.BaseURL = BaseURL{"default": "https://one.example.com"}
	set.Key, set.UserConfiguration = "r2", nil
	set.BaseURL = BaseURL{"default": "https://two.example.com"}
	older.Key, older.Configurable, older.BaseURL = "r3", nil, nil
	set4, older5 := set, older
	set4.Key, older5.Key, set4.BaseURL = "r4", "r5", nil
	c, u := *set.Configurable, *older.UserConfiguration
	c.SupportedPatterns, u.SupportedPatterns = nil, nil
	set4.Configurable, older5.UserConfiguration = &c, &u
	m.Remotes = []Remote{fixed, set, older, set4, older5}
	w := m.Modules.WebTrigger[0]
	dynamic, static := w, w
	dynamic.Key, dynamic.Response.Type = "dynamic", "dynamic"
	static.Key, static.Response.Type, static.Security.Egress.AllowDataEgress = "static", "", new(false)
	m.Modules.WebTrigger = []WebTrigger{dynamic, static}
	return m
}

// fill puts a value into every field; texts are such that they mean something.
func fill(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path)
	case reflect.Struct:
		eachField(v, path, fill)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path+"[]")
	case reflect.Map:
		e := reflect.New(v.Type().Elem()).Elem()
		fill(e, path+".*")
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("default"), e)
	case reflect.Interface:
		v.Set(reflect.ValueOf("x"))
	case reflect.String:
		v.SetString(sample(path))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(600)
	}
}

var hostPath = regexp.MustCompile(`external\..*address$|baseUrl|atterns\[\]$|default$`)

func sample(path string) string {
	switch {
	case hostPath.MatchString(path) && strings.HasPrefix(path, "permissions"), hostPath.MatchString(path) && strings.HasPrefix(path, "remotes"):
		return "https://first.example.com"
	case path == "permissions.external.configurable.types[]":
		return "IMAGES"
	case path == "app.runtime.isolation":
		return "process"
	case path == "modules.webtrigger[].request.authentication":
		return "hmac"
	case strings.HasSuffix(path, "category"):
		return "analytics"
	case path == "providers.auth[].bearerMethod.type":
		return "authorization-header"
	case path == "providers.auth[].type":
		return "api_key"
	}
	return "x"
}

// alternatives are other values that a field may take.
func alternatives(path string, v reflect.Value) []reflect.Value {
	var out []reflect.Value
	add := func(x any) { out = append(out, reflect.ValueOf(x).Convert(v.Type())) }
	switch v.Kind() {
	case reflect.String:
		for _, s := range []string{"", "y", "https://other.example.org", "process", "static", "dynamic", "bearer", "FRAMES", "storage", "r2"} {
			if s != v.String() {
				add(s)
			}
		}
	case reflect.Bool:
		add(!v.Bool())
	case reflect.Int:
		add(int(v.Int()) + 4000)
		add(1)
	case reflect.Interface:
		out = append(out, reflect.ValueOf(any("y")))
	}
	if len(out) == 0 {
		panic("no other value for " + path)
	}
	return out
}

// walkTypes names every leaf of a type.
func walkTypes(t reflect.Type, path string, visit func(string)) {
	switch t.Kind() {
	case reflect.Pointer:
		walkTypes(t.Elem(), path, visit)
	case reflect.Slice:
		walkTypes(t.Elem(), path+"[]", visit)
	case reflect.Map:
		walkTypes(t.Elem(), path+".*", visit)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() {
				walkTypes(f.Type, join(path, fieldName(f)), visit)
			}
		}
	default:
		visit(path)
	}
}

// walkValues visits every leaf of a value; the visitor calls changed after it has set
// one, for a map holds copies.
func walkValues(v reflect.Value, path string, changed func(), visit func(path string, v reflect.Value, changed func())) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walkValues(v.Elem(), path, changed, visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walkValues(v.Index(i), path+"[]", changed, visit)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			walkValues(e, path+".*", func() { v.SetMapIndex(k, e); changed() }, visit)
		}
	case reflect.Struct:
		eachField(v, path, func(f reflect.Value, p string) { walkValues(f, p, changed, visit) })
	default:
		visit(path, v, changed)
	}
}

func eachField(v reflect.Value, path string, visit func(reflect.Value, string)) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			visit(v.Field(i), join(path, fieldName(f)))
		}
	}
}

func fieldName(f reflect.StructField) string {
	if n := f.Tag.Get("json"); n != "" && n != "-" {
		return n
	}
	return f.Name
}

// TestAuthorityWords shows the set of one manifest, so that a reader sees what is
// asked for what.
func TestAuthorityWords(t *testing.T) {
	m := mustLoad(t, `
app: {id: ""}
permissions:
  scopes: {read:jira-work: {allowImpersonation: true}, storage:app: {}}
  external:
    configurable: true
    images: [{address: img.example.com, category: analytics, inScopeEUD: false}]
    fetch: {backend: [{remote: api}, "https://api.example.com/ignored"], client: [{remote: api}]}
remotes:
  - {key: api, baseUrl: {default: "https://api.example.com/v1", EU: "https://eu.example.com"}, operations: [compute]}
modules:
  function: [{key: f, handler: index.run}]
  webtrigger: [{key: open, function: f}, {key: shut, function: f, response: {type: static, outputs: [{key: ok, statusCode: 200}]}}]
`)
	got := m.Permissions()
	var egress []string
	for _, e := range got.Egress {
		egress = append(egress, fmt.Sprintf("%s %s %s %v", e.Type, e.Pattern, e.Category, e.InScopeEUD))
	}
	want := []string{
		"FETCH_BACKEND_SIDE https://api.example.com  true", "FETCH_BACKEND_SIDE https://eu.example.com  true",
		"FETCH_CLIENT_SIDE https://api.example.com/v1/  true", "FETCH_CLIENT_SIDE https://eu.example.com  true",
		"IMAGES https://img.example.com analytics false",
	}
	slices.Sort(egress)
	slices.Sort(want)
	if !slices.Equal(egress, want) {
		t.Errorf("egress is %q, not %q", egress, want)
	}
	if len(got.WebTriggers) != 1 || got.WebTriggers[0].Key != "open" {
		t.Errorf("web triggers are %v: only the dynamic one counts", got.WebTriggers)
	}
	if !perm.MayImpersonate(got, "read:jira-work") || perm.MayImpersonate(got, "storage:app") {
		t.Errorf("scopes are %v", got.Scopes)
	}
	if got.Configurable == nil || got.MemoryMB != 0 || got.Isolation != "" {
		t.Errorf("the set is %+v", got)
	}
}

// TestUnreadableBoundsAreNotDropped: a bound that is no pattern must not become "no bound".
func TestUnreadableBoundsAreNotDropped(t *testing.T) {
	m := &Manifest{}
	m.Perms.External.Configurable = Configurable{Enabled: true, Patterns: []string{"not a host"}}
	m.Remotes = []Remote{{Key: "r", Configurable: &RemoteSetting{SupportedPatterns: []string{"not a host"}}}}
	s := m.Permissions()
	if s.Configurable != nil {
		t.Errorf("the app may ask for %+v", s.Configurable)
	}
	for _, r := range s.Remotes {
		if r.Configurable {
			t.Errorf("an admin may set the remote to anything: %+v", r)
		}
	}
}

func mustLoad(t *testing.T, text string) *Manifest {
	t.Helper()
	m, ds := Load("manifest.yml", []byte(text), Options{})
	if m == nil {
		t.Fatalf("the manifest does not load:\n%s", ds)
	}
	return m
}
