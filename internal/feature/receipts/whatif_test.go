package receipts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/egress"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// nowhere is a network in which everything answers 204.
type nowhere struct{}

func (nowhere) Transport(netguard.Class, string) http.RoundTripper          { return nowhere{} }
func (nowhere) PrivateTransport(string, netguard.Opening) http.RoundTripper { return nowhere{} }
func (nowhere) IdentifiedTransport(string, *netguard.Opening, netguard.Identity) http.RoundTripper {
	return nowhere{}
}

func (nowhere) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 204, Status: "204 No Content", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

// recording writes the broker's decisions into a log, as the server does.
type recording struct{ log *Log }

type done struct{ *Open }

func (d done) Done(x egress.Decision) {
	d.Open.Done(Outcome{Allow: x.Allow, Rule: x.Rule, Code: x.Code, Status: x.Status})
}

func (r recording) request(d egress.Decision) Request {
	return Request{ID: d.ReasonID, Site: "s1", Install: "i1", Use: Use{Via: d.Via, Type: d.Type, Origin: d.Origin, Matched: d.Matched, Missed: d.Missed}}
}

func (r recording) Intent(ctx context.Context, d egress.Decision, body []byte) (egress.Receipt, error) {
	open, err := r.log.Intent(ctx, r.request(d), body)
	return done{open}, err
}

func (recording) Allowed(context.Context, egress.Decision) {}

func (r recording) Denied(_ context.Context, d egress.Decision) {
	if !d.Begun() {
		r.log.Refused(r.request(d), d.Rule)
	}
}

type asked struct {
	kind call.Kind
	url  string
}

func drawSet(rng *mathrand.Rand) perm.Set {
	var s perm.Set
	hosts := []string{"a.example.com", "b.example.com", "*.example.com", "x.example.org", "a.example.com:8443", "*", "*.example.org"}
	for range rng.IntN(6) {
		t := []perm.EgressType{perm.Backend, perm.Client}[rng.IntN(2)]
		text := hosts[rng.IntN(len(hosts))]
		if t == perm.Client && text != "*" && rng.IntN(2) == 0 {
			text += []string{"/p/", "/q", "/p/r/"}[rng.IntN(3)]
		}
		p, err := hostrule.ParsePattern(text, perm.UseOf(t))
		if err != nil {
			continue
		}
		s.Egress = append(s.Egress, perm.Egress{Type: t, Pattern: p})
	}
	return s
}

func drawRequest(rng *mathrand.Rand) asked {
	hosts := []string{"a.example.com", "b.example.com", "x.example.org", "a.example.com:8443", "other.example.net", "10.0.0.1", "localhost"}
	paths := []string{"/", "/p/", "/p/1", "/q", "/q/2", "/p/r/3"}
	kind := []call.Kind{call.WebTrigger, call.Session}[rng.IntN(2)]
	return asked{kind, "https://" + hosts[rng.IntN(len(hosts))] + paths[rng.IntN(len(paths))]}
}

// run sends the requests under a policy and says of each whether it went.
func run(t *testing.T, l *Log, s perm.Set, all []asked) []bool {
	t.Helper()
	r := recording{l}
	b := egress.New(egress.Config{Network: nowhere{}, Decisions: r, Receipts: r, PerSecond: 1e6, Burst: 1e6, Hosts: 1e6, PerMinute: 1e6})
	out := make([]bool, len(all))
	for n, x := range all {
		p := &call.Policy{Install: "i1", Site: "s1", Set: s}
		h := b.Bind(call.Binding{Call: &call.Call{ID: "c", Kind: x.kind, Installation: "i1"}, Policy: p})
		head, err := json.Marshal(map[string]any{"url": x.url, "method": "GET"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h(t.Context(), p, call.Request{Method: "fetch", Head: head})
		out[n] = err == nil
	}
	return out
}

// What a change is predicted to refuse and to let go is what the broker then refuses and
// lets go. Of taking something away it is known exactly.
func TestPredictedIsActual(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	differed := 0
	for seed := range uint64(150) {
		rng := mathrand.New(mathrand.NewPCG(seed, 6))
		from := drawSet(rng)
		to := drawSet(rng)
		revocation := rng.IntN(2) == 0
		if revocation {
			to = perm.Set{Egress: slices.DeleteFunc(slices.Clone(from.Egress), func(perm.Egress) bool { return rng.IntN(2) == 0 })}
		}
		var all []asked
		for range 20 {
			all = append(all, drawRequest(rng))
		}
		if _, err := w.db.Exec(t.Context(), `DELETE FROM sent`); err != nil {
			t.Fatal(err)
		}
		w.clock.add(2 * time.Hour) // another hour: uses are told apart anew
		before := run(t, w.log, from, all)
		if err := w.log.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		uses, err := w.log.Uses(t.Context(), w.scope(), w.clock.now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		predicted, ended := WhatIf(uses, Policy{Set: from}, Policy{Set: to}), WhatIfEnded(uses, Policy{Set: from})
		after := run(t, w.log, to, all)
		if err := w.log.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		var went, refused, allowed int64
		for n := range all {
			if before[n] {
				went++
			}
			if before[n] && !after[n] {
				refused++
			}
			if !before[n] && after[n] {
				allowed++
			}
		}
		if refused+allowed > 0 {
			differed++
		}
		what := fmt.Sprintf("seed %d: %v\n→ %v", seed, from.Egress, to.Egress)
		if ended.Refused != went || ended.Allowed+ended.Unsure != 0 {
			t.Errorf("%s: when it ends, %d would be refused, %d allowed, %d unsure; %d went", what, ended.Refused, ended.Allowed, ended.Unsure, went)
		}
		if predicted.Seen != int64(len(all)) {
			t.Errorf("%s: %d of %d requests were looked at", what, predicted.Seen, len(all))
		}
		if revocation && predicted.Unsure > 0 {
			t.Errorf("%s: of taking away %d requests are not known", what, predicted.Unsure)
		}
		if refused < predicted.Refused || allowed < predicted.Allowed || refused+allowed > predicted.Refused+predicted.Allowed+predicted.Unsure {
			t.Errorf("%s: predicted %d refused, %d allowed, %d unsure; they were %d and %d", what, predicted.Refused, predicted.Allowed, predicted.Unsure, refused, allowed)
		}
	}
	if differed < 50 {
		t.Errorf("only %d changes changed anything", differed)
	}
}

// An installation that ended does nothing any more, also of what needs no permission and of
// what was counted together.
func TestWhatIfEndedLeavesNothing(t *testing.T) {
	n := func(u Use) Used { return Used{Use: u, Count: Count{Requests: 2}} }
	uses := []Used{n(Use{Via: Product, Operation: "ping", Needs: [][]string{{}}}), n(Use{Via: Fetch, Rest: true}),
		{Use: Use{Via: Fetch, Type: "FETCH_BACKEND_SIDE", Origin: "https://evil.example.com", Rule: "egress-not-allowed"}, Count: Count{Refused: 5}}}
	if got := WhatIf(uses, Policy{}, Policy{}); got.Refused+got.Allowed+got.Unsure != 0 {
		t.Errorf("no change changes %+v", got)
	}
	if got := WhatIfEnded(uses, Policy{}); got.Refused != 4 || got.Allowed+got.Unsure != 0 || got.Seen != 9 {
		t.Errorf("its end: %+v", got)
	}
}
