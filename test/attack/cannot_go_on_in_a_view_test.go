package attack

import (
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/test/uikit/client"
)

// twice asks one host, and then another one, in a single event.
var twice = source{
	permissions: "  external:\n    configurable: true\n    fetch:\n      client: [one.example.com, two.example.com]\n",
	modules:     "  tracker:issuePanel:\n    - {key: panel, title: Panel, resource: main, render: native}\n",
	interfaces: map[string]string{"main": `
const React = __annex_require("react");
const { default: ForgeReconciler, ...kit } = __annex_require("@annex/react");
const h = React.createElement;
function Twice() {
  const [said, say] = React.useState("nothing");
  const both = async (then) => {
    let text = "";
    for (const host of ["one", then]) {
      try { text += host + " " + (await fetch("https://" + host + ".example.com/")).status + " "; } catch (err) { text += host + " " + err.code + " "; }
    }
    say(text);
  };
  return h(kit.Stack, null, h(kit.Textfield, { testId: "both", onChange: both }), h(kit.Button, {}, "x"), h(kit.Text, { testId: "said" }, said),
    said.includes("200") ? h(kit.Image, { src: "https://three.example.com/picture.png", alt: "" }) : null);
}
ForgeReconciler.render(h(Twice));
`},
}

// SPEC 3.8, issue 6: what is taken away is gone in the middle of a view's event, for all that
// it still asks for; what is given to it meanwhile is there, and it goes on.
func TestAttackGoOnInAView(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	at := p.deploy("development", twice)
	here := id.Install(at.installation)
	var meanwhile func()
	reached := map[string]*backEnd{"two": {}, "three": {}}
	for name, end := range reached {
		p.Host(t, name+".example.com", end)
	}
	done := make(chan struct{}, 1)
	p.Host(t, "one.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		meanwhile()
		done <- struct{}{}
	}))
	change := func(body map[string]any) { // not by must: it is not the test's goroutine that asks
		if got := p.api("PATCH", "/api/v1/installations/"+at.installation+"/grant", at.admin, body); got.status != http.StatusOK {
			t.Errorf("%v: %d %s", body, got.status, got.body)
		}
	}
	add := func(typ perm.EgressType, host string) {
		if _, err := p.System.Installs.AddEgress(p.ctx, at.siteAdmin(), here, typ, host); err != nil {
			t.Error(err)
		}
	}
	both := func(v *client.View, then string) {
		t.Helper()
		v.Fire(by(drawn(v), "both").Handle("onChange"), then)
		<-done // the view may end before the change has been answered
	}

	meanwhile = func() {
		add(perm.Client, "three.example.com")
		add(perm.Images, "three.example.com")
	}
	v := p.view(at, "alice")
	both(v, "three")
	s := v.Until("both", func(s *client.State) bool { return s.Over || by(s, "said") != nil && by(s, "said").Text() != "nothing" })
	if s.Over || strings.TrimSpace(by(s, "said").Text()) != "one 200 three 200" || reached["three"].count() != 1 {
		t.Errorf("a host that was granted meanwhile: over %v, %s", s.Over, s.JSON())
	}
	if pictures := s.Tree.All("Image"); len(pictures) != 1 || pictures[0].Props["src"] == nil {
		t.Errorf("a picture that was granted meanwhile is not drawn: %s", s.JSON())
	}
	for name, take := range map[string]map[string]any{
		"the host that it asks for": {"trim": []string{"egress:FETCH_CLIENT_SIDE:two.example.com"}},
		"another one":               {"trim": []string{"egress:FETCH_CLIENT_SIDE:one.example.com"}},
	} {
		v, before := p.view(at, "alice"), reached["two"].count()
		meanwhile = func() { change(take) }
		both(v, "two")
		v.Until("its end", func(s *client.State) bool { return s.Over })
		if n := reached["two"].count() - before; n != 0 {
			t.Errorf("%s was taken away: %d requests more", name, n)
		}
		change(map[string]any{"restore": take["trim"], "epoch": at.epoch()})
	}
	// More and less at once is less.
	v = p.view(at, "alice")
	before := reached["two"].count()
	meanwhile = func() {
		add(perm.Client, "four.example.com")
		change(map[string]any{"trim": []string{"egress:FETCH_CLIENT_SIDE:one.example.com"}})
	}
	both(v, "two")
	v.Until("its end", func(s *client.State) bool { return s.Over })
	if n := reached["two"].count() - before; n != 0 {
		t.Errorf("more was given and something taken away: %d requests more", n)
	}
}
