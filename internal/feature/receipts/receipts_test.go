package receipts

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// pen signs checkpoints.
type pen struct {
	key trail.Key
	jws jose.Signer
}

func newPen(t testing.TB) *pen {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: "k1"}}, (&jose.SignerOptions{}).WithType(trail.SignatureType))
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	return &pen{trail.Key{KeyID: "k1", Type: "EC", Curve: "P-256", X: text(point[1:33]), Y: text(point[33:])}, s}
}

func (p *pen) Checkpoint(payload []byte) (string, trail.Key, error) {
	signed, err := p.jws.Sign(payload)
	if err != nil {
		return "", p.key, err
	}
	text, err := signed.DetachedCompactSerialize()
	return text, p.key, err
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type world struct {
	*testing.T
	db    *db.DB
	dir   string
	pen   *pen
	clock *clock
	log   *Log
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	if err := d.Migrate(t.Context(), Migrations); err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, db: d, dir: t.TempDir(), pen: newPen(t), clock: &clock{at: time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)}}
	w.restart()
	return w
}

// restart is another process on the same data directory and database.
func (w *world) restart() {
	w.Helper()
	w.log = New(Config{DB: w.db, Dir: w.dir, Signer: w.pen, Issuer: "https://api.example.com", Now: w.clock.now})
	if err := w.log.recover(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func requestTo(origin string) Request {
	return Request{
		ID: "r-" + rand.Text(), Site: "s1", Install: "i1", App: "a1", Version: "v1", Function: "main.run", Invocation: "c1", Epoch: 3,
		Actor: id.Principal{Kind: id.EndUser, Product: "tracker", User: "alice@example.com"},
		Use:   Use{Via: Fetch, Type: "FETCH_BACKEND_SIDE", Origin: origin}, Method: "POST", AllowedBy: origin, Bytes: 6,
	}
}

func (w *world) send(origin string, n int) {
	w.Helper()
	for range n {
		open, err := w.log.Intent(w.Context(), requestTo(origin), []byte("secret"))
		if err != nil {
			w.Fatal(err)
		}
		open.Done(Outcome{Allow: true, Status: 200, Received: 10, Took: time.Millisecond})
	}
}

func (w *world) scope() tenant.Scope {
	w.Helper()
	s, err := tenant.ForInstall(id.Principal{Kind: id.SiteAdmin, Site: "s1"}, "s1", "i1")
	if err != nil {
		w.Fatal(err)
	}
	return s
}

func (w *world) export() []byte {
	w.Helper()
	var out bytes.Buffer
	if err := w.log.Export(w.Context(), w.scope(), &out); err != nil {
		w.Fatal(err)
	}
	return out.Bytes()
}

func (w *world) verify(text []byte) trail.Report {
	w.Helper()
	r, err := trail.Verify(bytes.NewReader(text), []string{w.pen.key.Thumbprint()})
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func (w *world) whole(text []byte) trail.Report {
	w.Helper()
	r := w.verify(text)
	if !r.OK || r.Trail != trail.Receipts {
		w.Fatalf("a whole export does not verify: %+v", r)
	}
	return r
}

func TestReceiptsVerify(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.send("https://api.example.com", 3)
		if r := w.whole(w.export()); r.Entries != 6 {
			t.Errorf("three requests have %d lines, not an intent and an outcome each", r.Entries)
		}
		w.restart()
		w.send("https://other.example.com", 2)
		text := w.export()
		if r := w.whole(text); r.Entries != 10 {
			t.Errorf("%d lines", r.Entries)
		}
		for _, canary := range []string{"secret", "alice"} {
			if bytes.Contains(text, []byte(canary)) {
				t.Errorf("the export holds %q", canary)
			}
		}
		rep, err := w.log.Report(t.Context(), w.scope(), w.clock.now().Add(-24*time.Hour), w.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		if rep.Total.Requests != 5 || rep.Total.Sent != 30 || rep.Total.Received != 50 || len(rep.Destinations) != 2 || rep.Destinations[0].Requests != 3 {
			t.Errorf("what left is counted as %+v", rep)
		}
	})
}

// Whatever single line of an export is edited, dropped, doubled or moved is found.
func TestTamperedReceiptsAreFound(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for n := range 4 {
		w.send(fmt.Sprintf("https://h%d.example.com", n), 2)
		if err := w.log.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	text := w.export()
	w.whole(text)
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	try := func(what string, n int, changed []string) {
		if r := w.verify([]byte(strings.Join(changed, ""))); r.OK {
			t.Errorf("%s line %d was not found", what, n+1)
		}
	}
	for n := range lines {
		try("a dropped", n, append(append([]string{}, lines[:n]...), lines[n+1:]...))
		try("a doubled", n, append(append(append([]string{}, lines[:n+1]...), lines[n]), lines[n+1:]...))
		if n > 0 && n+1 < len(lines) {
			swapped := append([]string{}, lines...)
			swapped[n], swapped[n+1] = swapped[n+1], swapped[n]
			try("a moved", n, swapped)
		}
		edited := append([]string{}, lines...)
		if edited[n] = strings.Replace(lines[n], `"bytes":`, `"bytes":1`, 1); edited[n] != lines[n] {
			try("an edited", n, edited)
		}
	}
	// What is no receipt is not taken for one, and the other way round.
	if r := w.verify(bytes.Replace(text, []byte(`,"trail":"receipts"`), nil, 1)); r.OK {
		t.Error("receipts pass for an audit trail")
	}
}

// A process that ends before the database has its lines loses none of them.
func TestAnEndedProcessLosesNoReceipt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.send("https://api.example.com", 2)
		if err := w.log.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.send("https://api.example.com", 3)
		if _, err := w.log.Intent(t.Context(), requestTo("https://last.example.com"), nil); err != nil {
			t.Fatal(err)
		}
		// Half a line, as a machine's end leaves it.
		files, err := filepath.Glob(filepath.Join(w.dir, "*"+suffix))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v %v", files, err)
		}
		f, err := os.OpenFile(files[0], os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(`{"type":"entry","segm`); err != nil {
			t.Fatal(err)
		}
		f.Close()
		w.restart()
		if r := w.whole(w.export()); r.Entries != 11 {
			t.Errorf("of 11 lines %d are there", r.Entries)
		}
		rep, err := w.log.Report(t.Context(), w.scope(), w.clock.now().Add(-time.Hour), w.clock.now())
		if err != nil || rep.Total.Requests != 6 {
			t.Errorf("%d of 6 requests are counted: %v", rep.Total.Requests, err)
		}
		if files, _ := filepath.Glob(filepath.Join(w.dir, "*"+suffix)); len(files) > 0 {
			t.Errorf("files are left: %v", files)
		}
	})
}

// What cannot be written down is not sent.
func TestNoReceiptNoRequest(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.log.spool.dir = filepath.Join(w.dir, "a-file")
	if err := os.WriteFile(w.log.spool.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.log.Intent(t.Context(), requestTo("https://api.example.com"), nil); err == nil {
		t.Error("a request may be sent although its line cannot be written")
	}
	w.log.spool.dir = w.dir
	w.send("https://api.example.com", 1)
	if r := w.whole(w.export()); r.Entries != 2 {
		t.Errorf("%d lines", r.Entries)
	}
}

// A database that is away delays lines and loses none; too many of them stop requests.
func TestADatabaseThatIsAway(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.send("https://api.example.com", 1)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.log.Flush(gone); err == nil {
		t.Fatal("a cancelled flush succeeded")
	}
	w.send("https://api.example.com", 1)
	if r := w.whole(w.export()); r.Entries != 4 {
		t.Errorf("%d lines", r.Entries)
	}
	w.log.pending = make([]trail.Entry, maxPending)
	if _, err := w.log.Intent(t.Context(), requestTo("https://api.example.com"), nil); err == nil {
		t.Error("requests go on without an end to what waits")
	}
}

// What is past its time is dropped; the rest verifies, continues an older export, and does
// not hide that more was cut.
func TestReceiptsAreKeptForATime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		var older []byte
		for n := range 60 {
			w.send(fmt.Sprintf("https://h%d.example.com", n), 1)
			if n%7 == 3 {
				w.restart()
			}
			if n == 40 {
				older = w.export()
			}
			if err := w.log.Tend(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.clock.add(3 * 24 * time.Hour)
			if n%5 == 0 {
				if err := w.log.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.log.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		text := w.export()
		r := w.whole(text)
		if r.Entries > 2*33 || r.Entries < 2*28 || r.Kept == 0 {
			t.Errorf("after 180 days %d lines are there, of before %d: %+v", r.Entries, r.Kept, r)
		}
		ext, err := trail.VerifyExtends(bytes.NewReader(older), bytes.NewReader(text), nil)
		if err != nil || !ext.OK {
			t.Errorf("an older export is not continued: %+v %v", ext.Findings, err)
		}
		lines := strings.SplitAfter(string(text), "\n")
		for cut := 1; cut < len(lines)-2; cut++ {
			if r := w.verify([]byte(lines[0] + strings.Join(lines[1+cut:], ""))); r.OK {
				t.Fatalf("a trail without its first %d lines verifies", cut)
			}
		}
		var kept int
		if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM sent`).Scan(&kept); err != nil || kept > 33 {
			t.Errorf("%d counts are kept: %v", kept, err)
		}
	})
}

// Many requests at once make one chain without a gap.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				open, err := w.log.Intent(t.Context(), requestTo(fmt.Sprintf("https://h%d.example.com", mathrand.N(5))), []byte("x"))
				if err != nil {
					t.Error(err)
					return
				}
				open.Done(Outcome{Allow: true, Status: 204})
			}
		})
	}
	for range 5 {
		if err := w.log.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if r := w.whole(w.export()); r.Entries != 800 {
		t.Errorf("%d of 800 lines", r.Entries)
	}
}

// A destination that nobody can tell apart any more is counted with the rest.
func TestUsesAreBounded(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for n := range maxUses + 50 {
		w.log.Refused(requestTo(fmt.Sprintf("https://h%d.example.com", n)), "egress-not-declared")
	}
	if err := w.log.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	uses, err := w.log.Uses(t.Context(), w.scope(), w.clock.now())
	if err != nil || len(uses) != maxUses+1 {
		t.Fatalf("%d uses: %v", len(uses), err)
	}
	var rest int64
	for _, u := range uses {
		if u.Rest {
			rest = u.Refused
		}
	}
	if rest != 50 {
		t.Errorf("%d are counted with the rest", rest)
	}
	if _, err := w.log.Uses(t.Context(), tenant.Scope{}, time.Time{}); err == nil || errors.Is(err, context.Canceled) {
		t.Error("nobody's uses are told")
	}
}

// What is told apart once within an hour stays so, however often counts are written meanwhile.
func TestUsesStayToldApart(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for range maxUses/10 + 2 {
		for n := range 10 {
			w.log.Refused(requestTo(fmt.Sprintf("https://h%d.example.com", n)), "egress-not-declared")
		}
		if err := w.log.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	uses, err := w.log.Uses(t.Context(), w.scope(), w.clock.now())
	if err != nil || len(uses) != 10 {
		t.Fatalf("%d uses: %v", len(uses), err)
	}
	for _, u := range uses {
		if u.Rest || u.Refused != maxUses/10+2 {
			t.Errorf("%+v", u)
		}
	}
}

// BenchmarkReceipt is both lines of one request, the database written beside it.
func BenchmarkReceipt(b *testing.B) {
	d := dbtest.SQLite(b)
	if err := d.Migrate(b.Context(), Migrations); err != nil {
		b.Fatal(err)
	}
	l := New(Config{DB: d, Dir: b.TempDir(), Signer: newPen(b)})
	if err := l.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	r, body := requestTo("https://api.example.com"), json.RawMessage(`{"a":"small body"}`)
	b.ResetTimer()
	for range b.N {
		open, err := l.Intent(b.Context(), r, body)
		if err != nil {
			b.Fatal(err)
		}
		open.Done(Outcome{Allow: true, Status: 200, Received: 10})
	}
}

// What is written as it stands is of the signs of ids, and no longer than they are.
func TestIDLike(t *testing.T) {
	want := regexp.MustCompile(`^[A-Za-z0-9._:/-]{0,200}$`)
	texts := []string{"", "a\n", "index.run", strings.Repeat("a", 200), strings.Repeat("a", 201), "é", "a b"}
	for c := range 256 {
		texts = append(texts, string([]byte{'a', byte(c)}))
	}
	for _, text := range texts {
		if got := idLike(text); got != want.MatchString(text) {
			t.Errorf("%q: %v", text, got)
		}
	}
}
