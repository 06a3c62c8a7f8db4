package attack

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/edge/server"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// stayer holds on to its call, and counts.
const stayer = `
const { kvs } = __annex_require("@annex/kvs");
async function stay() {
  for (let n = 1; ; n++) {
    try { await kvs.set("n", n); } catch (err) { return { n, code: err.code ?? String(err) }; }
    await new Promise((r) => setTimeout(r, 5));
  }
}
async function look() { try { return await kvs.get("n") ?? 0; } catch (err) { return err.code ?? String(err); } }
`

// beside is another server on the same database, key ring and bytes.
func (p *platform) beside(database string) *server.System {
	p.t.Helper()
	cfg := server.Config{
		DataDir: p.t.TempDir(), DatabaseURL: database, KeyRing: filepath.Join(p.dir, "keyring"), Blobs: filepath.Join(p.dir, "blobs"),
		Listen: "127.0.0.1:0", Workers: 1, ChildCommand: annex.ChildCommand, Version: "attack",
	}
	other, err := server.Open(p.t.Context(), cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(p.t.Context()))
	served := make(chan error, 1)
	go func() { served <- other.Serve(ctx) }()
	p.t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			p.t.Error(err)
		}
		other.Close()
	})
	return other
}

// SPEC 3.8: what an admin takes away by one server is gone on the others, for new calls
// and for those that run there.
func TestAttackGoOnInAnotherProcess(t *testing.T) {
	t.Parallel()
	database := dbtest.PostgresURL(t)
	p := newPlatformWith(t, func(s *testenv.Setup) { s.Database = database })
	at := p.deploy("development", source{also: []string{"stay", "look"}, code: stayer})
	other := p.beside(database)
	run := func(s *server.System, function string) (out json.RawMessage, err error) {
		res, err := s.Door.Invoke(t.Context(), &call.Call{
			Kind: call.Invoke, Installation: id.Install(at.installation), Function: "index." + function, Payload: json.RawMessage("{}"),
		})
		return res.Body, err
	}
	type ended struct {
		N    int
		Code string
	}
	staying := func() <-chan ended {
		done := make(chan ended, 1)
		count := func() (n int) {
			if body, err := run(p.System, "look"); err == nil {
				_ = json.Unmarshal(body, &n)
			}
			return n
		}
		before := count()
		go func() {
			var e ended
			body, err := run(other, "stay")
			if err == nil {
				err = json.Unmarshal(body, &e)
			}
			if err != nil {
				e.Code = fault.CodeOf(err) + " " + err.Error()
			}
			done <- e
		}()
		eventually(t, "a call runs on the other server", func() bool { n := count(); return n > 3 && n != before })
		return done
	}

	done := staying()
	body := at.confirmation()
	body["grant"] = perm.Set{}
	p.api("POST", "/api/v1/installations", at.admin, body).must(t)
	if e := <-done; e.Code != "STORAGE_NOT_GRANTED" {
		t.Errorf("the running call ended with %+v after the grant was trimmed", e)
	}
	eventually(t, "a new call is refused", func() bool {
		got, err := run(other, "look")
		return err == nil && string(got) == `"STORAGE_NOT_GRANTED"`
	})

	body = at.confirmation()
	_, body["grant"] = at.preview()
	p.api("POST", "/api/v1/installations", at.admin, body).must(t)
	eventually(t, "a new call is let through", func() bool {
		got, err := run(other, "look")
		return err == nil && string(got) != `"STORAGE_NOT_GRANTED"`
	})
	done = staying()
	at.uninstall().mustBe(t, 204)
	if e := <-done; e.Code != "NOT_INSTALLED" && e.Code != "STORAGE_NOT_GRANTED" {
		t.Errorf("the running call ended with %+v after the uninstallation", e)
	}
	eventually(t, "a new call finds nothing", func() bool {
		_, err := run(other, "look")
		return fault.CodeOf(err) == "NOT_INSTALLED"
	})
}

func (a answer) mustBe(t testing.TB, status int) {
	t.Helper()
	if a.status != status {
		t.Fatalf("%d %s", a.status, a.body)
	}
}
