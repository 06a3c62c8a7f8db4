package qjs

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/sourcemap"
)

// mapPatience bounds how long a call's end waits for its source map.
const mapPatience = 2 * time.Second

// lines are a call's console lines on their way to its log. Stacks, and warnings and errors
// that hold places of the bundle, get those of the app's source. A source map must not be read by the
// worker's reader, so when it is not at hand, that line and those after it wait for the
// call's end. Lines without such places never look for a map.
type lines struct {
	out    func(call.LogLine)
	places func() (*sourcemap.Map, bool) // the map, if it is at hand

	waiting atomic.Bool
	mu      sync.Mutex
	held    []call.LogLine // as many as the log's limit lets a call have
}

// inBundle is what a place of the bundle begins with.
var inBundle = []byte("app.js:")

// stackLine begins each line of a stack, in JSON text.
var stackLine = []byte(`\n    at `)

func hasPlaces(l call.LogLine) bool {
	return (l.Level == "warn" || l.Level == "error" || bytes.Contains(l.Args, stackLine)) && bytes.Contains(l.Args, inBundle)
}

// add takes one line.
func (x *lines) add(l call.LogLine) {
	places := hasPlaces(l)
	if !places && !x.waiting.Load() {
		x.out(l)
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.waiting.Load() {
		if maps, ok := x.places(); !places || ok {
			if places {
				l.Args = inSource(l.Args, maps)
			}
			x.out(l)
			return
		}
		x.waiting.Store(true)
	}
	x.held = append(x.held, l)
}

// flush lets the waiting lines go; read reads the map.
func (x *lines) flush(ctx context.Context, read func(context.Context) *sourcemap.Map) {
	if !x.waiting.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mapPatience)
	defer cancel()
	maps := read(ctx)
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, l := range x.held {
		if hasPlaces(l) {
			l.Args = inSource(l.Args, maps)
		}
		x.out(l)
	}
	x.held = nil
	x.waiting.Store(false)
}

// inSource gives JSON text with the places of the app's source instead of the bundle's. At
// most maxFrames are looked up: an app can write any text there.
func inSource(text []byte, maps *sourcemap.Map) []byte {
	if maps == nil || !bytes.Contains(text, inBundle) {
		return text
	}
	var out []byte
	rest, n := 0, 0
	for _, at := range frame.FindAllIndex(text, maxFrames) {
		p, ok := lookup(string(text[at[0]:at[1]]), maps)
		if !ok || !plainPath(p.Source) {
			continue
		}
		place := p.Source + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column+1)
		out = append(out, text[rest:at[0]]...)
		out = append(out, place...)
		rest, n = at[1], n+1
	}
	if n == 0 {
		return text
	}
	return append(out, text[rest:]...)
}

// plainPath reports whether a path can stand in JSON text as it is.
func plainPath(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
