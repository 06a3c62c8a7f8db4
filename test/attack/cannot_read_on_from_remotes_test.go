package attack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/remote"
)

// remoteTaker takes a long answer of a remote as it comes, and asks another one in between.
const remoteTaker = `
const { requestRemote } = __annex_require("@annex/api");
const { createHash } = __annex_require("node:crypto");
async function take({ remote, between }) {
  const res = await requestRemote(remote, { path: "/long" });
  const sum = createHash("sha256");
  let got = 0, pieces = 0;
  try {
    for await (const piece of res.body) {
      sum.update(piece);
      got += piece.length;
      if (++pieces === 2 && between) await requestRemote("second", { path: "/between" });
    }
  } catch (err) { return { got, pieces, code: err.code, status: err.status }; }
  return { got, pieces, sum: sum.digest("hex") };
}
async function text({ remote }) { return { text: await (await requestRemote(remote, { path: "/long" })).text() }; }
`

func withTaker(t *testing.T) (*platform, place, map[string]*backEnd) {
	t.Helper()
	p := newPlatform(t)
	at := p.deploy("development", source{also: []string{"take", "text"}, scopes: []string{"read:app-system-token"}, code: remoteTaker, after: remotesOf})
	ends := map[string]*backEnd{}
	for _, name := range []string{"second", "logs", "other"} {
		ends[name] = &backEnd{}
		p.Host(t, name+".example.com", ends[name])
	}
	if err := at.setRemote("logs", "https://logs.example.com"); err != nil {
		t.Fatal(err)
	}
	return p, at, ends
}

// A download from a remote that goes on when its app may not ask there any more is a way in
// without a right: an admin who moved or closed it would still see the old one answer.
func TestAttackReadOnFromRemotes(t *testing.T) {
	t.Parallel()
	const size = 9 << 20
	_, at, ends := withTaker(t)
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(i * 7 >> 3)
	}
	sum := sha256.Sum256(body)
	left := make(chan struct{}, 8) // a call without effects may be made again by another worker
	ends["logs"].answer = func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write(body); err != nil {
			left <- struct{}{}
		}
	}
	take := func(between bool) (out taken) {
		t.Helper()
		at.result("take", map[string]any{"remote": "logs", "between": between}, &out)
		return out
	}
	if whole := take(false); whole.Got != size || whole.Sum != hex.EncodeToString(sum[:]) || whole.Pieces < size/(256<<10) {
		t.Fatalf("%+v", whole)
	}
	moved := false
	ends["second"].answer = func(w http.ResponseWriter, _ *http.Request) {
		if !moved {
			moved = true
			if err := at.setRemote("logs", "https://other.example.com"); err != nil {
				t.Error(err)
			}
		}
		fmt.Fprint(w, "{}")
	}
	cut := take(true)
	if cut.Sum != "" || cut.Code != "REQUEST_EGRESS_ALLOWLIST_ERR" || cut.Got > 1<<20 {
		t.Errorf("from where the remote is not any more the app read on: %+v", cut)
	}
	<-left // it is not read any further
}

// A credential of a remote that comes back where one piece ends and the next begins is read by
// nobody either.
func TestAttackReadRemoteCredentialsInPieces(t *testing.T) {
	t.Parallel()
	p, at, ends := withTaker(t)
	const secret, piece = "s3cret-of-the-log-server-4711", 256 << 10
	if _, err := p.System.Remotes.SetCredential(p.ctx, at.siteAdmin(), id.Install(at.installation), "logs", "https://logs.example.com",
		remote.Credential{Kind: remote.Bearer, Secret: secret}); err != nil {
		t.Fatal(err)
	}
	for _, before := range []int{0, piece - len(secret) - 20, piece - 10, piece - 1, piece, 2*piece - 7} {
		ends["logs"].answer = func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte("x"), before))
			fmt.Fprint(w, r.Header.Get("Authorization"))
			_, _ = w.Write(bytes.Repeat([]byte("y"), 2*piece))
		}
		var out struct{ Text string }
		at.result("text", map[string]any{"remote": "logs"}, &out)
		if strings.Contains(out.Text, secret) || !strings.Contains(out.Text, "[redacted]y") || len(out.Text) < before+2*piece {
			t.Errorf("behind %d bytes: %d came, with the credential: %v", before, len(out.Text), strings.Contains(out.Text, secret))
		}
	}
}
