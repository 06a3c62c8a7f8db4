package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// neighbours are what an app's callers notice while another app attacks.
type neighbours struct {
	AloneMS float64            `json:"alone_p99_ms"`
	P99MS   map[string]float64 `json:"p99_ms"` // by attack
	// AloneP99MS is without the attack, just before each.
	AloneP99MS map[string]float64 `json:"alone_p99_ms_by_attack"`
	Failed     map[string]int     `json:"failed"` // attacks that the platform answered wrongly
	// Answers are those that the attackers got, by attack and status: 0 when it was over first.
	Answers map[string]map[int]int `json:"answers"`
	// Ratio is the worst attack's p99 to that without one, of the same minute.
	Ratio float64 `json:"ratio"`
}

// attacks are the functions of bench/vandal, attackers how many callers each has.
// What it queued goes on being handled when nobody calls any more, so that comes last.
var attacks = []string{"cpu", "memory", "outbound", "logs", "queue"}

const (
	attackers  = 8
	callers    = 2 // of the neighbour
	attackSpan = 8 * time.Second
)

// besideAttackers measures the benchmark's app while the vandal's functions are called
// without pause. The load fails at any answer that is not right, so that a neighbour's
// failed call fails the benchmark.
func (a *annex) besideAttackers(ctx context.Context) (n neighbours, err error) {
	n = neighbours{P99MS: map[string]float64{}, AloneP99MS: map[string]float64{}, Failed: map[string]int{}, Answers: map[string]map[int]int{}}
	p, err := a.serve(ctx)
	if err != nil {
		return n, err
	}
	defer p.stopWait()
	hooks, err := a.installVandal(ctx, filepath.Join(a.root, "bench", "vandal"))
	if err != nil {
		return n, err
	}
	if _, err := loadHTTP(ctx, a.addr(), a.hook, callers, 2*time.Second); err != nil { // warm
		return n, err
	}
	for _, attack := range attacks {
		alone, err := loadHTTP(ctx, a.addr(), a.hook, callers, attackSpan/2)
		if err != nil {
			return n, fmt.Errorf("alone: %w", err)
		}
		during, answers, err := a.during(ctx, hooks[attack])
		if err != nil {
			return n, fmt.Errorf("a neighbour of %s: %w", attack, err)
		}
		fmt.Printf("neighbour of %-9s p99 %7.2f ms, alone %7.2f ms, %6.0f requests/s, alone %6.0f; answers to the attackers %v\n", attack, during.P99, alone.P99, during.Rate, alone.Rate, answers)
		n.P99MS[attack], n.AloneP99MS[attack], n.Failed[attack] = during.P99, alone.P99, 0
		n.Answers[attack] = answers
		for status, times := range answers {
			if status != 0 && status < 400 {
				n.Failed[attack] += times // none of these functions comes to its end
			}
		}
		n.AloneMS = max(n.AloneMS, alone.P99)
		n.Ratio = max(n.Ratio, ratio(during.P99, alone.P99))
	}
	return n, nil
}

// during loads the neighbour while attackers call host.
func (a *annex) during(ctx context.Context, host string) (got sample, answers map[int]int, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	answers = map[int]int{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range attackers {
		wg.Go(func() {
			for ctx.Err() == nil {
				status := a.attack(ctx, host)
				mu.Lock()
				answers[status]++
				mu.Unlock()
			}
		})
	}
	got, err = loadHTTP(ctx, a.addr(), a.hook, callers, attackSpan)
	stop()
	wg.Wait()
	return got, answers, err
}

func (a *annex) attack(ctx context.Context, host string) (status int) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+a.addr()+"/", strings.NewReader("{}"))
	if err != nil {
		return 0
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0 // the attack is over
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// installVandal installs the app and gives the host of each attack.
func (a *annex) installVandal(ctx context.Context, dir string) (map[string]string, error) {
	where := []string{"--environment", "production", "--site", "bench", "--product", "tracker", "--json"}
	if _, err := a.cli(ctx, a.developer, dir, "deploy", "--environment", "production", "--json"); err != nil {
		return nil, err
	}
	if _, err := a.cli(ctx, a.admin, dir, append([]string{"install", "--confirm"}, where...)...); err != nil {
		return nil, err
	}
	hosts := map[string]string{}
	for _, attack := range attacks {
		host, err := a.webTrigger(ctx, dir, attack, where)
		if err != nil {
			return nil, err
		}
		hosts[attack] = host
	}
	return hosts, nil
}

// print says how the figures stand to the bar: three times what the neighbour has alone, or 150 ms.
func (n neighbours) print(w io.Writer) {
	if len(n.P99MS) == 0 {
		return
	}
	fmt.Fprint(w, "\n| an app that floods | neighbour's p99 ms | alone | bar |\n|---|---:|---:|---:|\n")
	for _, attack := range attacks {
		fmt.Fprintf(w, "| %s | %.1f | %.1f | %.0f |\n", attack, n.P99MS[attack], n.AloneP99MS[attack], max(3*n.AloneP99MS[attack], 150))
	}
}
