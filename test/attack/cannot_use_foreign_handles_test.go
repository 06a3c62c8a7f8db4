package attack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jail"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

// impostorName marks a worker that was taken over from its first moment: it speaks the
// wire as a worker does, and then asks under every handle that it can think of.
const impostorName = "annex-impostor"

// impostor runs if this process was started as one; its third argument is a folder in
// which impostors meet.
func impostor() {
	if os.Args[0] != impostorName {
		return
	}
	if err := (&imposture{dir: os.Args[2]}).run(); err != nil {
		fmt.Fprintln(os.Stderr, "impostor:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

type imposture struct {
	dir      string
	sock     *hostcall.Socket
	finished []hostcall.Handle
	next     uint32
	strange  int // answers to what it did not ask under a handle of its own
}

// task is a call's payload: what the impostor is to do when it gets the call.
type task struct {
	Do  string // remember, hold, ask, peek, deaf, pour
	Key string // what it tries to write, or looks for
}

// outcome is what it got, as the call's result.
type outcome struct {
	Tried, Answered int
	Foreign         int // handles of calls that other workers were running
	Own             bool
}

func (i *imposture) run() error {
	cell, err := jail.Enter()
	if err != nil {
		return err
	}
	room, err := cell.Shut()
	if err != nil {
		return err
	}
	if i.sock, err = hostcall.NewSocket(jail.Socket); err != nil {
		return err
	}
	hello, _, err := i.sock.Next(-1)
	if err != nil {
		return err
	}
	wasm, err := assets.QuickJS()
	if err != nil {
		return err
	}
	sdk, err := assets.SDK()
	if err != nil {
		return err
	}
	engine, err := jsvm.New(context.Background(), jsvm.Config{WASM: wasm, SDK: sdk, Base: hello.File})
	if err != nil {
		return err
	}
	if err := i.send(hostcall.Message{
		Type: hostcall.Hello, File: engine.Base().File,
		Head: text(hostcall.HelloHead{Protocol: hostcall.Protocol, Base: engine.Base().Hash, Room: text(room)}),
	}); err != nil {
		return err
	}
	for {
		m, _, err := i.sock.Next(-1)
		if err != nil {
			return nil // the server hung up
		}
		switch m.Type {
		case hostcall.Build:
			if err := i.note(m.Body); err != nil {
				return err
			}
			err = i.send(hostcall.Message{Type: hostcall.Built, Handle: m.Handle, Head: text(hostcall.BuiltHead{Reason: "an impostor"}), Body: []byte("[\"index.run\"]\n")})
		case hostcall.Invoke:
			err = i.invoked(m)
		case hostcall.Beat:
			err = i.beat()
		}
		if err != nil {
			return err
		}
	}
}

// note keeps what this process was given to build.
func (i *imposture) note(source []byte) error {
	f, err := os.OpenFile(filepath.Join(i.dir, fmt.Sprintf("build-%d", os.Getpid())), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(source, '\n'))
	return errors.Join(err, f.Close())
}

// deaf answers the call, reads nothing any more, and goes on saying that it lives.
func (i *imposture) deaf(m hostcall.Message, lies bool) error {
	if err := i.send(hostcall.Message{Type: hostcall.Result, Handle: m.Handle, Head: (&hostcall.ResultHead{OK: true}).AppendJSON(nil), Body: []byte("1")}); err != nil {
		return err
	}
	seen := i.sock.Seen()
	if lies {
		seen = 1 << 40
	}
	for {
		if err := i.sock.Send(hostcall.Message{Type: hostcall.Beat, Head: fmt.Appendf(nil, `{"seen":%d}`, seen)}); err != nil {
			return err
		}
		if err := i.sock.Flush(); err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// pour sends descriptors that nobody asked for, until the server hangs up.
func (i *imposture) pour() error {
	f, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	for {
		if err := i.sock.Send(hostcall.Message{Type: hostcall.Log, File: f}); err != nil {
			return err
		}
	}
}

func text(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func (i *imposture) send(m hostcall.Message) error {
	if err := i.sock.Send(m); err != nil {
		return err
	}
	return i.beat()
}

// beat says that all was seen, which keeps the server from holding the worker for hung.
func (i *imposture) beat() error {
	if err := i.sock.Send(hostcall.Message{Type: hostcall.Beat, Head: fmt.Appendf(nil, `{"seen":%d}`, i.sock.Seen())}); err != nil {
		return err
	}
	return i.sock.Flush()
}

func (i *imposture) invoked(m hostcall.Message) error {
	var head hostcall.InvokeHead
	if err := json.Unmarshal(m.Head, &head); err != nil {
		return err
	}
	_, _, payload, _ := head.Split(m.Body)
	var o task
	if err := json.Unmarshal(payload, &o); err != nil {
		return err
	}
	got := outcome{}
	switch o.Do {
	case "hold": // it stays unanswered until its time is up
		if err := os.WriteFile(filepath.Join(i.dir, m.Handle.String()), nil, 0o600); err != nil {
			return err
		}
		return i.beat()
	case "deaf":
		return i.deaf(m, o.Key == "lies")
	case "pour":
		return i.pour()
	case "ask":
		var err error
		if got, err = i.ask(m.Handle, o.Key); err != nil {
			return err
		}
	case "peek":
		r, err := i.own(m.Handle, o.Key)
		if err != nil {
			return err
		}
		got.Own = strings.Contains(string(r.Head), "true")
	}
	i.finished = append(i.finished, m.Handle)
	return i.send(hostcall.Message{Type: hostcall.Result, Handle: m.Handle, Head: (&hostcall.ResultHead{OK: true}).AppendJSON(nil), Body: text(got)})
}

// ask tries all handles but its own, and then its own.
func (i *imposture) ask(own hostcall.Handle, key string) (outcome, error) {
	var got outcome
	handles := append([]hostcall.Handle{{}}, i.finished...)
	for range 200 {
		handles = append(handles, hostcall.NewHandle())
	}
	for bit := range 128 { // near misses
		h := own
		h[bit/8] ^= 1 << (bit % 8)
		handles = append(handles, h)
	}
	entries, err := os.ReadDir(i.dir)
	if err != nil {
		return got, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "build-") {
			continue
		}
		var h hostcall.Handle
		if _, err := fmt.Sscanf(e.Name(), "%x", (*hexHandle)(&h)); err != nil {
			return got, err
		}
		handles = append(handles, h)
		got.Foreign++
	}
	for _, h := range handles {
		for _, c := range []struct{ method, head string }{
			{"kvs.set", `{"key":"` + key + `"}`}, {"kvs.get", `{"key":"planted"}`}, {"kvs.secret.get", `{"key":"planted"}`},
		} {
			i.next++
			got.Tried++
			if err := i.send(hostcall.Message{
				Type: hostcall.Call, Handle: h, Body: []byte(`"stolen"`),
				Head: text(hostcall.CallHead{ID: i.next, Method: c.method, Head: json.RawMessage(c.head)}),
			}); err != nil {
				return got, err
			}
		}
		if err := i.send(hostcall.Message{Type: hostcall.Log, Handle: h, Head: text(hostcall.LogHead{Level: "info"}), Body: []byte(`["forged line"]`)}); err != nil {
			return got, err
		}
		if err := i.send(hostcall.Message{Type: hostcall.Result, Handle: h, Head: (&hostcall.ResultHead{OK: true, Head: []byte(`"forged result"`)}).AppendJSON(nil)}); err != nil {
			return got, err
		}
	}
	// Under its own it is answered. Answers come in no order: several leave time for others.
	for range 50 {
		r, err := i.own(own, "planted")
		if err != nil {
			return got, err
		}
		got.Own = r.OK
	}
	got.Answered = i.strange
	return got, nil
}

// own asks for a value under the call's own handle. Answers to anything else are counted.
func (i *imposture) own(h hostcall.Handle, key string) (r hostcall.ReplyHead, err error) {
	i.next++
	if err := i.send(hostcall.Message{
		Type: hostcall.Call, Handle: h, Head: text(hostcall.CallHead{ID: i.next, Method: "kvs.get", Head: text(map[string]string{"key": key})}),
	}); err != nil {
		return r, err
	}
	for {
		m, _, err := i.sock.Next(-1)
		if err != nil {
			return r, err
		}
		if m.Type != hostcall.Reply {
			continue
		}
		if err := json.Unmarshal(m.Head, &r); err != nil {
			return r, err
		}
		if r.ID == i.next && m.Handle == h {
			return r, nil
		}
		i.strange++
	}
}

// hexHandle reads a handle's digits.
type hexHandle hostcall.Handle

func (h *hexHandle) Scan(s fmt.ScanState, _ rune) error {
	for n := range h {
		var b [2]byte
		for d := range b {
			r, _, err := s.ReadRune()
			if err != nil {
				return err
			}
			b[d] = byte(r)
		}
		if _, err := fmt.Sscanf(string(b[:]), "%02x", &h[n]); err != nil {
			return err
		}
	}
	return nil
}

// impostors are workers that were taken over, and meet in a folder.
func impostors(n int, meeting string) func(*testenv.Setup) {
	return func(s *testenv.Setup) {
		s.InsecureNoSandbox = true
		s.Workers = n
		s.ChildCommand = func() *exec.Cmd {
			cmd := exec.Command("/proc/self/exe")
			cmd.Args = []string{impostorName, meeting}
			cmd.Env = []string{}
			return cmd
		}
	}
}

// A worker that somebody has taken over is answered under the handles of the calls that
// run in it, and under no other: not guessed ones, not those of finished calls, not those
// of calls that run in another worker and were whispered to it.
func TestAttackUseForeignHandles(t *testing.T) {
	meeting := t.TempDir()
	p := newPlatformWith(t, impostors(2, meeting))
	app := source{also: []string{"run"}, code: `function run() {}`}
	victim, attacker := p.deploy("development", app), p.deploy("development", app)

	// The victim's first calls run in the quarantine's worker; one of them is held there.
	held := make(chan answer, 1)
	ctx, leave := context.WithCancel(t.Context())
	away := victim
	away.p = p.until(ctx)
	go func() { held <- away.invoke("run", task{Do: "hold"}) }()
	defer func() {
		leave()
		<-held
	}()
	eventually(t, "the victim's call is held", func() bool {
		entries, err := os.ReadDir(meeting)
		return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), "build-") })
	})
	// The attacker leaves quarantine, so that its call runs in another process.
	var got outcome
	for range 6 {
		attacker.result("run", task{Do: "remember"}, &got)
	}
	attacker.result("run", task{Do: "ask", Key: "stolen"}, &got)
	if got.Answered > 0 || !got.Own || got.Foreign == 0 || got.Tried < 900 {
		t.Errorf("under %d handles that were not its own the worker was answered %d times (foreign ones: %d, own: %v)", got.Tried, got.Answered, got.Foreign, got.Own)
	}
	for _, at := range []place{victim, attacker} {
		var seen outcome
		if at.result("run", task{Do: "peek", Key: "stolen"}, &seen); seen.Own {
			t.Error("a value was written")
		}
		if logs := p.api("GET", "/api/v1/logs?"+at.query(), at.developer, nil).body; strings.Contains(logs, "forged") {
			t.Errorf("a line was written: %s", logs)
		}
	}
	select {
	case a := <-held:
		held <- a
		t.Errorf("the victim's call was ended from another worker: %d %s", a.status, a.body)
	default:
	}
}
