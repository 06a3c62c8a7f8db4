package attack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
)

// CONTRACTS 1: where a version demands authentication, no function starts for who does not
// hold a valid secret, though the address is known; nor for a signed request that was
// seen on its way. The secret does not reach the app.
func TestAttackCallAWebTriggerWithoutItsSecret(t *testing.T) {
	h := newHooks(t, "i-alice", "i-mallory")
	h.clock = time.Unix(1_800_000_000, 0)
	alice, admin := h.policies["i-alice"].Scope, id.Principal{Kind: id.SiteAdmin, Account: "alice"}
	secret := func(proof string) (now, earlier, retired, foreign string) {
		t.Helper()
		h.proof = proof
		for _, p := range h.policies {
			p.Set.WebTriggers = []perm.WebTrigger{{Key: "hook", Authentication: proof}}
		}
		out := []string{}
		for _, i := range []id.Install{"i-alice", "i-alice", "i-alice", "i-mallory"} {
			made, err := h.Rotate(t.Context(), admin, h.policies[i].Scope, "hook", false)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, made.Secret.Reveal())
		}
		return out[2], out[1], out[0], out[3]
	}
	refuse := func(name, url string, header http.Header) {
		t.Helper()
		w := h.ask(url, header)
		if w.Code != 404 || strings.Contains(w.Body.String(), "secret of the app") || len(h.ran) != 0 {
			t.Errorf("%s: %d %s, %d functions ran", name, w.Code, w.Body, len(h.ran))
		}
		h.ran = nil
	}
	take := func(name, url string, header http.Header, hidden string) {
		t.Helper()
		if w := h.ask(url, header); w.Code != 200 || len(h.ran) != 1 {
			t.Fatalf("%s: %d %s, %d functions ran", name, w.Code, w.Body, len(h.ran))
		}
		var ctx struct{ Request call.WebRequest }
		if err := json.Unmarshal(h.ran[0].Context, &ctx); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(fmt.Sprint(ctx.Request.Headers), hidden) {
			t.Errorf("%s: the function was told the proof", name)
		}
		h.ran = nil
	}

	now, earlier, retired, foreign := secret("bearer")
	url := h.address(t, "i-alice")
	bearer := func(s string) http.Header { return http.Header{"Authorization": {"Bearer " + s}} }
	take("the secret", url, bearer(now), now)
	take("the one before", url, bearer(earlier), earlier)
	for name, header := range map[string]http.Header{
		"nothing": nil, "an empty one": bearer(""), "a retired one": bearer(retired), "of one's own installation": bearer(foreign),
		"a part of it": bearer(now[:len(now)-1]), "two, one of them right": {"Authorization": {"Bearer x", "Bearer " + now}},
		"elsewhere": {"X-Authorization": {"Bearer " + now}, "Cookie": {"Authorization=Bearer " + now}},
	} {
		refuse("bearer: "+name, url, header)
	}
	refuse("bearer: in the address", url+"?access_token="+now, nil)

	now, earlier, retired, foreign = secret("hmac")
	sign := func(key, target string, at time.Time) http.Header {
		stamp := fmt.Sprint(at.Unix())
		mac := hmac.New(sha256.New, []byte(key))
		fmt.Fprintf(mac, "%s\nPOST\n%s\n", stamp, target)
		return http.Header{"Annex-Timestamp": {stamp}, "Annex-Signature": {"v1=" + hex.EncodeToString(mac.Sum(nil))}}
	}
	seen := sign(now, "/", h.clock)
	take("signed", url, seen, seen.Get("Annex-Signature"))
	take("signed with the one before", url+"b", sign(earlier, "/b", h.clock), "v1=")
	for name, header := range map[string]http.Header{
		"nothing": nil, "the same again": seen, "a retired one": sign(retired, "/", h.clock), "of one's own installation": sign(foreign, "/", h.clock),
		"for another path": sign(now, "/c", h.clock), "the secret in the clear": bearer(now), "old": sign(now, "/", h.clock.Add(-time.Hour)), "of the future": sign(now, "/", h.clock.Add(time.Hour)),
		"of a time made young": {"Annex-Timestamp": {fmt.Sprint(h.clock.Unix() + 1)}, "Annex-Signature": seen["Annex-Signature"]},
	} {
		refuse("hmac: "+name, url, header)
	}

	if _, err := h.Retire(t.Context(), admin, alice, "hook"); err != nil {
		t.Fatal(err)
	}
	refuse("hmac: the one before, retired", url+"d", sign(earlier, "/d", h.clock))
	take("hmac: the newest", url+"d", sign(now, "/d", h.clock), "v1=")
}
