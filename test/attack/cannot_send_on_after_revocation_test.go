package attack

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"testing"
)

// giver sends a long body of which nothing is there before it is wanted, and asks for
// something else in the middle.
const giver = `
const { asApp, route } = __annex_require("@annex/api");
const { createHash } = __annex_require("node:crypto");
async function give({ size, between }) {
  const sum = createHash("sha256");
  let at = 0;
  const body = new ReadableStream({ async pull(controller) {
    if (at >= size) { controller.close(); return; }
    if (between && at === between) await asApp().requestProduct("desk", route` + "`/previews`" + `);
    const piece = new Uint8Array(64 << 10).fill(at / (64 << 10));
    at += piece.length;
    sum.update(piece);
    controller.enqueue(piece);
  } });
  try {
    const res = await asApp().requestProduct("desk", route` + "`/emails`" + `, { method: "POST", headers: { "content-type": "application/json" }, body });
    return { at, status: res.status, code: (await res.json()).code, sum: sum.digest("hex") };
  } catch (err) { return { at, status: err.status, code: err.code }; }
}
`

type given struct {
	At, Status int
	Code, Sum  string
}

// An upload that goes on when its app may not make it any more is an act without a right.
func TestAttackSendOnAfterRevocation(t *testing.T) {
	t.Parallel()
	const size, before = 4 << 20, 1 << 20
	d, _ := newDesk(t)
	app := d.deploy("development", source{also: []string{"give"}, scopes: []string{"write:desk"}, code: giver})
	type arrived struct {
		n   int64
		sum string
		err error
	}
	all := make(chan arrived, 1)
	d.reads(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		all <- arrived{n, hex.EncodeToString(sum.Sum(nil)), err}
		_, _ = io.WriteString(w, "{}")
	})
	between := func() {}
	d.answers(func(w http.ResponseWriter, _ *http.Request) {
		between()
		_, _ = io.WriteString(w, "{}")
	})
	var whole, cut given
	app.result("give", map[string]any{"size": size, "between": before}, &whole)
	if got := <-all; whole.Status != 200 || got.n != size || got.err != nil || got.sum != whole.Sum {
		t.Fatalf("%+v arrived as %+v", whole, got)
	}
	between = func() {
		trim := map[string]any{"trim": []string{"scope:write:desk"}}
		if a := d.api("PATCH", "/api/v1/installations/"+app.installation+"/grant", app.admin, trim); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	app.result("give", map[string]any{"size": size, "between": before}, &cut)
	if got := <-all; got.err == nil || got.n > before {
		t.Errorf("without the scope the app sent on: %d bytes arrived, %v", got.n, got.err)
	}
	if cut.Code != "SCOPE_NOT_GRANTED" || cut.At > before+1<<20 {
		t.Errorf("%+v", cut)
	}
}
