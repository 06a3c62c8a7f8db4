package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// productCalls are the figures of calls that an app makes of a product.
type productCalls struct {
	DirectUS float64 `json:"direct_us"` // the same call made directly, one after the other
	CallUS   float64 `json:"call_us"`   // by an app: decided, credential made, sent, taken in
	AddsUS   float64 `json:"adds_us"`
}

// perCall is how many product calls one call of the app makes; calls is how often.
const (
	perCall = 100
	calls   = 30
)

// ofProduct measures what an app's product call costs over the same call made directly:
// the medians of calls of one run, on the loopback. The product answers at once and looks
// at no credential, so that only Annex's part differs.
func (a *annex) ofProduct(ctx context.Context) (p productCalls, err error) {
	base, product, err := startThings(ctx)
	if err != nil {
		return p, err
	}
	defer product.stopWait()
	running, err := a.serve(ctx)
	if err != nil {
		return p, err
	}
	defer running.stopWait()
	host, err := a.installCaller(ctx, base)
	if err != nil {
		return p, err
	}
	client := &http.Client{Transport: &http.Transport{}}
	var direct, called, empty []float64
	for range calls {
		took, err := a.ask(ctx, client, host, perCall)
		if err != nil {
			return p, err
		}
		none, err := a.ask(ctx, client, host, 0)
		if err != nil {
			return p, err
		}
		called, empty = append(called, took), append(empty, none)
		began := time.Now()
		for i := range perCall {
			if err := get(ctx, client, fmt.Sprintf("%s/things/%d?expand=all", base, i)); err != nil {
				return p, err
			}
		}
		direct = append(direct, micros(time.Since(began))/perCall)
	}
	p.DirectUS = median(direct)
	p.CallUS = (median(called) - median(empty)) / perCall
	p.AddsUS = p.CallUS - p.DirectUS
	return p, nil
}

// startThings starts the product as a process of its own, as a product is: a call between two
// goroutines of one process would flatter the direct one.
func startThings(ctx context.Context) (base string, p *process, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	if p, err = start(exec.Command(self, "-things", address)); err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		if err = get(ctx, http.DefaultClient, "http://"+address+"/things/0"); err == nil {
			return "http://" + address, p, nil
		}
		select {
		case <-ctx.Done():
			p.stop()
			return "", nil, fmt.Errorf("the product does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// serveThings is the product.
func serveThings(address string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{n}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"n":%s}`, r.PathValue("n"))
	})
	return (&http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}).ListenAndServe()
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// installCaller declares the product and installs the app that calls it.
func (a *annex) installCaller(ctx context.Context, base string) (host string, err error) {
	dir, err := os.MkdirTemp(a.data, "caller-")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(a.root, "bench", "productcall"))); err != nil {
		return "", err
	}
	yaml := "key: things\nname: Things\napiBaseUrl: " + base + "\nopenapi: openapi.json\nscopes:\n  - {name: read:thing, title: Read things, access: read}\n" +
		"rules:\n  - {path: /things/*, methods: [GET], scopes: [read:thing]}\n"
	document := `{"openapi":"3.0.3","info":{"title":"Things","version":"1"},"paths":{"/things/{n}":{"get":{"operationId":"thing","parameters":[` +
		`{"name":"n","in":"path","required":true,"schema":{"type":"integer"}},{"name":"expand","in":"query","schema":{"type":"string"}}],"responses":{"200":{"description":"It"}}}}}}`
	for name, text := range map[string]string{"product.yaml": yaml, "openapi.json": document} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	where := []string{"--environment", "production", "--site", "bench", "--product", "things", "--json"}
	for _, step := range []struct {
		token string
		args  []string
	}{
		{a.operator, []string{"product", "add", "product.yaml"}},
		{a.operator, []string{"site", "set", "bench", "--product", "tracker", "--product", "things"}},
		{a.developer, []string{"deploy", "--environment", "production", "--json"}},
		{a.admin, append([]string{"install", "--confirm"}, where...)},
	} {
		if _, err := a.cli(ctx, step.token, dir, step.args...); err != nil {
			return "", err
		}
	}
	return a.webTrigger(ctx, dir, "bench", where)
}

// ask has the app make n product calls, and gives how long that took.
func (a *annex) ask(ctx context.Context, client *http.Client, host string, n int) (us float64, err error) {
	text := fmt.Sprint(n)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+a.addr()+"/", strings.NewReader(text))
	if err != nil {
		return 0, err
	}
	r.Host = host
	began := time.Now()
	res, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(got, []byte(text)) {
		return 0, fmt.Errorf("the caller of the product answered %s %s: %w", res.Status, got, err)
	}
	return micros(time.Since(began)), nil
}

func get(ctx context.Context, client *http.Client, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("the product answered %s: %w", res.Status, err)
	}
	return nil
}
