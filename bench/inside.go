package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// inProcess measures the engine alone, by its own package's benchmarks: a fresh call
// against a reused one, which is the same code with the reset skipped, and the private
// memory of an instance that waits.
func inProcess(ctx context.Context, root string) (inside, error) {
	figures := map[string][]float64{}
	out, err := benchmark(ctx, root, "./internal/infra/jsvm", "^(BenchmarkCall|BenchmarkLive)$")
	if err != nil {
		return inside{}, err
	}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		for i := 2; i+1 < len(f); i += 2 {
			if x, err := strconv.ParseFloat(f[i], 64); err == nil {
				figures[f[i+1]] = append(figures[f[i+1]], x)
			}
		}
	}
	in := inside{FreshUS: median(figures["fresh-µs"]), ReusedUS: median(figures["reused-µs"]), liveInstanceKB: median(figures["KB/instance"])}
	if in.LookupUS, err = lookUp(ctx, root); err != nil {
		return in, err
	}
	if in.FreshUS == 0 || in.ReusedUS == 0 || in.liveInstanceKB == 0 {
		return in, fmt.Errorf("in-process benchmarks gave no figures: %s", out)
	}
	return in, nil
}

func benchmark(ctx context.Context, root, pkg, name string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", name, "-count", "5", pkg)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("in-process benchmarks: %w: %s", err, out)
	}
	return string(out), nil
}

// lookUp measures how long it takes to find a request's operation and scopes in a product
// of a thousand operations, in microseconds.
func lookUp(ctx context.Context, root string) (float64, error) {
	out, err := benchmark(ctx, root, "./internal/core/scopemap", "^BenchmarkFind$/^operations=1000$")
	if err != nil {
		return 0, err
	}
	var ns []float64
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		for i := 2; i+1 < len(f) && strings.HasPrefix(f[0], "BenchmarkFind/"); i += 2 {
			if x, err := strconv.ParseFloat(f[i], 64); err == nil && f[i+1] == "ns/op" {
				ns = append(ns, x)
			}
		}
	}
	if len(ns) == 0 {
		return 0, fmt.Errorf("the benchmark of scope look-up gave no figure: %s", out)
	}
	return median(ns) / 1000, nil
}
