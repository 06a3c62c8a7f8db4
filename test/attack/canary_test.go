package attack

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/applog"
)

const (
	// canaryCalls is the short run; ANNEX_CANARY_CALLS asks for another one.
	canaryCalls   = 10_000
	canaryCallers = 12
	// So many traces or failures show a fault; the rest of the run would only show more.
	enoughTraces, enoughFailures = 5, 6
)

// SPEC 1: over many installations of several apps, environments and sites, no call finds
// a trace of another one, in any place where code, the platform or a host it talks to
// could keep one. `make attack` makes a million calls.
func TestCanary(t *testing.T) {
	calls := canaryCalls
	if asked := os.Getenv("ANNEX_CANARY_CALLS"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 {
			t.Fatalf("ANNEX_CANARY_CALLS=%q is not a number of calls", asked)
		}
		calls = n
	}
	w := newCanaryWorld(t)
	h := &hunt{world: w, t: t, patience: max(enoughFailures, calls/5000), found: map[string]int{}, random: newDraws(), lines: map[id.Invocation]string{}, made: map[string]int{}}
	var next atomic.Int64
	var callers sync.WaitGroup
	for caller := range canaryCallers {
		callers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(caller), uint64(calls)))
			for !h.over() {
				n := next.Add(1)
				if n > int64(calls) {
					return
				}
				h.call(t.Context(), r, int(n))
			}
		})
	}
	callers.Wait()
	h.readLogs()
	h.check(calls)
	h.report()
}

// canaryWords finds canaries: installation, number of the call, randomness.
var canaryWords = regexp.MustCompile(`cnry-([0-9a-f]{4})-[0-9a-f]{8}-[0-9a-f]{8}`)

// hunt counts what was found where.
type hunt struct {
	world *canaryWorld
	t     *testing.T

	mu       sync.Mutex
	found    map[string]int // traces by channel
	total    int
	failures int
	// late are the calls that did not end in time. Their deadline is short, so that calls
	// whose answers go astray are noticed; on a machine that stands still for a while, as
	// many as patience are forgiven.
	late, patience int
	lines          map[id.Invocation]string // who wrote lines
	made           map[string]int           // calls by kind
	channels       int
	fetched        int
	random         *draws
}

// passing are the codes of a server that is busy at the moment, as on a machine with much
// else to do; they say so, and the call is made again.
var passing = map[string]bool{"POLICY_STALE": true, "WORKER_LOST": true, "OVERLOADED": true}

// order is what a call is told to do.
type order struct {
	Me    string   `json:"me"`
	Heavy bool     `json:"heavy,omitempty"`
	Rare  []string `json:"rare,omitempty"`
	Fail  bool     `json:"fail,omitempty"`
}

// traces is what a call reports.
type traces struct {
	Me       string            `json:"me"`
	Found    map[string]string `json:"found"`
	Blind    []string          `json:"blind"`
	Texts    []string          `json:"texts"`
	Kept     []string          `json:"kept"`
	Again    []string          `json:"again"`
	Fetched  int               `json:"fetched"`
	Channels int               `json:"channels"`
	Random   string            `json:"random"`
}

// oneIn are how seldom the rare things are done.
var oneIn = map[string]int{"storage": 40, "fetch": 100, "abandon": 150, "log": 100, "sleep": 30, "grow": 300, "again": 60}

func (h *hunt) call(ctx context.Context, r *rand.Rand, n int) {
	at := h.world.pick(r)
	o := order{Me: fmt.Sprintf("cnry-%04x-%08x-%08x", at.number, n, r.Uint32()), Heavy: r.IntN(100) == 0, Fail: r.IntN(80) == 0}
	for _, name := range slices.Sorted(maps.Keys(oneIn)) {
		if r.IntN(oneIn[name]) == 0 {
			o.Rare = append(o.Rare, name)
		}
	}
	hooked := r.IntN(12) == 0
	if hooked { // with a web trigger's deadline, an answer that goes astray would take a minute
		o.Rare = slices.DeleteFunc(o.Rare, func(name string) bool { return name == "storage" || name == "fetch" })
	}
	payload, err := json.Marshal(o)
	if err != nil {
		h.fail("%v", err)
		return
	}
	if hooked {
		h.count("by web trigger", o)
		h.request(at, o, payload)
		return
	}
	h.count("by the door", o)
	var c *call.Call
	var res call.Result
	for try := 0; ; try++ {
		c = &call.Call{
			Kind: call.Invoke, Installation: id.Install(at.installation), Function: "index.run", Module: "run",
			Context: json.RawMessage(`{"moduleKey":"run"}`), Payload: payload, ContentType: "application/json",
			Deadline: time.Now().Add(12 * time.Second),
		}
		if res, err = h.world.System.Door.Invoke(ctx, c); try == 3 || !passing[fault.CodeOf(err)] {
			break
		}
		h.count("tried again", order{})
	}
	if slices.Contains(o.Rare, "log") {
		h.mu.Lock()
		h.lines[c.ID] = o.Me
		h.mu.Unlock()
	}
	h.see("result's head", string(res.Head), o.Me)
	switch {
	case fault.CodeOf(err) == "LIMIT_WALL":
		h.tooLate(o, err)
	case err != nil:
		h.failed(o, err)
	default:
		h.read(at, o, string(res.Body))
	}
}

// request makes the same call as a stranger on the network does.
func (h *hunt) request(at *canaryPlace, o order, payload []byte) {
	var a answer
	for try := 0; ; try++ {
		a = h.world.ask("POST", at.url, http.Header{"Content-Type": {"application/json"}}, string(payload))
		if try == 3 || a.status != http.StatusServiceUnavailable {
			break
		}
		h.count("tried again", order{})
	}
	for name, values := range a.header {
		h.see("answer's header "+name, strings.Join(values, " "), o.Me)
	}
	switch {
	case o.Fail && a.status < 500, !o.Fail && a.status != 200:
		h.fail("%s was answered %d %s", o.Me, a.status, a.body)
	case o.Fail:
		h.see("failed answer", a.body, o.Me)
	case a.header.Get("X-Cnry") != o.Me:
		h.trace("answer", "asked as "+o.Me+", answered "+a.header.Get("X-Cnry"))
	default:
		h.read(at, o, a.body)
	}
}

// failed is for calls that were told to.
func (h *hunt) failed(o order, err error) {
	f, ok := fault.As(err)
	if !ok || !o.Fail || f.Code != "FUNCTION_ERR" {
		h.fail("%s: %v", o.Me, err)
		return
	}
	fields, _ := json.Marshal(f.Fields)
	h.see("error", f.Public+f.Fix+string(fields)+err.Error(), o.Me)
}

// read judges a call's report.
func (h *hunt) read(at *canaryPlace, o order, body string) {
	var got traces
	if err := json.Unmarshal([]byte(body), &got); err != nil || o.Fail {
		h.fail("%s returned %.300s: %v", o.Me, body, err)
		return
	}
	if got.Me != o.Me {
		h.trace("result", "asked as "+o.Me+", answered as "+got.Me)
	}
	for name, seen := range got.Found {
		h.trace(name, o.Me+" found "+seen)
	}
	for _, text := range got.Texts {
		h.see("host call", text, o.Me)
	}
	for i := 0; i+1 < len(got.Again); i += 2 {
		h.see(got.Again[i]+", later", got.Again[i+1], o.Me)
	}
	for _, text := range got.Kept {
		h.seeInstallation("storage or connection", text, at.number)
	}
	if len(got.Blind) > 0 {
		h.fail("%s: the channels %v do not see what was planted", o.Me, got.Blind)
	}
	if slices.Contains(o.Rare, "fetch") != (got.Fetched == 2) {
		h.fail("%s: %d hosts answered", o.Me, got.Fetched)
	}
	for i, drawn := range strings.SplitN(got.Random, ",", 3) {
		if drawn == "" || !h.random.add(i, drawn) {
			h.trace("randomness", "drawn twice: "+drawn)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.channels = max(h.channels, got.Channels)
	h.fetched += got.Fetched
}

// see finds canaries of other calls in a text.
func (h *hunt) see(channel, text, me string) {
	for _, c := range canaryWords.FindAllString(text, -1) {
		if c != me {
			h.trace(channel, me+" found "+c)
		}
	}
}

// seeInstallation finds canaries of other installations in a text.
func (h *hunt) seeInstallation(channel, text string, number int) {
	for _, c := range canaryWords.FindAllStringSubmatch(text, -1) {
		if c[1] != fmt.Sprintf("%04x", number) {
			h.trace(channel, fmt.Sprintf("installation %04x found %s", number, c[0]))
		}
	}
}

func (h *hunt) trace(channel, what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.found[channel]++
	if h.total++; h.total <= 8 {
		h.t.Errorf("%s: %s", channel, what)
	}
}

func (h *hunt) fail(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failures++; h.failures <= 8 {
		h.t.Errorf(format, args...)
	}
}

func (h *hunt) tooLate(o order, err error) {
	h.count("that ended late", order{})
	h.mu.Lock()
	h.late++
	over := h.late > h.patience
	h.mu.Unlock()
	if over {
		h.fail("%s and %d other calls did not end in time: %v", o.Me, h.late-1, err)
	}
}

func (h *hunt) count(kind string, o order) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.made[kind]++
	for _, name := range o.Rare {
		h.made["with "+name]++
	}
	if o.Heavy {
		h.made["heavy"]++
	}
	if o.Fail {
		h.made["that fail"]++
	}
}

func (h *hunt) over() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.total >= enoughTraces || h.failures >= enoughFailures || h.late > h.patience
}

// readLogs looks at what each site's admin can read of each installation.
func (h *hunt) readLogs() {
	lines := 0
	for _, at := range h.world.places {
		p, err := h.world.System.Accounts.Authenticate(h.t.Context(), at.admin)
		if err != nil {
			h.t.Fatal(err)
		}
		read, err := h.world.System.Logs.Read(h.t.Context(), p, applog.Query{App: id.App(at.app), Env: at.environment, Install: id.Install(at.installation), Limit: 1000})
		if err != nil {
			h.fail("the log of %s: %v", at.installation, err)
			continue
		}
		for _, line := range read {
			lines++
			h.seeInstallation("log", string(line.Args), at.number)
			if args := string(line.Args); strings.Contains(args, "turn") && args != `["turn: 1"]` {
				h.trace("console's counter", args)
			}
			if me := h.lines[line.Invocation]; me != "" {
				h.see("log", string(line.Args), me)
			}
			if string(line.Install) != at.installation {
				h.trace("log", "a line of another installation")
			}
		}
	}
	h.made["lines read"] = lines
}

// check holds that the run was one: everything that was to be done was done.
func (h *hunt) check(calls int) {
	if h.total+h.failures > 0 || calls < canaryCalls {
		return
	}
	for _, kind := range []string{"by web trigger", "by the door", "heavy", "that fail", "lines read", "with storage", "with fetch", "with abandon", "with log", "with sleep", "with grow", "with again"} {
		if h.made[kind] == 0 {
			h.t.Errorf("there were no calls %s", kind)
		}
	}
	conns, installs := h.world.echo.counts()
	if h.made["by web trigger"]+h.made["by the door"] != calls || h.channels < 25 || h.fetched == 0 || conns < installs || installs < 20 {
		h.t.Errorf("%v, %d channels, %d fetched over %d connections of %d installations", h.made, h.channels, h.fetched, conns, installs)
	}
}

// report prints the table, and writes it where ATTACK_JSON says.
func (h *hunt) report() {
	w := h.world
	calls := h.made["by web trigger"] + h.made["by the door"]
	conns, _ := w.echo.counts()
	var b strings.Builder
	tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tab, "calls\t%d\n", calls)
	fmt.Fprintf(tab, "installations\t%d\nsites\t%d\nversions\t%d\n", len(w.places), w.sites, w.versions)
	fmt.Fprintf(tab, "places looked at by each call\t%d\nconnections to a host\t%d\n", h.channels, conns)
	for _, kind := range slices.SortedFunc(maps.Keys(h.made), cmp.Compare[string]) {
		fmt.Fprintf(tab, "%s\t%d\n", kind, h.made[kind])
	}
	fmt.Fprintf(tab, "traces found\t%d\n", h.total)
	for _, channel := range slices.Sorted(maps.Keys(h.found)) {
		fmt.Fprintf(tab, "  %s\t%d\n", channel, h.found[channel])
	}
	_ = tab.Flush()
	h.t.Logf("canaries:\n%s", b.String())
	file := os.Getenv("ATTACK_JSON")
	if file == "" {
		return
	}
	out := map[string]map[string]any{"canary": {
		"calls": calls, "installations": len(w.places), "sites": w.sites, "channels": h.channels, "found": h.total,
	}}
	raw, err := json.MarshalIndent(out, "", "  ")
	if err == nil {
		err = os.WriteFile(file, append(raw, '\n'), 0o644)
	}
	if err != nil {
		h.t.Error(err)
	}
}

// draws remembers what was drawn, by hash.
type draws struct {
	seed maphash.Seed
	mu   sync.Mutex
	seen map[uint64]struct{}
}

func newDraws() *draws { return &draws{seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}} }

// add says whether a number is new among those of its kind.
func (d *draws) add(kind int, drawn string) bool {
	key := maphash.String(d.seed, strconv.Itoa(kind)+drawn)
	d.mu.Lock()
	defer d.mu.Unlock()
	_, twice := d.seen[key]
	d.seen[key] = struct{}{}
	return !twice
}
