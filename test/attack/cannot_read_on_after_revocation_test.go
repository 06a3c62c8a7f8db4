package attack

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"testing"
)

// taker takes a long answer of the product as it comes, and asks for something else in between.
const taker = `
const { asApp, route } = __annex_require("@annex/api");
const { createHash } = __annex_require("node:crypto");
async function take({ between }) {
  const res = await asApp().requestProduct("desk", route` + "`/issues`" + `);
  const sum = createHash("sha256");
  let got = 0, pieces = 0;
  try {
    for await (const piece of res.body) {
      sum.update(piece);
      got += piece.length;
      if (++pieces === 2 && between) await asApp().requestProduct("desk", route` + "`/previews`" + `);
    }
  } catch (err) { return { got, pieces, code: err.code, status: err.status }; }
  return { got, pieces, sum: sum.digest("hex") };
}
`

type taken struct {
	Got, Pieces, Status int
	Code, Sum           string
}

// A download that goes on when its app may not ask for it any more is a read without a right.
func TestAttackReadOnAfterRevocation(t *testing.T) {
	t.Parallel()
	const size = 12 << 20
	d, _ := newDesk(t)
	app := d.deploy("development", source{also: []string{"take"}, scopes: []string{"write:desk"}, code: taker})
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(i * 7 >> 3)
	}
	sum := sha256.Sum256(body)
	left := make(chan struct{}, 8) // a call without effects may be made again by another worker
	between := func() {}
	d.answers(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/previews" {
			between()
			_, _ = io.WriteString(w, "{}")
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(size))
		_, err := w.Write(body)
		if err != nil {
			left <- struct{}{}
		}
	})
	take := func(between bool) (out taken) {
		t.Helper()
		app.result("take", map[string]any{"between": between}, &out)
		return out
	}
	if whole := take(false); whole.Got != size || whole.Sum != hex.EncodeToString(sum[:]) || whole.Pieces < size/(256<<10) {
		t.Fatalf("%+v", whole)
	}
	between = func() {
		trim := map[string]any{"trim": []string{"scope:write:desk"}}
		if a := d.api("PATCH", "/api/v1/installations/"+app.installation+"/grant", app.admin, trim); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	for len(left) > 0 {
		<-left
	}
	cut := take(true)
	if cut.Sum != "" || cut.Code != "SCOPE_NOT_GRANTED" || cut.Got > 1<<20 {
		t.Errorf("without the scope the app read on: %+v", cut)
	}
	<-left // the product is not read any further
}
