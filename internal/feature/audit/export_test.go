package audit_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// pen signs checkpoints.
type pen struct {
	key trail.Key
	jws jose.Signer
}

func newPen(t testing.TB, kid string) *pen {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: kid}}, (&jose.SignerOptions{}).WithType(trail.SignatureType))
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	return &pen{trail.Key{KeyID: kid, Type: "EC", Curve: "P-256", X: text(point[1:33]), Y: text(point[33:])}, s}
}

func (p *pen) Checkpoint(payload []byte) (string, trail.Key, error) {
	signed, err := p.jws.Sign(payload)
	if err != nil {
		return "", p.key, err
	}
	text, err := signed.DetachedCompactSerialize()
	return text, p.key, err
}

// history is a trail of several servers and sites.
type history struct {
	t       *testing.T
	logs    []*audit.Log
	pen     *pen
	clock   time.Time
	appends int
}

func newHistory(t *testing.T, d *db.DB, servers int) *history {
	t.Helper()
	if err := d.Migrate(t.Context(), audit.Migrations); err != nil {
		t.Fatal(err)
	}
	h := &history{t: t, pen: newPen(t, "k1"), clock: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	for range servers {
		l := audit.New(d, func() time.Time { return h.clock })
		l.Signer = h.pen
		h.logs = append(h.logs, l)
	}
	return h
}

func (h *history) grow(r *mathrand.Rand, n int) {
	h.t.Helper()
	for range n {
		h.appends++
		h.clock = h.clock.Add(time.Second)
		site := []id.Site{"site-a", "site-a", "site-b"}[r.IntN(3)]
		l := h.logs[r.IntN(len(h.logs))]
		if err := l.Append(h.t.Context(), site, "install", admin, "act", map[string]any{"times": h.appends}); err != nil {
			h.t.Fatal(err)
		}
		if r.IntN(6) == 0 {
			if err := l.Tend(h.t.Context()); err != nil {
				h.t.Fatal(err)
			}
		}
	}
}

func (h *history) export(site id.Site) []byte {
	h.t.Helper()
	scope, err := tenant.ForSite(id.Principal{Kind: id.Operator}, site)
	if err != nil {
		h.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := h.logs[0].Export(h.t.Context(), scope, &out); err != nil {
		h.t.Fatal(err)
	}
	return out.Bytes()
}

func (h *history) pins() []string { return []string{h.pen.key.Thumbprint()} }

func verify(t *testing.T, old, file []byte, pins []string) trail.Report {
	t.Helper()
	var r trail.Report
	var err error
	if old == nil {
		r, err = trail.Verify(bytes.NewReader(file), pins)
	} else {
		r, err = trail.VerifyExtends(bytes.NewReader(old), bytes.NewReader(file), pins)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Random histories of several servers and sites: what was not touched is whole, and each
// kind of tampering is found, wherever it is done.
func TestTamperingIsFound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		seed := uint64(time.Now().UnixNano())
		r := mathrand.New(mathrand.NewPCG(seed, 1))
		h := newHistory(t, d, 3)
		h.grow(r, 60)
		old := h.export("site-a")
		h.grow(r, 60)
		file := h.export("site-a")
		if got := verify(t, old, file, h.pins()); !got.OK || got.Entries < 20 || got.Checkpoints < 4 {
			t.Fatalf("seed %d: untouched: %+v", seed, got)
		}
		for range 300 {
			name, bad := tamper(r, file)
			if bytes.Equal(bad, file) {
				continue
			}
			if got := verify(t, nil, bad, h.pins()); got.OK || got.Findings[0].Text == "" {
				t.Fatalf("seed %d: %s passes:\n%s", seed, name, bad)
			}
		}
		other := verify(t, nil, h.export("site-b"), h.pins())
		if !other.OK || other.Site != "site-b" {
			t.Errorf("%+v", other)
		}
	})
}

// tamper does one thing to an export.
func tamper(r *mathrand.Rand, file []byte) (string, []byte) {
	lines := bytes.SplitAfter(file, []byte("\n"))
	lines = lines[:len(lines)-1]
	i := 1 + r.IntN(len(lines)-1)
	join := func(l [][]byte) []byte { return bytes.Join(l, nil) }
	switch r.IntN(8) {
	case 0: // any byte
		bad := bytes.Clone(file)
		at := bytes.Index(bad, []byte("\n")) + 1 // keys that are not used may say what they like; names of them are tried apart
		at += r.IntN(len(bad) - at - 1)
		bad[at] ^= 1
		if signatureByte(lines, file, at) {
			return "nothing", file // a signature has a few other spellings
		}
		return fmt.Sprintf("byte %d", at), bad
	case 1:
		return "a line dropped", join(slices.Delete(slices.Clone(lines), i, i+1))
	case 2:
		return "a line doubled", join(slices.Insert(slices.Clone(lines), i, lines[i]))
	case 3:
		j := 1 + r.IntN(len(lines)-1)
		swapped := slices.Clone(lines)
		swapped[i], swapped[j] = swapped[j], swapped[i]
		return "two lines swapped", join(swapped)
	case 4:
		return "the tail cut off", join(lines[:i])
	case 5:
		return "the head cut off", join(append([][]byte{lines[0]}, lines[i+1:]...))
	case 6:
		spaced := slices.Clone(lines)
		spaced[i] = bytes.Replace(lines[i], []byte(`":`), []byte(`": `), 1)
		return "written otherwise", join(spaced)
	default:
		more := slices.Clone(lines)
		more[i] = bytes.Replace(lines[i], []byte(`{"type"`), []byte(`{"note":"harmless","type"`), 1)
		return "a member added", join(more)
	}
}

func signatureByte(lines [][]byte, file []byte, at int) bool {
	for _, l := range lines {
		if at < len(l) {
			return bytes.Contains(l[:at], []byte(`"signature":`))
		}
		at -= len(l)
	}
	return false
}

// Whoever has the database but not the key cannot make a history that passes; with a key
// of their own they can, and then the pinned key, or an older export, shows it.
func TestRewrittenHistoryIsFound(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(5, 6))
	honest := newHistory(t, dbtest.SQLite(t), 2)
	honest.grow(r, 20)
	old := honest.export("site-a")

	forged := newHistory(t, dbtest.SQLite(t), 2)
	forged.grow(r, 40)
	file := forged.export("site-a")
	if got := verify(t, nil, file, nil); !got.OK || got.Pinned {
		t.Errorf("whole in itself: %+v", got)
	}
	if got := verify(t, nil, file, honest.pins()); got.OK || got.Findings[0].Kind != "key" {
		t.Errorf("signed by another key: %+v", got)
	}
	got := verify(t, old, file, nil)
	if got.OK || !slices.ContainsFunc(got.Findings, func(f trail.Finding) bool { return f.Kind == "rewritten" }) {
		t.Errorf("rewritten: %+v", got)
	}
	// The key's holder leaves the last hour out and signs again.
	again := newHistory(t, dbtest.SQLite(t), 1)
	again.pen = honest.pen
	again.logs[0].Signer = honest.pen
	again.grow(r, 3)
	if got := verify(t, old, again.export("site-a"), honest.pins()); got.OK {
		t.Errorf("a shorter history passes as a continuation: %+v", got)
	}
}

func TestCheckpointsComeByThemselves(t *testing.T) {
	d := dbtest.SQLite(t)
	h := newHistory(t, d, 1)
	for n := range 1000 {
		if err := h.logs[0].Append(t.Context(), "site-a", "", admin, "act", n); err != nil {
			t.Fatal(err)
		}
	}
	h.logs[0].Start()
	if err := h.logs[0].Close(); err != nil {
		t.Fatal(err)
	}
	// Another server finds nothing left to sign.
	before := verify(t, nil, h.export("site-a"), nil)
	if err := h.logs[0].Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := verify(t, nil, h.export("site-a"), nil); after.Checkpoints != before.Checkpoints+1 || after.Entries != 1000 {
		t.Errorf("%+v, then %+v", before, after)
	}
}

// Refusals cost no transaction; an hour of them is one entry for each kind and
// installation, also when several servers counted, and when one died.
func TestRefusalsAreCounted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHistory(t, d, 2)
		for n := range 100 {
			h.logs[n%2].Refused("site-a", "install-1", "egress.not-declared")
			h.logs[n%2].Refused("site-a", "install-2", "egress.not-declared")
		}
		tend := func() {
			for _, l := range h.logs {
				if err := l.Tend(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		tend()
		if got := list(t, h.logs[0]); len(got) != 0 {
			t.Fatalf("before the hour is over: %+v", got)
		}
		h.clock = h.clock.Add(time.Hour)
		tend()
		got := list(t, h.logs[0])
		if len(got) != 2 || got[0].Act != "refused" || string(got[0].Detail) != `{"hour":"2030-01-02T03:00:00Z","kind":"egress.not-declared","times":100}` {
			t.Errorf("%+v", got)
		}
	})
}

// What could be a text of a person, or a secret, does not stand in an entry.
func TestTextsAreHashed(t *testing.T) {
	l := setup(t, dbtest.SQLite(t))
	user := id.Principal{Kind: id.EndUser, Site: "site-a", Product: "tracker", User: "canary@example.com"}
	details := map[string]any{"note": "canary-in-a-note", "account": "Canary With Spaces", "app": "app-1", "list": []string{"canary-in-a-list"},
		"deep": map[string]any{"a": map[string]string{"b": "canary-in-the-deep"}}, "Canary as a name": 1}
	for range 2 {
		if err := l.Append(t.Context(), "site-a", "", user, "act", details); err != nil {
			t.Fatal(err)
		}
	}
	got := list(t, l)
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ToLower(string(text)), "canary") || !strings.Contains(string(text), `"app":"app-1"`) || !strings.HasPrefix(got[0].Actor, "user:tracker:h:") {
		t.Errorf("%s", text)
	}
	if got[0].Actor != got[1].Actor {
		t.Error("one person has two names")
	}
	if err := l.Append(t.Context(), "site-b", "", user, "act", nil); err != nil {
		t.Fatal(err)
	}
	scope, err := tenant.ForSite(id.Principal{Kind: id.Operator}, "site-b")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := l.List(t.Context(), scope); err != nil || other[0].Actor == got[0].Actor {
		t.Errorf("a person is known by the same name on two sites: %+v, %v", other, err)
	}
}

func TestPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHistory(t, d, 2)
		r := mathrand.New(mathrand.NewPCG(1, 1))
		h.grow(r, 50)
		all := list(t, h.logs[0])
		scope, err := tenant.ForSite(admin, "site-a")
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		f := audit.Filter{Limit: 7}
		last := int64(1 << 62)
		for {
			p, err := h.logs[0].Page(t.Context(), scope, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range p.Entries {
				if e.At > last || seen[e.Hash] {
					t.Fatalf("out of order or twice: %+v", e)
				}
				last, seen[e.Hash] = e.At, true
			}
			if f.Cursor = p.Cursor; f.Cursor == "" {
				break
			}
		}
		if len(seen) != len(all) {
			t.Errorf("%d of %d entries", len(seen), len(all))
		}
		for _, f := range []audit.Filter{{Act: "other"}, {Install: "other"}, {Until: h.clock.Add(-time.Hour)}, {Since: h.clock.Add(time.Hour)}, {Actor: "nobody"}} {
			if p, err := h.logs[0].Page(t.Context(), scope, f); err != nil || len(p.Entries) != 0 {
				t.Errorf("%+v finds %d entries, %v", f, len(p.Entries), err)
			}
		}
		if p, err := h.logs[0].Page(t.Context(), scope, audit.Filter{Act: "act", Install: "install", Actor: "admin:alice"}); err != nil || len(p.Entries) != len(all) {
			t.Errorf("%d entries, %v", len(p.Entries), err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	d := dbtest.SQLite(b)
	if err := d.Migrate(b.Context(), audit.Migrations); err != nil {
		b.Fatal(err)
	}
	l := audit.New(d, nil)
	for b.Loop() {
		if err := l.Append(b.Context(), "site-a", "install", admin, "act", map[string]any{"app": "a", "n": 1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRefused(b *testing.B) {
	l := audit.New(nil, nil)
	for b.Loop() {
		l.Refused("site-a", "install", "egress.not-declared")
	}
}
