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
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^(BenchmarkCall|BenchmarkLive)$", "-count", "5", "./internal/infra/jsvm")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return inside{}, fmt.Errorf("in-process benchmarks: %w: %s", err, out)
	}
	figures := map[string][]float64{}
	for line := range strings.Lines(string(out)) {
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
	if in.FreshUS == 0 || in.ReusedUS == 0 || in.liveInstanceKB == 0 {
		return in, fmt.Errorf("in-process benchmarks gave no figures: %s", out)
	}
	return in, nil
}
