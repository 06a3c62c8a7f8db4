package attack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
)

// long is when a call that has not ended never will.
const long = 20 * time.Second

// with makes a call that has a deadline.
func (at place) with(payload string, deadline time.Duration) error {
	c := &call.Call{Kind: call.Invoke, Installation: id.Install(at.installation), Module: "run", Function: "index.run",
		Context: []byte("{}"), Payload: []byte(payload), ContentType: "application/json", Deadline: time.Now().Add(deadline)}
	_, err := at.p.System.Door.Invoke(context.WithoutCancel(at.p.t.Context()), c)
	return err
}

// A worker that was taken over and takes nothing any more keeps no call beyond its
// deadline, whatever it says of itself; and the next calls find another one.
func TestAttackHoldCalls(t *testing.T) {
	for name, key := range map[string]string{"it says nothing of what it was sent": "", "it says to have seen more than it was sent": "lies"} {
		t.Run(name, func(t *testing.T) {
			p := newPlatformWith(t, impostors(1, t.TempDir()))
			bad := p.deploy("development", source{also: []string{"run"}, code: `function run() {}`})
			good := p.deploy("development", source{also: []string{"run"}, code: `function run() {} // a neighbour`})
			for range 6 { // both have left the quarantine
				for _, at := range []place{bad, good} {
					if err := at.with(`{"Do":"remember"}`, long); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := bad.with(`{"Do":"deaf","Key":"`+key+`"}`, long); err != nil {
				t.Fatal(err)
			}
			large := `{"Do":"remember","Key":"` + strings.Repeat("x", 4_900_000) + `"}`
			ended := make(chan error)
			const calls = 9
			for i := range calls {
				go func() {
					if i%3 == 0 {
						ended <- good.with(`{"Do":"remember"}`, time.Second)
						return
					}
					ended <- bad.with(large, time.Second)
				}()
			}
			never := time.After(long)
			for i := range calls {
				select {
				case <-ended:
				case <-never:
					t.Fatalf("%d of %d calls have not ended", calls-i, calls)
				}
			}
			eventually(t, "a neighbour's call is answered", func() bool { return good.with(`{"Do":"remember"}`, time.Second) == nil })
		})
	}
}

// A process in which one developer's module scope ran gets no other developer's code or
// variables.
func TestAttackReadAnothersBuild(t *testing.T) {
	dir := t.TempDir()
	p := newPlatformWith(t, impostors(1, dir))
	for _, name := range []string{"mallory", "alice"} {
		s := source{also: []string{"run"}, code: fmt.Sprintf("function run() {} // the code of %s", name)}
		if a := p.upload(p.developer(name), s.parts("development")); a.status != 201 && a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "build-*"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "the code of mallory") && strings.Contains(string(b), "the code of alice") {
			t.Error("one process was given both developers' code")
		}
	}
}

// A worker that was taken over cannot use up the server's descriptors.
func TestAttackPourDescriptors(t *testing.T) {
	p := newPlatformWith(t, impostors(1, t.TempDir()))
	at := p.deploy("development", source{also: []string{"run"}, code: `function run() {}`})
	if err := at.with(`{"Do":"remember"}`, long); err != nil {
		t.Fatal(err)
	}
	open := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := open()
	if err := at.with(`{"Do":"pour"}`, 3*time.Second); err == nil {
		t.Error("its call was answered")
	}
	if most := open(); most > before+50 {
		t.Errorf("%d descriptors, %d before", most, before)
	}
	eventually(t, "the next call is answered", func() bool { return at.with(`{"Do":"remember"}`, time.Second) == nil })
}
