package attack

import (
	"context"
	"crypto/tls"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

//go:embed testdata/canary.js
var canaryCode string

// canaryWorld is a deployment with many installations of apps that plant canaries.
type canaryWorld struct {
	*platform
	places   []*canaryPlace
	weighted []*canaryPlace
	sites    int
	versions int
	echo     *echoHost
}

// canaryPlace is one installation under a number, which its canaries carry.
type canaryPlace struct {
	place
	number int
	url    string
}

func newCanaryWorld(t *testing.T) *canaryWorld {
	t.Helper()
	w := &canaryWorld{platform: newPlatformOf(t, 2)}
	w.echo = newEchoHost(t, w.platform, "echo.example.com")
	variants := []struct {
		vault   int
		options string
		weight  int
	}{
		{0, "", 200},
		{256 * 4096, "", 200},
		{3 * 4096, "    memoryMB: 256\n", 100},
		{0, "    snapshots: false\n", 1}, // its module scope runs at each call
	}
	sites := map[string]string{w.Access.Site: w.Access.AdminToken}
	for i := range 8 {
		name := fmt.Sprintf("site-%d", i)
		sites[name] = w.site(name)
	}
	w.sites = len(sites)
	for i, v := range variants {
		s := source{hooks: []string{"hook"}, also: []string{"run"}, egress: []string{"https://echo.example.com"}, options: v.options, code: canarySource(t, i, v.vault)}
		var app string
		for _, environment := range []string{"development", "staging", "production"} {
			at := place{p: w.platform, app: app, environment: environment, developer: w.Access.DeveloperToken}
			app = at.redeploy(s)
			at.app = app
			w.versions++
			for site, admin := range sites {
				c := &canaryPlace{place: at.on(site, admin), number: len(w.places) + 1}
				c.url = c.hook("hook")
				w.places = append(w.places, c)
				for range v.weight {
					w.weighted = append(w.weighted, c)
				}
			}
		}
	}
	if len(w.places) < 100 {
		t.Fatalf("%d installations", len(w.places))
	}
	return w
}

// canarySource is the app's code; no two apps have the same bytes.
func canarySource(t *testing.T, app, vault int) string {
	t.Helper()
	raw, err := os.ReadFile("../../internal/assets/dist/sdk.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct{ Modules map[string]any }
	if err := json.Unmarshal(raw, &table); err != nil || len(table.Modules) < 20 {
		t.Fatalf("%d modules, %v", len(table.Modules), err)
	}
	var names []string
	for name := range table.Modules {
		names = append(names, name)
	}
	slices.Sort(names)
	list, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("const APP = %d, VAULT = %d, MODULES = %s;\n%s", app, vault, list, canaryCode)
}

// pick is an installation to call.
func (w *canaryWorld) pick(r *rand.Rand) *canaryPlace { return w.weighted[r.IntN(len(w.weighted))] }

// echoHost answers with what it was sent, and marks each connection with the canary of
// the first request on it: whoever shares a connection can tell.
type echoHost struct {
	mu    sync.Mutex
	conns map[*echoConn]struct{}
	t     *testing.T
}

type echoConn struct {
	first    string          // canary
	installs map[string]bool // of the canaries seen
}

type connKey struct{}

func newEchoHost(t *testing.T, p *platform, name string) *echoHost {
	t.Helper()
	e := &echoHost{conns: map[*echoConn]struct{}{}, t: t}
	const address = "93.184.217.7"
	p.Resolve(name, []string{address})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Route(address, l.Addr().String())
	s := &http.Server{
		Handler:   e,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{p.Issue(t, certificateOf(name))}},
		ErrorLog:  log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, e.open())
		},
	}
	served := make(chan error, 1)
	go func() { served <- s.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		_ = s.Close()
		<-served
	})
	return e
}

func (e *echoHost) open() *echoConn {
	c := &echoConn{installs: map[string]bool{}}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conns[c] = struct{}{}
	return c
}

// ServeHTTP implements http.Handler.
func (e *echoHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	me := canaryWords.FindStringSubmatch(r.RequestURI)
	if me == nil {
		e.t.Errorf("the host was asked for %s", r.RequestURI)
		return
	}
	conn := r.Context().Value(connKey{}).(*echoConn)
	e.mu.Lock()
	if conn.first == "" {
		conn.first = me[0]
	}
	conn.installs[me[1]] = true
	e.mu.Unlock()
	for name, values := range r.Header {
		for _, other := range canaryWords.FindAllString(strings.Join(values, " "), -1) {
			if other != me[0] {
				e.t.Errorf("the request of %s has a header %s of %s", me[0], name, other)
			}
		}
	}
	w.Header().Set("X-Connection", conn.first)
	w.Header().Set("X-Echo", r.Header.Get("X-Cnry"))
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Set("ETag", `"same"`)
	_, _ = w.Write(body)
}

// counts are the connections that were used, and the installations that used them.
func (e *echoHost) counts() (conns, installs int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[string]bool{}
	for c := range e.conns {
		if len(c.installs) == 0 {
			continue // opened, and not needed after all
		}
		conns++
		for i := range c.installs {
			all[i] = true
		}
		if len(c.installs) > 1 {
			e.t.Errorf("one connection carried requests of %d installations", len(c.installs))
		}
	}
	return conns, len(all)
}
