package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// annex is the shipped binary with a data directory in which the benchmark's app is
// installed. Each round starts it anew on that data.
type annex struct {
	bin, root, data, home string
	port                  int
	operator              string // tokens
	developer, admin      string
	hook                  string // host of the app's web trigger, with port
}

// setUpAnnex makes the data directory as an operator would: product, site, accounts,
// deploy, install.
func setUpAnnex(ctx context.Context, root, data string) (*annex, error) {
	bin, err := filepath.Abs(filepath.Join(root, "bin", "annex"))
	if err != nil {
		return nil, err
	}
	a := &annex{bin: bin, root: root, data: data, home: filepath.Join(data, "home")}
	if err := os.MkdirAll(a.home, 0o700); err != nil {
		return nil, err
	}
	if a.port, err = freePort(); err != nil {
		return nil, err
	}
	p, err := a.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer p.stopWait()
	token, err := os.ReadFile(filepath.Join(data, "annex", "operator.token"))
	if err != nil {
		return nil, err
	}
	a.operator = strings.TrimSpace(string(token))
	if err := a.populate(ctx, a.operator); err != nil {
		return nil, err
	}
	a.hook, err = a.install(ctx, filepath.Join(root, "bench", "app"))
	return a, err
}

func (a *annex) serve(ctx context.Context, env ...string) (*process, error) {
	p, err := a.launch(env...)
	if err != nil {
		return nil, err
	}
	if err := a.healthy(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w: %s", err, p.output())
	}
	return p, nil
}

// highQuotas are counted as any figures are, and higher than a minute of load.
const highQuotas = `installation: &all {calls: 1000000000, outbound: 1000000000, productCalls: 1000000000, pushes: 1000000000, logLines: 1000000000, storageReads: 1000000000, storageWrites: 1000000000}
app: *all
site: *all
user: *all
`

func (a *annex) launch(env ...string) (*process, error) {
	cmd := exec.Command(a.bin, "serve", "--data", filepath.Join(a.data, "annex"), "--listen", fmt.Sprintf("127.0.0.1:%d", a.port))
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+a.home)
	cmd.Env = append(cmd.Env, env...)
	quotas := filepath.Join(a.data, "quotas.yaml")
	if err := os.WriteFile(quotas, []byte(highQuotas), 0o600); err != nil {
		return nil, err
	}
	cmd.Env = append(cmd.Env, "ANNEX_QUOTAS="+quotas)
	return start(cmd)
}

// healthy waits until the server answers.
func (a *annex) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := a.call("", "GET", "healthz", "", nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (a *annex) populate(ctx context.Context, operator string) error {
	if _, err := a.cli(ctx, operator, filepath.Join(a.root, "examples", "product"), "product", "add", "product.yaml"); err != nil {
		return err
	}
	if err := a.call(operator, "POST", "api/v1/sites", "application/json", []byte(`{"name":"bench","products":["tracker"]}`), nil); err != nil {
		return err
	}
	var made struct {
		Tokens []struct{ Kind, Secret string }
	}
	account := []byte(`{"name":"bench","developer":true,"adminOf":["bench"]}`)
	if err := a.call(operator, "POST", "api/v1/accounts", "application/json", account, &made); err != nil {
		return err
	}
	for _, t := range made.Tokens {
		switch t.Kind {
		case "developer":
			a.developer = t.Secret
		case "admin":
			a.admin = t.Secret
		}
	}
	return nil
}

func (a *annex) call(token, method, path, contentType string, body []byte, into any) error {
	req, err := http.NewRequest(method, fmt.Sprintf("http://127.0.0.1:%d/%s", a.port, path), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, raw)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// install brings an app to production on the site and gives its web trigger's host.
func (a *annex) install(ctx context.Context, dir string) (host string, err error) {
	where := []string{"--environment", "production", "--site", "bench", "--product", "tracker", "--json"}
	if _, err := a.cli(ctx, a.developer, dir, "deploy", "--environment", "production", "--json"); err != nil {
		return "", err
	}
	if _, err := a.cli(ctx, a.admin, dir, append([]string{"install", "--confirm"}, where...)...); err != nil {
		return "", err
	}
	return a.webTrigger(ctx, dir, "bench", where)
}

// webTrigger makes an address of a function and gives its host.
func (a *annex) webTrigger(ctx context.Context, dir, function string, where []string) (host string, err error) {
	out, err := a.cli(ctx, a.admin, dir, append([]string{"webtrigger", "create", "--function", function}, where...)...)
	if err != nil {
		return "", err
	}
	var made struct{ URL string }
	if err := json.Unmarshal(out, &made); err != nil {
		return "", err
	}
	u, err := url.Parse(made.URL)
	if err != nil {
		return "", err
	}
	return u.Host, nil
}

func (a *annex) cli(ctx context.Context, token, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, a.bin, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+a.home, "ANNEX_TOKEN="+token, fmt.Sprintf("ANNEX_URL=http://127.0.0.1:%d", a.port))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("annex %s: %w: %s%s", args[0], err, errs.Bytes(), out.Bytes())
	}
	return out.Bytes(), nil
}

func (a *annex) addr() string { return fmt.Sprintf("127.0.0.1:%d", a.port) }

// system is the server under test.
func (a *annex) system() system {
	return system{name: "annex_fresh", fresh: true, load: func(ctx context.Context, o options) (sample, error) {
		p, err := a.serve(ctx)
		if err != nil {
			return sample{}, err
		}
		defer p.stopWait()
		if _, err := loadHTTP(ctx, a.addr(), a.hook, 2, time.Second); err != nil { // warm
			return sample{}, err
		}
		got, err := loadHTTP(ctx, a.addr(), a.hook, o.conns, o.span)
		got.MemoryMB = p.memoryMB()
		return got, err
	}}
}

// stopWait asks the server to end and waits until it has.
func (p *process) stopWait() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		p.stop()
		<-p.ended
	}
}

// once makes one request over a new connection and gives its time in ms.
func once(addr, host string) (float64, error) {
	req, err := http.NewRequest("POST", "http://"+addr+"/", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Host = host
	began := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	took := float64(time.Since(began).Microseconds()) / 1000
	if err != nil {
		return 0, err
	}
	n, err := counter(raw)
	if err == nil && n != 1 {
		err = fmt.Errorf("the first call's instance had seen %d calls", n)
	}
	return took, err
}
