package providers

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// TestMain is also a server process of the test: it takes rounds from its input.
func TestMain(m *testing.M) {
	if text := os.Getenv("ANNEX_PROVIDERS_PLACE"); text != "" {
		if err := serve(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// atOnce is how many calls each server makes in a round.
const atOnce = 8

// serve makes calls in rounds, each two hours after the one before by its clock, when it is told to.
func serve(text string) error {
	ctx := context.Background()
	var at place
	if err := json.Unmarshal([]byte(text), &at); err != nil {
		return err
	}
	n, err := open(ctx, at)
	if err != nil {
		return err
	}
	defer n.db.Close()
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		n.ahead += 2 * time.Hour
		said := make([]string, atOnce)
		var group sync.WaitGroup
		for i := range said {
			group.Go(func() {
				got, err := n.use(ctx)
				if err != nil {
					got = "error: " + err.Error()
				}
				said[i] = got
			})
		}
		group.Wait()
		out, err := json.Marshal(said)
		if err != nil {
			return err
		}
		fmt.Println(string(out))
	}
	return nil
}

// process is a child whose lines are read.
type process struct {
	cmd   *exec.Cmd
	in    io.Writer
	lines *bufio.Scanner
}

func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &process{cmd, in, bufio.NewScanner(out)}
}

func (p *process) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("a process ended: %v", p.lines.Err())
	}
	return p.lines.Text()
}

// An account at npm's oidc-provider, which replaces a refresh token at each use and withdraws
// everything when one is used twice: connected once, it outlives rounds in which two server
// processes find its access at an end at the same time.
func TestOIDCProvider(t *testing.T) {
	if _, err := os.Stat("node_modules/oidc-provider"); err != nil {
		t.Skip("the npm package oidc-provider is not there: make test-providers")
	}
	ctx := t.Context()
	at := place{Database: dbtest.PostgresURL(t), Ring: filepath.Join(t.TempDir(), "ring.json")}
	n, err := open(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	defer n.db.Close()
	client, err := n.Configure(ctx, developer, "app", "production", "music", "client-secret-x")
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, exec.CommandContext(ctx, "node", "server.js", issuer, client.RedirectURI))
	var listens struct{ Listens string }
	if err := json.Unmarshal([]byte(server.line(t)), &listens); err != nil {
		t.Fatal(err)
	}
	n.listens, at.Listens = listens.Listens, listens.Listens
	sent, err := n.Begin(ctx, alice, "i", "music", nil)
	if err != nil {
		t.Fatal(err)
	}
	back := walk(t, listens.Listens, sent.URL, client.RedirectURI)
	q := back.Query()
	if q.Get("iss") != issuer || q.Get("code") == "" {
		t.Fatalf("back with %v", q)
	}
	done, err := n.Finish(ctx, provider.Back{Callback: strings.TrimPrefix(client.RedirectURI, "https://annex.example/oauth/cb/"), State: q.Get("state"), Code: q.Get("code"),
		Issuer: q.Get("iss"), Browser: sent.Browser, User: alice})
	if err != nil || done.Account.ID != "alice" || done.Account.Name != "alice of the provider" {
		t.Fatalf("%+v, %v", done, err)
	}

	text, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	var servers []*process
	for range 2 {
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), "ANNEX_PROVIDERS_PLACE="+string(text))
		s := start(t, cmd)
		if got := s.line(t); got != "ready" {
			t.Fatal(got)
		}
		servers = append(servers, s)
	}
	const rounds = 10
	for round := range rounds {
		for _, s := range servers {
			if _, err := io.WriteString(s.in, "go\n"); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range servers {
			var said []string
			if err := json.Unmarshal([]byte(s.line(t)), &said); err != nil || len(said) != atOnce {
				t.Fatal(said, err)
			}
			for _, got := range said {
				if !strings.Contains(got, `"status":200`) || !strings.Contains(got, "alice of the provider") {
					t.Fatalf("round %d: %s", round, got)
				}
			}
		}
	}
	if _, err := n.use(ctx); err != nil {
		t.Error("this process, which renewed nothing:", err)
	}
	mine, err := n.OfUser(ctx, alice)
	if err != nil || len(mine) != 1 {
		t.Fatal(mine, err)
	}
	if err := n.Disconnect(ctx, alice, "s", mine[0]); err != nil {
		t.Fatal(err)
	}
	for _, j := range n.later {
		j.Attempt++
		n.Run(ctx, j)
	}
	// What it gave out, in order: nothing was refused, and nothing withdrawn before the end.
	if err := server.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var happened []string
	for server.lines.Scan() {
		var e struct{ Event, Error string }
		if json.Unmarshal(server.lines.Bytes(), &e) != nil {
			continue // what the package says of itself
		}
		happened = append(happened, strings.TrimSpace(e.Event+" "+e.Error))
	}
	if want := slices.Concat([]string{"authorization_code"}, slices.Repeat([]string{"refresh_token"}, rounds), []string{"withdrawn"}); !slices.Equal(happened, want) {
		t.Errorf("the provider says %q, want one renewal in each of %d rounds, and the end", happened, rounds)
	}
}

// walk is the person's browser, from the question to the way back, which it does not go.
func walk(t *testing.T, listens, address, until string) *url.URL {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Transport: through(listens), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for range 12 {
		r, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		next, err := res.Location()
		if err != nil {
			t.Fatalf("%s: %s %s", address, res.Status, body)
		}
		if strings.HasPrefix(next.String(), until+"?") {
			return next
		}
		address = next.String()
	}
	t.Fatal("the provider leads in circles")
	return nil
}
