package jsvm

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func poolEngine() *Engine {
	e := &Engine{scan: openScanner(nil), idle: map[*Image]struct{}{}}
	e.onFound = func(from, to int) { e.found = append(e.found, run{from, to}) }
	return e
}

// mappings is how many mappings this process has.
func mappings(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\n")
}

func take(t *testing.T, e *Engine, img *Image) *space {
	t.Helper()
	s, err := e.takeSpace(img)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// As many instances as a worker holds must not run out of mappings, each must read as its
// image, and when they are gone so is the copy that they needed.
func TestManyInstancesTakeFewMappings(t *testing.T) {
	const instances = 4096
	e, img := poolEngine(), images(t, 800)["many runs"]
	mem, before := contents(img), mappings(t)
	var live []*space
	copied := 0
	for range instances {
		s := take(t, e, img)
		if s.copied {
			copied++
		}
		if copied < 3 && !bytes.Equal(s.buf[:img.size], mem) {
			t.Fatal("an instance does not read as its image")
		}
		live = append(live, s)
	}
	if copied == 0 || img.whole == nil {
		t.Error("all instances map the image's layers")
	}
	if got := mappings(t) - before; got > e.mappings || e.mappings > hardMappings {
		t.Errorf("%d mappings, %d counted", got, e.mappings)
	}
	// Another app still gets its layers: it need not pay for a copy.
	other := images(t, 100)["many runs"]
	if s := take(t, e, other); s.copied {
		t.Error("an app with one call made a whole copy")
	} else {
		e.giveSpace(s)
	}
	for _, s := range live {
		e.giveSpace(s)
	}
	if img.whole != nil {
		t.Error("the copy outlived the rush")
	}
	for _, s := range img.idle {
		if s.copied {
			t.Error("an idle instance keeps the copy")
		}
	}
	if e.mappings != e.idleMappings || e.idleMappings > (maxIdle+1)*mappingsOf(img.layers) {
		t.Errorf("%d mappings are left, of them %d of idle instances", e.mappings, e.idleMappings)
	}
	e.CloseImage(img)
	e.CloseImage(other)
	if e.mappings != 0 || e.idleMappings != 0 || len(e.idle) != 0 {
		t.Errorf("%d and %d mappings of %d images are left", e.mappings, e.idleMappings, len(e.idle))
	}
	if got := mappings(t); got > before+8 {
		t.Errorf("%d mappings, %d before", got, before)
	}
}

// Idle instances of many apps are bounded together; those of the app that was not called
// for longest go first.
func TestIdleInstancesAreBounded(t *testing.T) {
	e := poolEngine()
	base := images(t, 800)["base"]
	mem := contents(base)
	for p := 0; p < len(mem)/pageSize; p += 7 {
		mem[p*pageSize] ^= 1
	}
	var apps []*Image
	for range 120 {
		img := overlaid(t, base.Image, mem)
		e.giveSpace(take(t, e, img))
		apps = append(apps, img)
		if e.idleMappings > maxIdleMappings {
			t.Fatalf("%d mappings of idle instances", e.idleMappings)
		}
	}
	if len(apps[0].idle) != 0 || len(apps[len(apps)-1].idle) != 1 {
		t.Error("the instances of the wrong app went")
	}
	for _, img := range apps {
		e.CloseImage(img)
	}
	if e.mappings != 0 || len(e.idle) != 0 {
		t.Errorf("%d mappings are left", e.mappings)
	}
}

// An idle instance must not hand on what another app was allowed.
func TestAnIdleInstanceHasItsImagesLimit(t *testing.T) {
	e, img := poolEngine(), images(t, 32)["base"]
	s := take(t, e, img)
	s.limit = maxMemory
	e.giveSpace(s)
	if again := take(t, e, img); again != s || again.limit != DefaultMemory {
		t.Errorf("limit %d", again.limit)
	}
	s.free()
}
