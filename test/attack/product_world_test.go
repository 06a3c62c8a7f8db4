package attack

import (
	"encoding/json"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
)

// asker asks the product whatever it is told to, and says what came of it.
const asker = `
const { asApp, asUser, assumeTrustedRoute } = __annex_require("@annex/api");
async function ask({ who, account, product = "jira", method, path, headers, body, raw }) {
  const as = who === "user" ? asUser(account) : asApp();
  try {
    const res = await as.requestProduct(product, assumeTrustedRoute(path), { method, headers, body: raw ?? (body == null ? undefined : JSON.stringify(body)) });
    const text = await res.text();
    let code; try { code = JSON.parse(text).code; } catch {}
    return { status: res.status, code, text, headers: Object.fromEntries(res.headers) };
  } catch (err) { return { rejected: true, status: err.status, code: err.code, text: String(err.stack) + JSON.stringify(err) }; }
}
async function resolver({ payload }) { return ask(payload); }
async function until({ payload }) {
  let asked = 0, got;
  // A pause, so that a slow machine ends it by what is tested and not by a limit.
  do { got = await ask(payload); asked++; await new Promise((go) => setTimeout(go, 25)); } while (!got.rejected && got.status === 200);
  return { asked, ...got };
}
`

// onTracker is a deployment whose product runs, with the asker granted the scopes.
func onTracker(t *testing.T, scopes ...string) (*platform, place) {
	t.Helper()
	return onTrackerWith(t, source{also: []string{"ask", "resolver", "until"}, scopes: scopes, code: asker})
}

// onTrackerWith is a deployment whose product runs, with an app on it.
func onTrackerWith(t *testing.T, s source) (*platform, place) {
	t.Helper()
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false; s.Network = nil })
	return p, p.deploy("development", s)
}

// got is what the asker says of a request.
type got struct {
	Rejected bool
	Status   int
	Code     string
	Text     string
	Headers  map[string]string
	Asked    int
}

// as runs a function of the app for a present user of the product.
func (at place) as(user, function string, payload map[string]any) got {
	at.p.t.Helper()
	body, err := json.Marshal(map[string]any{"payload": payload})
	if err != nil {
		at.p.t.Fatal(err)
	}
	res, err := at.p.System.Door.Invoke(at.p.ctx, &call.Call{
		Kind: call.Invoke, Installation: id.Install(at.installation), Function: "index." + function, Payload: body,
		Principal: at.user(user),
	})
	if err != nil {
		at.p.t.Fatal(err)
	}
	var out got
	if err := json.Unmarshal(res.Body, &out); err != nil {
		at.p.t.Fatalf("%s: %v", res.Body, err)
	}
	return out
}

func (at place) user(name string) id.Principal {
	return id.Principal{Kind: id.EndUser, Site: id.Site(at.siteID()), Product: id.Product(at.p.Access.Product), User: id.User(name)}
}

func (at place) siteID() string {
	at.p.t.Helper()
	policy, err := at.p.System.Installs.Policy(at.p.ctx, id.Install(at.installation))
	if err != nil {
		at.p.t.Fatal(err)
	}
	return string(policy.Site)
}

// agree is the user's click on the page that asks.
func (at place) agree(name string) {
	at.p.t.Helper()
	user := at.user(name)
	q, err := at.p.System.Consents.Ask(at.p.ctx, user, id.Install(at.installation))
	if err == nil {
		err = at.p.System.Consents.Give(at.p.ctx, user, id.Install(at.installation), q.Digest)
	}
	if err != nil {
		at.p.t.Fatal(err)
	}
}
