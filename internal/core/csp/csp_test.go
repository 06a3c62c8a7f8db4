package csp

import (
	"fmt"
	"strings"
	"testing"

	urlpattern "github.com/dunglas/go-urlpattern"
	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

var place = Place{App: "https://label.apps.test", Shell: "https://ui.annex.test", Pages: []string{"https://tracker.test"}}

func egress(t perm.EgressType, patterns ...string) (out []perm.Egress) {
	for _, text := range patterns {
		p, err := hostrule.ParsePattern(text, perm.UseOf(t))
		if err != nil {
			panic(text + ": " + err.Error())
		}
		out = append(out, perm.Egress{Type: t, Pattern: p})
	}
	return out
}

func TestComposeNothing(t *testing.T) {
	got, err := Compose(perm.Set{}, place)
	const want = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; " +
		"connect-src 'self'; frame-src 'none'; child-src 'none'; worker-src 'self'; manifest-src 'none'; object-src 'none'; base-uri 'none'; " +
		"form-action 'self'; frame-ancestors https://ui.annex.test https://tracker.test; webrtc 'block'; sandbox allow-scripts allow-forms allow-same-origin; " +
		"report-uri /_annex/reports; report-to csp"
	if err != nil || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	if got := Allowlist(perm.Set{}); got != "(response-origin);report-to=csp" {
		t.Errorf("allow list %s", got)
	}
}

func TestComposeGranted(t *testing.T) {
	hash := "sha256-" + strings.Repeat("A", 43) + "="
	set := perm.Set{
		Egress: append(append(append(append(egress(perm.Client, "api.alice.example/v1/", "wss://rt.alice.example", "*.alice.example"), egress(perm.Images, "*")...),
			egress(perm.Scripts, "cdn.alice.example:8443")...), egress(perm.Backend, "hidden.alice.example")...), egress(perm.Navigation, "links.alice.example")...),
		Content: []perm.Content{{Kind: "scripts", Value: "unsafe-eval"}, {Kind: "styles", Value: "unsafe-inline"}, {Kind: "scripts", Value: "blob:"}},
		Sandbox: []string{"allow-storage-access-by-user-activation"},
	}
	p := place
	p.Hashes = []string{hash}
	got, err := Compose(set, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"script-src 'self' https://cdn.alice.example:8443 blob: 'unsafe-eval' '" + hash + "';", "style-src 'self' 'unsafe-inline';",
		"img-src 'self' data: blob: https:;", "connect-src 'self' wss://rt.alice.example https://*.alice.example;", "worker-src 'self' blob:;",
		"sandbox allow-scripts allow-forms allow-same-origin allow-storage-access-by-user-activation;",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
	for _, never := range []string{"hidden", "links", "strict-dynamic", "nonce", " * ", "api.alice.example"} {
		if strings.Contains(got, never) {
			t.Errorf("%q is in %s", never, got)
		}
	}
	const allowed = `(response-origin "https://api.alice.example" "https://rt.alice.example" "https://*.alice.example" "https://*:*" "https://cdn.alice.example:8443");report-to=csp`
	if got := Allowlist(set); got != allowed {
		t.Errorf("allow list %s", got)
	}
}

func TestInlineScriptsSwitchHashesOff(t *testing.T) {
	hash := "sha256-" + strings.Repeat("A", 43) + "="
	p := place
	p.Hashes = []string{hash}
	got, err := Compose(perm.Set{Content: []perm.Content{{Kind: "scripts", Value: "unsafe-inline"}, {Kind: "scripts", Value: hash}}}, p)
	if err != nil || !strings.Contains(got, "script-src 'self' 'unsafe-inline';") {
		t.Errorf("%v %s", err, got)
	}
}

func TestShellFramesOneOrigin(t *testing.T) {
	set := perm.Set{Egress: append(egress(perm.Frames, "frames.alice.example"), append(egress(perm.Client, "api.alice.example"), egress(perm.Images, "img.alice.example")...)...)}
	got, err := Shell(set, place)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"frame-src https://label.apps.test;", "img-src 'self' data: blob: https://label.apps.test https://img.alice.example;", "connect-src 'self';",
		"frame-ancestors 'self' https://tracker.test;", "require-trusted-types-for 'script';"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
	if strings.Contains(got, "frames.alice.example") || strings.Contains(got, "api.alice.example") {
		t.Error(got)
	}
}

// TestMatchImpliesGrant: whatever the composed policy admits, the set permits.
func TestMatchImpliesGrant(t *testing.T) {
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		set := genSet(t)
		header, err := Compose(set, place)
		if err != nil {
			t.Fatal(err)
		}
		shell, err := Shell(set, place)
		if err != nil {
			t.Fatal(err)
		}
		raw := genURL(t)
		u, err := hostrule.ParseURL(raw)
		if err != nil {
			t.Skip("not a URL of ours")
		}
		for typ, directive := range directives {
			permitted := perm.AllowsURL(set, typ, u).Allow
			if u.Scheme == "https" && typ == perm.Client && !permitted {
				// By the letter of CSP a grant of wss is one of https to the same place.
				w := u
				w.Scheme = "wss"
				permitted = perm.AllowsURL(set, typ, w).Allow
			}
			if Match(header, directive, raw, place.App) {
				matched++
				if !permitted {
					t.Fatalf("%s admits %s, which the set does not\n%s", directive, raw, header)
				}
			}
			if typ != perm.Frames && Match(shell, directive, raw, place.Shell) && !permitted {
				t.Fatalf("the shell's %s admits %s, which the set does not\n%s", directive, raw, shell)
			}
		}
		for _, d := range []string{"object-src", "manifest-src", "prefetch-src", "worker-src", "base-uri", "form-action", "child-src"} {
			if Match(header, d, raw, place.App) {
				t.Fatalf("%s admits %s\n%s", d, raw, header)
			}
		}
	})
	if matched == 0 {
		t.Error("no URL was admitted: the property says nothing")
	}
}

// TestGrantImpliesMatch: nothing that is granted is left out, so that an app which works
// on paper works in a browser.
func TestGrantImpliesMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := genSet(t)
		header, err := Compose(set, place)
		if err != nil {
			t.Fatal(err)
		}
		raw := genURL(t)
		u, err := hostrule.ParseURL(raw)
		if err != nil {
			t.Skip("not a URL of ours")
		}
		for typ, directive := range directives {
			if u.Scheme == "wss" && typ != perm.Client {
				continue
			}
			if perm.AllowsURL(set, typ, u).Allow && !Match(header, directive, u.String(), place.App) {
				t.Fatalf("%s does not admit %s, which the set does\n%s", directive, u, header)
			}
		}
	})
}

// TestAllowlist reads each entry with a URLPattern parser: one that cannot be read is
// skipped by browsers in silence, and one with a path admits that path alone.
func TestAllowlist(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := genSet(t)
		patterns := patternsOf(t, Allowlist(set))
		raw := genURL(t)
		u, err := hostrule.ParseURL(raw)
		if err != nil {
			t.Skip("not a URL of ours")
		}
		web := strings.Replace(u.String(), "wss://", "https://", 1)
		admitted := false
		for _, p := range patterns {
			admitted = admitted || p.Test(web, "")
		}
		permitted, origin := false, false
		for typ := range directives {
			permitted = permitted || perm.AllowsURL(set, typ, u).Allow
			for _, e := range set.Egress {
				if p := e.Pattern.In(perm.UseOf(e.Type)); e.Type == typ {
					p.Path = ""
					for _, scheme := range []string{"https", "wss"} {
						w := u
						w.Scheme = scheme
						origin = origin || hostrule.Match(p, w, perm.UseOf(typ))
					}
				}
			}
		}
		if permitted && !admitted {
			t.Fatalf("%s is granted and not in %s", web, Allowlist(set))
		}
		if admitted && !origin {
			t.Fatalf("%s is not granted and in %s", web, Allowlist(set))
		}
	})
}

func patternsOf(t *rapid.T, header string) (out []*urlpattern.URLPattern) {
	list, rest, ok := strings.Cut(strings.TrimPrefix(header, "(response-origin"), ")")
	if !ok || rest != ";report-to=csp" {
		t.Fatalf("no inner list: %s", header)
	}
	for _, text := range strings.Fields(list) {
		p, err := urlpattern.New(strings.Trim(text, `"`), "", nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		out = append(out, p)
	}
	return out
}

func genSet(t *rapid.T) perm.Set {
	var s perm.Set
	types := []perm.EgressType{perm.Backend, perm.Client, perm.Images, perm.Scripts, perm.Frames, perm.Navigation, perm.Styles}
	for range rapid.IntRange(0, 6).Draw(t, "egress") {
		typ := rapid.SampledFrom(types).Draw(t, "type")
		text := rapid.SampledFrom([]string{"https://", "https://", "wss://"}).Draw(t, "scheme") + rapid.SampledFrom([]string{"", "*."}).Draw(t, "wild") +
			rapid.SampledFrom(hosts).Draw(t, "host") + rapid.SampledFrom([]string{"", "", ":8443"}).Draw(t, "port") + rapid.SampledFrom(paths).Draw(t, "path")
		if perm.UseOf(typ) != hostrule.Code && rapid.IntRange(0, 9).Draw(t, "any") == 0 {
			text = "*"
		}
		s.Egress = append(s.Egress, egress(typ, text)...)
	}
	if rapid.Bool().Draw(t, "blob") {
		s.Content = []perm.Content{{Kind: "scripts", Value: "unsafe-eval"}}
	}
	if rapid.Bool().Draw(t, "normal") {
		s = perm.Normal(s)
	}
	return s
}

var (
	hosts = []string{"alice.example", "a.alice.example", "b.a.alice.example", "bob.example"}
	paths = []string{"", "", "/", "/x", "/x/", "/x/y", "/x%2Cy/", "/a:b"}
)

// genURL gives no port that belongs to another protocol: browsers block those themselves.
func genURL(t *rapid.T) string {
	return rapid.SampledFrom([]string{"https://", "https://", "wss://"}).Draw(t, "url scheme") + rapid.SampledFrom([]string{"", "z.", "127.0.0.1/", "x"}).Draw(t, "url prefix") +
		rapid.SampledFrom(hosts).Draw(t, "url host") + rapid.SampledFrom([]string{"", ":443", ":8443", ":9443"}).Draw(t, "url port") +
		rapid.SampledFrom([]string{"", "/", "/x", "/x/", "/x/y", "/x/../y", "/x/%2e%2e/y", "/x,y/z", "/x%2cy/", "/a:b", "/x%2fy"}).Draw(t, "url path")
}

func TestTooLong(t *testing.T) {
	var set perm.Set
	for i := range 400 {
		set.Egress = append(set.Egress, egress(perm.Client, fmt.Sprintf("host%d.alice.example", i))...)
	}
	if _, err := Compose(set, place); fault.CodeOf(err) != "LIMIT_PAGE_POLICY" {
		t.Errorf("a long policy: %v", err)
	}
	if err := Fits(set); fault.KindOf(err) != fault.Limit {
		t.Errorf("it fits: %v", err)
	}
	// What fits is served, however many scripts the document has and whoever frames it.
	n := 0
	for Fits(perm.Set{Egress: set.Egress[:n+1]}) == nil {
		n++
	}
	p := place
	for i := range MaxHashes {
		p.Hashes = append(p.Hashes, fmt.Sprintf("sha256-%043d=", i))
	}
	for i := range 20 {
		p.Pages = append(p.Pages, fmt.Sprintf("https://pages-%02d.tracker.example", i))
	}
	if header, err := Compose(perm.Set{Egress: set.Egress[:n]}, p); err != nil || n < 100 {
		t.Errorf("with %d hosts: %v (%d bytes)", n, err, len(header))
	}
	p.Hashes = append(p.Hashes, "sha256-"+strings.Repeat("B", 43)+"=")
	if _, err := Compose(perm.Set{}, p); fault.CodeOf(err) != "LIMIT_INLINE_SCRIPTS" {
		t.Errorf("too many scripts: %v", err)
	}
}

func TestNothingIsWrittenIntoAHeader(t *testing.T) {
	for _, p := range []Place{{App: "https://a.test; script-src *"}, {App: "javascript:x"}, {Pages: []string{"https://a.test\r\nX: y"}}, {Shell: "https://a.test, b"},
		{Hashes: []string{"sha256-x"}}, {Hashes: []string{"unsafe-inline"}}, {Pages: []string{"*"}}, {App: "https://a.test/x"}} {
		if h, err := Compose(perm.Set{}, p); err == nil {
			t.Errorf("%+v: %s", p, h)
		}
	}
	// A pattern that no parser made.
	hostile := perm.Set{Egress: []perm.Egress{{Type: perm.Scripts, Pattern: hostrule.Pattern{Scheme: "https", Host: "a.test; script-src *", Port: 443}},
		{Type: perm.Client, Pattern: hostrule.Pattern{Scheme: "https", Host: "b.test", Port: 443, Path: "/x,default-src *\r\n"}}}}
	h, err := Compose(hostile, place)
	if err != nil || strings.ContainsAny(h, ",\r\n*") || strings.Count(h, "script-src") != 1 {
		t.Errorf("%v %s", err, h)
	}
	if a, _ := strings.CutSuffix(strings.Replace(Allowlist(hostile), "response-origin ", "", 1), ";report-to=csp"); strings.ContainsAny(a, ",\r\n ;*") {
		t.Errorf("%s", a)
	}
}

func TestExplain(t *testing.T) {
	set := perm.Set{Egress: append(egress(perm.Client, "api.alice.example"), egress(perm.Images, "*")...), Content: []perm.Content{{Kind: "scripts", Value: "unsafe-eval"}}}
	reasons, err := Explain(set, place)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range reasons {
		if r.Text == "" {
			t.Errorf("no words for %+v", r)
		}
		if r.Grant != "" {
			got[r.Directive+" "+r.Source] = r.Grant
			if !perm.HasPiece(set, r.Grant) {
				t.Errorf("%q is no key of the grant", r.Grant)
			}
		}
	}
	want := map[string]string{"connect-src https://api.alice.example": "egress:FETCH_CLIENT_SIDE:api.alice.example", "img-src https:": "egress:IMAGES:*",
		"script-src 'unsafe-eval'": "content:scripts:unsafe-eval"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\n%v", got, want)
	}
}

func BenchmarkCompose(b *testing.B) {
	var set perm.Set
	for _, t := range []perm.EgressType{perm.Client, perm.Images, perm.Media, perm.Scripts, perm.Styles, perm.Fonts, perm.Frames} {
		set.Egress = append(set.Egress, egress(t, "api.alice.example", "*.bob.example", "cdn.alice.example:8443/x/")...)
	}
	set = perm.Normal(set)
	for b.Loop() {
		if _, err := Compose(set, place); err != nil {
			b.Fatal(err)
		}
	}
}
