package console

import (
	"io"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/edge/outflow"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/feature/unattended"
)

// The page on data draws whatever an installation may have, and nothing at all.
func TestDataPageDraws(t *testing.T) {
	at, on := time.Unix(0, 0), false
	n := outflow.Count{Requests: 3, Refused: 1, Failed: 1, Sent: 5000, Received: 3 << 20, Last: &at}
	full := outflow.Sent{
		Signal:       perm.Signal{Value: perm.SendsDataOut, Reasons: []perm.SignalReason{{Code: perm.SignalEgress, Text: "out", Where: []string{"a"}}}},
		Destinations: []outflow.Destination{{Via: "remote", Key: "r", Origin: "https://a.example.com", Count: n, Buckets: []outflow.Bucket{{From: at, Count: n}}}, {Via: "fetch", Count: n}},
		Possible:     []outflow.Possible{{Type: perm.Images, Pattern: "*"}},
		Configured:   []outflow.Configured{{Group: "g", Description: "d", Type: perm.Backend, Pattern: "p", By: "b", At: at, Metered: true, Count: n}, {Type: perm.Images, Pattern: "p", At: at}},
		Remotes:      []outflow.Remote{{Key: "r", Name: "n", URL: "https://a.example.com", Configurable: true, By: "b", At: &at, Count: n}, {Key: "s"}},
		Networks:     []outflow.Network{{Remote: "r", Host: "h", Port: 1, By: "b", At: at}},
		Analytics:    &on,
	}
	remotes := remoteList{Kinds: []string{"bearer"}, Networks: []install.Network{{ID: "n", CIDR: netip.MustParsePrefix("10.0.0.0/8"), Ports: []uint16{1, 2}, Note: "n"}},
		Remotes: outflow.Remotes{Epoch: 1, Remotes: []outflow.RemoteDetail{
			{Remote: full.Remotes[0], Title: "t", Description: "d", Patterns: []string{"a", "b"}, Default: "https://d.example.com", Credential: &outflow.Credential{Kind: "bearer", Origin: "https://a.example.com", At: at, Certificate: &outflow.Certificate{State: outflow.Ended}}, Networks: full.Networks},
			{Remote: outflow.Remote{Key: "x", Configurable: true}, Registered: true}, {Remote: full.Remotes[1], Credential: &outflow.Credential{Certificate: &outflow.Certificate{State: outflow.Ending}}}}}}
	keys := []provider.SiteKey{{Key: "k", Name: "K", Type: "api_key", Sends: []string{"https://a.example.com"}}, {Key: "c", Name: "C", Type: "client_credentials", Sends: []string{"https://a.example.com", "https://b.example.com"}, Given: true, Client: "c", By: "b", At: at}}
	for n, s := range []outflow.Sent{full, {}} {
		list := []remoteList{remotes, {}}[n]
		a := app{ID: "i", Name: "n", Signal: signalText(s.Signal)}
		err := templates.ExecuteTemplate(io.Discard, "data.html", page{Title: "t", Section: "apps",
			Data: map[string]any{"App": a, "Sent": s, "Types": egressChoices(), "Configurable": true, "Epoch": uint64(3), "Remotes": list, "Keys": [][]provider.SiteKey{keys, nil}[n]}})
		if err != nil {
			t.Error(err)
		}
	}
}

// What a job held is read line by line, however long; no line of it wears the page's words.
func TestLetterIsReadAsWritten(t *testing.T) {
	long := strings.Repeat("word ", 100)
	body := "{\n  \"a\": \"" + long + "\",\n    \"b\": \"x\u202ey\u200b<b>\"\n}"
	var out strings.Builder
	err := templates.ExecuteTemplate(&out, "letter.html", page{Data: map[string]any{"ID": "i", "Name": "n", "Body": body, "Kinds": jobKinds,
		"Letter": unattended.Letter{Attempts: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n    &#34;b&#34;: &#34;xy&lt;b&gt;&#34;\n", strings.TrimSpace(long), "1 time<"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in %s", want, out.String())
		}
	}
}

func TestSentencesLeaveAddressesAsTheyAre(t *testing.T) {
	for text, want := range map[string]string{
		"https://evil.test is outside": "https://evil.test is outside.", "api.example.com is not there!": "api.example.com is not there!", "the port is wrong": "The port is wrong.", "": "",
	} {
		if got := sentence(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// The way back from a refusal leads to a page of ours and to no other server.
func TestTheWayBackIsOurs(t *testing.T) {
	c := &Console{Config: Config{URL: "https://ui.annex.example"}}
	for referer, want := range map[string]string{
		"https://ui.annex.example/apps/i/data?x=1#y": "/apps/i/data", "https://ui.annex.example/a%5Cb": "/a%5Cb",
		"https://ui.annex.example//evil.example/x": "", "https://ui.annex.example/%2Fevil.example": "", "https://evil.example/apps": "", "http://ui.annex.example/apps": "",
		"https://ui.annex.example@evil.example/": "", "https://u@ui.annex.example/apps": "", "https://ui.annex.example.evil.example/": "", "/apps": "", "": "", "https://ui.annex.example": "", "https://ui.annex.example/here": "",
	} {
		r := httptest.NewRequest("GET", "/here", nil)
		r.Header.Set("Referer", referer)
		if got := c.cameFrom(r); got != want {
			t.Errorf("%q leads to %q", referer, got)
		}
	}
}
