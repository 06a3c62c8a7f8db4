package attack

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/install"
)

// holder asks one host, by whatever way it is told to, and says what came of it.
const holder = remoteCaller + `
async function hold({ url }) {
  try { const res = await fetch(url); return { status: res.status, text: await res.text() }; }
  catch (err) { return { rejected: true, status: err.status, code: err.code }; }
}
`

// talker answers a beginning to each request, and its end when it is let or the connection is gone.
type talker struct{ began, gone, on chan struct{} }

func newTalker() *talker {
	return &talker{make(chan struct{}, 16), make(chan struct{}, 16), make(chan struct{})}
}

func (k *talker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, "the beginning,")
	_ = http.NewResponseController(w).Flush()
	k.began <- struct{}{}
	select {
	case <-r.Context().Done():
		k.gone <- struct{}{}
	case <-k.on:
		_, _ = io.WriteString(w, " and the end")
	}
}

// SPEC 3.8, issue 6: what is taken away ends at the sockets too. A request that is under way
// to a host that is not granted any more is cut off: nothing more is sent to it or read from
// it, whoever keeps it open; what is granted still goes on, and so does another installation's.
func TestAttackHoldAConnectionOpen(t *testing.T) {
	t.Parallel()
	const url = "https://talk.example.com/"
	src := source{also: []string{"resolver", "plain", "hold"}, scopes: []string{"read:jira-work"}, egress: []string{"talk.example.com", "other.example.com"}, code: holder, after: `remotes:
  - key: logs
    operations: [compute]
    configurable: {name: Log server, description: Where the logs go}
`}
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false })
	at := p.deploy("development", src)
	there := at.on("elsewhere", p.site("elsewhere"))
	here := func(at place) string { return "/api/v1/installations/" + at.installation }
	talk := newTalker()
	p.Host(t, "talk.example.com", talk)

	// held starts a request and gives what comes of it, once the host has begun to answer.
	held := func(k *talker, ask func() got) <-chan got {
		t.Helper()
		out := make(chan got, 1)
		go func() { out <- ask() }()
		<-k.began
		return out
	}
	fetch := func(at place) func() got {
		return func() (out got) { at.result("hold", map[string]any{"url": url}, &out); return out }
	}
	cut := func(what string, k *talker, out <-chan got, code string) {
		t.Helper()
		<-k.gone
		if x := <-out; !x.Rejected || x.Code != code || x.Text != "" {
			t.Errorf("%s: the app got %+v", what, x)
		}
	}

	mine, theirs := held(talk, fetch(at)), held(talk, fetch(there))
	// What does not concern it leaves it alone.
	p.api("PATCH", here(at)+"/grant", at.admin, map[string]any{"trim": []string{"egress:FETCH_BACKEND_SIDE:other.example.com"}}).must(t)
	select {
	case x := <-mine:
		t.Fatalf("a host that is granted is cut off: %+v", x)
	default:
	}
	p.api("PATCH", here(at)+"/grant", at.admin, map[string]any{"trim": []string{"egress:FETCH_BACKEND_SIDE:talk.example.com"}}).must(t)
	cut("a host was taken away", talk, mine, "REQUEST_EGRESS_ALLOWLIST_ERR")

	// An address of a remote that is another one by now, and a private network that is closed.
	if err := at.setRemote("logs", "https://talk.example.com"); err != nil {
		t.Fatal(err)
	}
	remote := func() got { return at.as("alice", "resolver", map[string]any{"remote": "logs"}) }
	mine = held(talk, remote)
	if err := at.setRemote("logs", "https://elsewhere.example.com"); err != nil {
		t.Fatal(err)
	}
	<-talk.gone
	if x := <-mine; x.Status == 200 || x.Code != "REQUEST_EGRESS_ALLOWLIST_ERR" {
		t.Errorf("a remote got another address: %+v", x)
	}
	inside := newTalker()
	server := httptest.NewServer(inside)
	t.Cleanup(server.Close)
	p.Route("10.20.0.5", server.Listener.Addr().String())
	installs, me := p.System.Installs, id.Install(at.installation)
	network, err := installs.ListNetwork(p.ctx, testenv.Operator, install.Network{Site: id.Site(at.siteID()), CIDR: netip.MustParsePrefix("10.20.0.0/16"), Ports: []uint16{8088}})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := installs.Policy(p.ctx, me)
	if err == nil {
		_, err = installs.GrantNetwork(p.ctx, at.siteAdmin(), me, network.ID, "logs", "10.20.0.5", 8088, "", policy.Epoch)
	}
	if err == nil {
		err = at.setRemote("logs", "http://10.20.0.5:8088")
	}
	if err != nil {
		t.Fatal(err)
	}
	mine = held(inside, remote)
	if _, err := installs.RevokeNetwork(p.ctx, at.siteAdmin(), me, "logs", "10.20.0.5", 8088); err != nil {
		t.Fatal(err)
	}
	<-inside.gone
	if x := <-mine; x.Status == 200 {
		t.Errorf("a private network was closed: %+v", x)
	}

	// The other installation was never touched, until it ends.
	select {
	case x := <-theirs:
		t.Errorf("another installation is cut off: %+v", x)
	default:
	}
	last := held(talk, fetch(there))
	talk.on <- struct{}{} // one of the two reads to its end
	if a := there.uninstall(); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	<-talk.gone
	ends := map[string]int{}
	for _, x := range []got{<-theirs, <-last} {
		ends[x.Code+x.Text]++
	}
	if ends["NOT_INSTALLED"] != 1 || ends["the beginning, and the end"] != 1 {
		t.Errorf("of two requests, one let go on to its end before the installation ended: %v", ends)
	}
}
