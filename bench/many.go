package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/edge/cli/applint"
	"github.com/annexhq/annex/internal/edge/cli/client"
	"github.com/annexhq/annex/internal/infra/bundle"
)

// many are the figures of a server with many installed apps.
type many struct {
	Apps         int     `json:"apps"`
	FirstCallMS  float64 `json:"first_call_ms"` // of an app, after the server's start: median
	FirstCallP99 float64 `json:"first_call_p99_ms"`
	SecondCallMS float64 `json:"second_call_ms"` // in another random order
	StartMS      float64 `json:"start_ms"`       // until /readyz answers
	IdleAppKB    float64 `json:"idle_app_kb"`    // growth of memory ÷ apps, after a minute idle
	MemoryMB     float64 `json:"apps_memory_mb"` // server and workers, at their most
	DeployMS     float64 `json:"deploy_500kb_ms"`
}

// idleFor is how long the platform is left alone before what idle apps hold is measured.
const idleFor = 60 * time.Second

// manyApps installs n apps with code of their own, and measures starts, first calls and memory.
func (a *annex) manyApps(ctx context.Context, n int) (m many, err error) {
	m.Apps = n
	hosts, err := a.installMany(ctx, n, &m)
	if err != nil {
		return m, err
	}
	var starts []float64
	for range 4 {
		took, p, err := a.timedStart(ctx)
		if err != nil {
			return m, err
		}
		p.stopWait()
		starts = append(starts, took)
	}
	took, p, err := a.timedStart(ctx)
	if err != nil {
		return m, err
	}
	defer p.stopWait()
	m.StartMS = median(append(starts, took))
	before := treeKB(p.cmd.Process.Pid)
	first, peak, err := a.callEach(p, hosts)
	if err != nil {
		return m, err
	}
	second, peak2, err := a.callEach(p, hosts)
	if err != nil {
		return m, err
	}
	m.FirstCallMS, m.SecondCallMS, m.MemoryMB = median(first), median(second), max(peak, peak2)
	slices.Sort(first)
	m.FirstCallP99 = first[len(first)*99/100]
	select {
	case <-time.After(idleFor):
	case <-ctx.Done():
		return m, ctx.Err()
	}
	m.IdleAppKB = float64(treeKB(p.cmd.Process.Pid)-before) / float64(n)
	return m, nil
}

// installMany deploys and installs the apps, and a large one, and gives the addresses of
// their web triggers.
func (a *annex) installMany(ctx context.Context, n int, m *many) ([]string, error) {
	p, err := a.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer p.stopWait()
	small, err := bundled(ctx, filepath.Join(a.root, "bench", "app"))
	if err != nil {
		return nil, err
	}
	hosts := make([]string, n)
	var done atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	began := time.Now()
	for i := range n {
		g.Go(func() error {
			host, err := a.installOne(gctx, small.as(0xa00000+i))
			hosts[i] = host
			if k := done.Add(1); err == nil && k%1000 == 0 {
				fmt.Printf("%d of %d apps installed, %.0f a second\n", k, n, float64(k)/time.Since(began).Seconds())
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	large, err := largeApp(ctx, a.root, filepath.Join(a.data, "large"))
	if err != nil {
		return nil, err
	}
	var took []float64
	for i := range 5 {
		up := large.as(0x900000 + i)
		began := time.Now()
		if _, err := a.client(a.developer).Deploy(ctx, up, nil); err != nil {
			return nil, err
		}
		took = append(took, ms(time.Since(began)))
	}
	m.DeployMS = median(took)
	return hosts, nil
}

// prepared is an app as the CLI would upload it.
type prepared struct{ client.Upload }

func bundled(ctx context.Context, dir string) (prepared, error) {
	t, err := assets.SDKTable()
	if err != nil {
		return prepared{}, err
	}
	table := &bundle.Table{Modules: t.Modules, Aliases: t.Aliases, TypesOnly: t.TypesOnly, NotOffered: t.NotOffered}
	r, err := applint.Check(ctx, dir, applint.Options{Table: table, Lookup: os.LookupEnv})
	if err != nil {
		return prepared{}, err
	}
	if !r.OK() {
		return prepared{}, fmt.Errorf("%s has errors: %v", dir, r.Diagnostics)
	}
	return prepared{client.Upload{Environment: "production", Manifest: r.Source, Bundle: r.Bundle.Code, SourceMap: r.Bundle.SourceMap}}, nil
}

// as is the app under another id and with bytes of its own.
func (p prepared) as(n int) client.Upload {
	up := p.Upload
	up.Manifest = bytes.Replace(up.Manifest, []byte("0000000be4c4"), fmt.Appendf(nil, "000000%06x", n), 1)
	up.Bundle = bytes.Replace(up.Bundle, []byte("calls = 0"), fmt.Appendf(nil, "calls = 0, variant = %d", n), 1)
	return up
}

// largeApp bundles the same handler with half a megabyte of functions beside it.
func largeApp(ctx context.Context, root, dir string) (prepared, error) {
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "bench", "app"))); err != nil {
		return prepared{}, err
	}
	var b strings.Builder
	for i := 0; b.Len() < 500<<10; i++ {
		fmt.Fprintf(&b, "table.set(%d, function part%d(a, b) { const sum = a * %d + b; return sum > %d ? { key: 'part-%d', sum } : [a, b, 'some text of part %d'] });\n", i, i, i, i*7, i, i)
	}
	path := filepath.Join(dir, "src", "handler.js")
	text, err := os.ReadFile(path)
	if err != nil {
		return prepared{}, err
	}
	text = append([]byte("export const table = new Map();\nglobalThis.table = table;\n"+b.String()), text...)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return prepared{}, err
	}
	return bundled(ctx, dir)
}

func (a *annex) client(token string) *client.Client {
	c, err := client.New(client.Config{URL: "http://" + a.addr(), Token: token})
	if err != nil {
		panic(err) // the address is ours
	}
	return c
}

// installOne deploys an app, installs it on the site and gives its web trigger's host.
func (a *annex) installOne(ctx context.Context, up client.Upload) (string, error) {
	developer, admin := a.client(a.developer), a.client(a.admin)
	d, err := developer.Deploy(ctx, up, nil)
	if err != nil {
		return "", err
	}
	at := client.Target{App: d.App, Environment: "production", Site: "bench", Product: "tracker"}
	preview, err := admin.Preview(ctx, at)
	if err != nil {
		return "", err
	}
	if _, _, err := admin.Install(ctx, client.InstallRequest{Target: at, Confirmation: client.Confirmation{Digest: preview.Digest}}); err != nil {
		return "", err
	}
	t, err := admin.CreateWebTrigger(ctx, client.WebTriggerRequest{Target: at, Module: "bench"})
	if err != nil {
		return "", err
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return "", err
	}
	return u.Host, nil
}

// timedStart starts the server and waits until it takes calls.
func (a *annex) timedStart(ctx context.Context) (took float64, p *process, err error) {
	began := time.Now()
	if p, err = a.launch(); err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		res, err := http.Get("http://" + a.addr() + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return ms(time.Since(began)), p, nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	p.stop()
	return 0, nil, fmt.Errorf("the server does not become ready: %s", p.output())
}

// callEach calls every app once, in random order, and gives each call's time and the most
// memory that was seen.
func (a *annex) callEach(p *process, hosts []string) (took []float64, peakMB float64, err error) {
	for i, k := range rand.Perm(len(hosts)) {
		t, err := once(a.addr(), hosts[k])
		if err != nil {
			return nil, 0, err
		}
		took = append(took, t)
		if i%(len(hosts)/20+1) == 0 {
			peakMB = max(peakMB, p.memoryMB())
		}
	}
	return took, max(peakMB, p.memoryMB()), nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
