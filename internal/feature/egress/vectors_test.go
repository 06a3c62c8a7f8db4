package egress

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	whatwg "github.com/nlnwa/whatwg-url/url"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// vector is one line of a file of attacks on the broker. A member that is not here
// makes the vector skipped, never guessed at.
type vector struct {
	ID, Category, Stage, Why, Source string

	Policy      []string
	URL         string
	Expect      string
	Method      string
	Headers     map[string]string
	HeaderCount int `json:"header_count"`
	Body        string
	Options     map[string]any
	Actor       string
	Injected    []string
	Requests    int
	Env         map[string]string

	DNS         map[string][][]string
	CName       map[string]string
	DialResults map[string]string `json:"dial_results"`
	Platform    vectorPlatform
	TLS         vectorTLS
	Hops        []vectorHop
	RepeatHop   bool `json:"repeat_hop"`
	Response    *vectorResponse

	MustNotDial    []string        `json:"must_not_dial"`
	MustDial       []string        `json:"must_dial"`
	MustNotResolve []string        `json:"must_not_resolve"`
	MustNotSend    vectorSend      `json:"-"`
	MustNotSendRaw json.RawMessage `json:"must_not_send"`
	MustSendSNI    string          `json:"must_send_sni"`
	MustSendHost   string          `json:"must_send_host"`
}

type vectorPlatform struct {
	SelfIPs         []string `json:"self_ips"`
	ReservedHosts   []string `json:"reserved_hosts"`
	GrantedNetworks []string `json:"granted_networks"`
}

type vectorTLS struct {
	CertNames []string `json:"cert_names"`
	Expired   bool     `json:"expired"`
}

type vectorHop struct {
	Status   int    `json:"status"`
	Location string `json:"location"`
}

type vectorSend struct {
	Host       string   `json:"host"`
	Headers    []string `json:"headers"`
	HostHeader string   `json:"host_header"`
}

func strict(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// TestSSRFVectors runs a file of attacks, $ANNEX_SSRF_VECTORS or our own.
func TestSSRFVectors(t *testing.T) {
	file := os.Getenv("ANNEX_SSRF_VECTORS")
	if file == "" {
		file = "testdata/ssrf.jsonl"
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ran, skipped := 0, map[string]int{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		raw := slices.Clone(lines.Bytes())
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		var named struct{ ID string }
		if err := json.Unmarshal(raw, &named); err != nil {
			t.Fatal(err)
		}
		t.Run(named.ID, func(t *testing.T) {
			v, reason := read(raw)
			if reason != "" {
				skipped[reason]++
				t.Skip(reason)
			}
			ran++
			runVector(t, v)
			if rest, ok := strings.CutPrefix(v.URL, "http://"); ok {
				// The address is what such a vector is about; over https it must hold too.
				v.URL = "https://" + rest
				runVector(t, v)
			}
		})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if ran == 0 {
		t.Fatal("no vector ran")
	}
	t.Logf("%d ran, skipped: %v", ran, skipped)
}

func read(raw []byte) (v vector, skip string) {
	if err := strict(raw, &v); err != nil {
		return v, "unknown member: " + err.Error()
	}
	if len(v.MustNotSendRaw) > 0 {
		if err := strict(v.MustNotSendRaw, &v.MustNotSend); err != nil {
			return v, "unknown member of must_not_send"
		}
	}
	for _, text := range v.Platform.GrantedNetworks {
		if _, err := netip.ParsePrefix(text); err != nil {
			return v, "unknown form of a granted network"
		}
	}
	if strings.HasPrefix(v.URL, "wss:") || strings.HasPrefix(v.URL, "ws:") {
		if v.Expect == "allowed" {
			return v, "outgoing WebSockets are not offered yet"
		}
	}
	if v.Response != nil && !v.Response.known() {
		return v, "unknown kind of response"
	}
	for _, r := range v.DialResults {
		if r != "refused" && r != "reset-after-accept" {
			return v, "unknown dial result"
		}
	}
	if len(v.Policy) == 0 {
		v.Policy = []string{"*"}
	}
	return v, ""
}

// open makes the address that a vector's policy names a remote with a grant of the private
// network: networks are opened for remotes only, and fetch never reaches one.
func (b *bench) open(t *testing.T, v vector) {
	t.Helper()
	text := v.Policy[0]
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	base, err := hostrule.ParsePrivateURL(text)
	if err != nil {
		if base, err = hostrule.ParsePrivateURL(v.URL); err != nil {
			return // no remote is at such an address, so no grant is
		}
	}
	within := netip.MustParsePrefix(v.Platform.GrantedNetworks[0])
	for _, text := range v.Platform.GrantedNetworks {
		for _, answer := range slices.Concat(v.DNS[base.Host]...) {
			if a, err := netip.ParseAddr(answer); err == nil && netip.MustParsePrefix(text).Contains(a.Unmap()) {
				within = netip.MustParsePrefix(text)
			}
		}
	}
	b.policy.Set.Remotes = []perm.Remote{{Key: "opened", Endpoints: map[string]string{"default": base.Origin()}}}
	b.policy.Networks = []call.Network{{Remote: "opened", Host: base.Host, Port: base.Port, CIDR: within}}
	b.opened = &Destination{Kind: ToRemote, Key: "opened", Base: base}
}

// ask makes one request as the SDK does: a remote's by its name, every other one by fetch.
func (b *bench) ask(t *testing.T, h map[string]any, body []byte) (answered, error) {
	t.Helper()
	at := h["url"].(string)
	if b.opened == nil || at != b.opened.Base.Origin() && !strings.HasPrefix(at, b.opened.Base.Origin()+"/") {
		return b.fetch(t.Context(), h, body)
	}
	h["url"] = cmp.Or(strings.TrimPrefix(at, b.opened.Base.Origin()), "/")
	raw, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := ReadAsk(call.Request{Head: raw, Body: body})
	if err != nil {
		return answered{}, err
	}
	a, u, err := b.broker.pinned(t.Context(), b.policy, &call.Call{ID: "c-1", Kind: call.WebTrigger}, *b.opened, asked)
	if err != nil {
		return answered{}, err
	}
	return answered{replyHead{Status: a.Status, StatusText: a.StatusText, Headers: a.Headers, URL: u.String()}, a.Body}, nil
}

func runVector(t *testing.T, v vector) {
	t.Helper()
	for k, val := range v.Env {
		t.Setenv(k, val)
	}
	var own []netip.Addr
	for _, ip := range v.Platform.SelfIPs {
		own = append(own, netip.MustParseAddr(ip))
	}
	cfg := Config{Reserved: v.Platform.ReservedHosts}
	if v.Response != nil && v.Response.slow() {
		cfg.Timeout = 300 * time.Millisecond
	}
	b := newBench(t, cfg, own, v.Policy...)
	if len(v.Platform.GrantedNetworks) > 0 {
		b.open(t, v)
	}
	internet := newInternet(t, b.world, v)

	var (
		last answered
		err  error
	)
	for range max(1, v.Requests) {
		internet.hop.Store(0)
		last, err = follow(t, b, v)
	}
	internet.check(t, v)
	for _, bad := range v.MustNotDial {
		addr, parseErr := netip.ParseAddr(bad)
		for _, d := range b.world.Dialled() {
			if parseErr == nil && d.Addr() == addr.Unmap().WithZone("") {
				t.Errorf("dialled %s", d)
			}
		}
	}
	for _, good := range v.MustDial {
		if !slices.ContainsFunc(b.world.Dialled(), func(d netip.AddrPort) bool { return d.Addr() == netip.MustParseAddr(good).Unmap() }) {
			t.Errorf("did not dial %s but %v", good, b.world.Dialled())
		}
	}
	for _, name := range v.MustNotResolve {
		if slices.Contains(b.world.Resolved(), strings.ToLower(name)) {
			t.Errorf("resolved %s", name)
		}
	}
	expect(t, v, last, err)
}

func expect(t *testing.T, v vector, last answered, err error) {
	t.Helper()
	switch v.Expect {
	case "blocked", "error":
		if err == nil {
			t.Errorf("answered %d", last.Status)
		}
	case "allowed", "option_ignored":
		if err != nil && (v.Expect == "allowed" || !v.badTLS()) {
			t.Errorf("failed: %v", err)
		}
		if err == nil && v.badTLS() {
			t.Error("an unacceptable certificate was accepted")
		}
	case "limited":
		if err == nil && (int64(len(last.body)) > defaultMaxBody || v.Response.Encoding == "" || int64(len(last.body)) > v.Response.WireBytes) {
			t.Errorf("%d bytes came through", len(last.body))
		}
	case "header_stripped", "blocked_or_stripped", "never_dials_private":
		// What must not be sent, seen or dialled is checked above; the request itself may
		// be refused or go through without it.
		if v.Expect == "header_stripped" && err != nil {
			t.Errorf("failed: %v", err)
		}
		if v.Response == nil {
			return
		}
		for name := range v.Response.Headers {
			if _, ok := last.header(strings.ToLower(platformName(name))); ok {
				t.Errorf("the app sees %s", name)
			}
		}
	default:
		t.Fatalf("unknown expectation %q", v.Expect)
	}
	if err != nil {
		if f, ok := fault.As(err); !ok || f.Code == "" || f.Kind == fault.Internal {
			t.Errorf("untyped error %v", err)
		}
	}
}

func (v vector) badTLS() bool { return len(v.TLS.CertNames) > 0 || v.TLS.Expired }

// follow asks as the SDK's fetch does: hop by hop, each a full decision, credentials
// only to the origin that they were for.
func follow(t *testing.T, b *bench, v vector) (answered, error) {
	t.Helper()
	headers := [][2]string{}
	for name, value := range v.Headers {
		headers = append(headers, [2]string{platformName(name), platformName(value)})
	}
	for i := range v.HeaderCount {
		headers = append(headers, [2]string{fmt.Sprintf("x-h-%d", i), "v"})
	}
	at, body, method := v.URL, []byte(v.Body), v.Method
	for range 20 {
		h := map[string]any{"url": at, "method": method, "headers": headers, "hasBody": len(body) > 0}
		for k, o := range v.Options {
			if _, taken := h[k]; !taken {
				h[k] = o
			}
		}
		a, err := b.ask(t, h, body)
		if err != nil {
			return a, err
		}
		location, ok := a.header("location")
		if !ok || a.Status < 300 || a.Status > 399 {
			return a, nil
		}
		from, err := whatwg.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		to, err := from.Parse(location)
		if err != nil {
			return answered{}, fault.New(fault.Denied, CodeDenied, "the redirect leads nowhere").Because(err)
		}
		if to.Protocol() != from.Protocol() || to.Host() != from.Host() {
			headers = slices.DeleteFunc(headers, func(kv [2]string) bool {
				return slices.Contains([]string{"authorization", "cookie", "proxy-authorization"}, strings.ToLower(kv[0]))
			})
		}
		if a.Status == http.StatusSeeOther {
			method, body = "GET", nil
		}
		at = to.Href(false)
	}
	return answered{}, fault.New(fault.Unavailable, "FETCH_FAILED", "too many redirects")
}

// platformName writes the vectors' stand-in for the platform's own header prefix.
func platformName(s string) string {
	s = strings.ReplaceAll(s, "X-Platform-", "X-Annex-")
	return strings.ReplaceAll(s, "x-platform-", "x-annex-")
}
