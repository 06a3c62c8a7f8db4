package qjs

import (
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/sourcemap"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

// guestGrace is how long a guest may take, after a call's deadline, to say how it ended.
const guestGrace = 2 * time.Second

// Guest is a worker that somebody else runs: a developer's machine that has the code
// already. It is believed in nothing: its host calls, log lines and results pass what those
// of a worker process pass, under the handles of calls that it was given, and it shares no
// pool with anybody.
type Guest struct {
	r *Runtime
	w *worker
}

// Lend gives calls to whoever is at the other end of a carrier; both have said hello.
// Close of the carrier, by either end, is the guest's end.
func (r *Runtime) Lend(conn carrier, log *slog.Logger) *Guest {
	w := newWorker(log)
	w.conn, w.guest = conn, true
	w.heard()
	go w.read()
	return &Guest{r, w}
}

// Gone is closed when the guest is.
func (g *Guest) Gone() <-chan struct{} { return g.w.gone }

// Close hangs up; its calls end with TUNNEL_LOST.
func (g *Guest) Close() error {
	g.w.kill()
	return nil
}

// Leave ends its calls with TUNNEL_LOST; nothing that it says is heard any more. The carrier
// stays open for a last word.
func (g *Guest) Leave() { g.w.forsake() }

// Run runs one call at the guest's, once.
func (g *Guest) Run(ctx context.Context, art call.Artifact, c *call.Call, app json.RawMessage, host call.Host) (call.Result, error) {
	if err := fits(c, app); err != nil {
		return call.Result{}, err
	}
	leave, err := g.r.crowd.enter(art.Environment, c.Installation)
	if err != nil {
		return call.Result{}, err
	}
	defer leave()
	f := newFlight(c, &version{key: art.Key, tally: &tally{}}, host, app)
	f.bodies, f.stopping, f.cpu = g.r.bodies, g.r.stopping, defaultCPU(c.Kind)
	f.lines.places = func() (*sourcemap.Map, bool) { return nil, true } // its places are of the source already
	if f.deadline.IsZero() {
		f.deadline = f.started.Add(defaultWall(c.Kind))
	}
	g.w.enter(f.short)
	res, err := g.w.run(ctx, f, guestGrace)
	if a, ok := err.(*appError); ok {
		err = a.fault(nil)
	}
	if isLost(err) {
		err = fault.New(fault.Unavailable, "TUNNEL_LOST", "the tunnel to the developer's machine closed during the call").
			With("retryable", true).WithFix("try again when `annex tunnel` runs, or without it to call what is deployed").Because(err)
	}
	return res, err
}

// guestSays are the messages that a guest may send: the rest of the set is for workers.
func guestSays(t hostcall.Type) bool {
	return slices.Contains([]hostcall.Type{hostcall.Result, hostcall.Call, hostcall.Log}, t)
}

// guestLine is a log line whose time is ours and whose level is one of the four.
func guestLine(l call.LogLine) call.LogLine {
	l.Time = time.Now()
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, l.Level) {
		l.Level = "info"
	}
	return l
}

var faultCode = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// asApp is what a guest says went wrong: the app's or a limit's doing, and never a
// refusal or a failure of the platform, which are ours to speak of.
func asApp(f *fault.Error) *fault.Error {
	if !faultCode.MatchString(f.Code) {
		f.Code = "FUNCTION_ERR"
	}
	switch f.Kind {
	case fault.App, fault.Limit, fault.NotFound, fault.Invalid, fault.Unavailable:
	default:
		f.Kind = fault.App
	}
	return f
}
