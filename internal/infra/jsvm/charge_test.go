package jsvm

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// charging is an engine whose calls only charge.
func charging(budget int) (*Engine, func() *Instance) {
	e := &Engine{cfg: Config{Budget: budget, Now: time.Now}, holders: map[*space]*Instance{}}
	img := &Image{}
	return e, func() *Instance { return &Instance{e: e, sp: &space{image: img}} }
}

// What operations of the host need counts like the memory of calls, and is given back at
// their end.
func TestOperationsAreInTheBudget(t *testing.T) {
	e, newCall := charging(64 << 20)
	a, b := newCall(), newCall()
	if err := a.charge(40 << 20); err != nil {
		t.Fatal(err)
	}
	a.discharge()
	if e.held != 0 || e.large != 0 || a.sp.held != 0 {
		t.Fatalf("%d bytes held, %d large ones, after the end", e.held, e.large)
	}
	for range 100 { // many small ones are not free
		if err := a.charge(chargeFrom / 2); err != nil {
			t.Fatal(err)
		}
	}
	if e.held < 99*chargeFrom/2 {
		t.Errorf("%d bytes held", e.held)
	}
	err := b.charge(60 << 20)
	if err == nil || b.outcome == nil || b.outcome.Fault == nil || b.outcome.Fault.Code != "OVERLOADED" || a.outcome != nil {
		t.Errorf("over the budget: %v, %+v and %+v", err, a.outcome, b.outcome)
	}
	e.unhold(b.sp)
	e.unhold(a.sp)
	if e.held != 0 || e.large != 0 {
		t.Errorf("%d bytes held, %d large ones, when both are gone", e.held, e.large)
	}
}

// Few operations have much memory at the same time; the next one lets others run until one
// of them has ended.
func TestFewOperationsAreLarge(t *testing.T) {
	e, newCall := charging(1 << 30)
	var all []*Instance
	for range maxLarge {
		in := newCall()
		if err := in.charge(largeFrom); err != nil {
			t.Fatal(err)
		}
		all = append(all, in)
	}
	next := newCall()
	waits := 0
	e.cur = next
	e.tick = func() {
		if waits++; waits == 5 {
			all[0].discharge()
		}
	}
	if err := next.charge(largeFrom); err != nil || waits != 5 {
		t.Errorf("%v after %d turns of others", err, waits)
	}
	waits = 0
	e.tick = func() {
		if waits++; waits == 5 {
			e.cur.End(fault.New(fault.Unavailable, "CANCELLED", "enough"))
		}
	}
	last := newCall()
	e.cur = last
	if err := last.charge(largeFrom); err == nil || waits != 5 {
		t.Errorf("%v after %d turns of others", err, waits)
	}
}

// A long text is written with a pause for each few kilobytes, whatever it is made of.
func TestQuotingPauses(t *testing.T) {
	const size = 2 << 20
	for name, text := range map[string]string{"plain": "a", "escaped": "\x01", "mixed": "a\""} {
		for _, wide := range []bool{false, true} {
			pauses := 0
			h := heapReader{pause: func() error { pauses++; return nil }}
			w := jsonWriter{heapReader: &h, in: &Instance{sp: &space{}}}
			b := []byte(strings.Repeat(text, size/len(text)))
			if wide {
				b = []byte(strings.Repeat(text[:1]+"\x00", size/2))
			}
			w.quote(b, wide)
			if w.gaveUp || pauses < size/(64<<10) {
				t.Errorf("%s, wide %v: %d pauses, gave up: %v", name, wide, pauses, w.gaveUp)
			}
		}
	}
	// A pair of surrogates at the seam of two portions stays one.
	pair := []byte{0x3d, 0xd8, 0x00, 0xde}
	for pad := range 3 {
		h := heapReader{}
		w := jsonWriter{heapReader: &h, in: &Instance{sp: &space{}}}
		w.quote([]byte(strings.Repeat("a\x00", quotedAtOnce/2-pad)+strings.Repeat(string(pair), 3)), true)
		if !strings.HasSuffix(string(w.out), "a\U0001f600\U0001f600\U0001f600") {
			t.Errorf("%d before the seam: %q", pad, w.out[len(w.out)-30:])
		}
	}
}

// A decoder asks whether to go on when it reads, also while nothing comes of it.
func TestDecodersAsk(t *testing.T) {
	e, _ := charging(1 << 30)
	for kind, unit := range map[string][]byte{
		"gzip": {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "deflate-raw": {0, 0, 0, 0xff, 0xff}, "br": {12, 6, 6, 6},
	} {
		in := &Instance{e: e, sp: &space{}, outcome: &Outcome{}}
		e.cur = in
		body := append(unit, bytes.Repeat(unit[len(unit)/4:], 1<<20)...)
		if kind != "br" {
			body = bytes.Repeat(unit, 1<<18)
		}
		src := &asking{in: in, rest: body}
		r, err := in.decoder(kind, src)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if read := len(body) - len(src.rest); !errors.Is(err, errEnded) || read > portion {
			t.Errorf("%s: %v after %d of %d bytes of a call that has ended", kind, err, read, len(body))
		}
	}
}
