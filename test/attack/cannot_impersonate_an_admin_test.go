package attack

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/productkit"
)

// Who decides is who the product vouches for at that moment, for that page. Whoever holds
// something else of an admin's, a token, a session, a word of the product's for another
// purpose, or says in a field or header to be one, decides nothing.
func TestAttackImpersonateAnAdmin(t *testing.T) {
	a := newAsked(t)
	alice := a.signedIn("alice")
	event, err := productkit.SignEvent(a.Tracker.Key(), productkit.Event{Product: a.Access.Product, Audience: "http://" + a.control(), Site: a.Access.Site,
		Type: "tracker:issue:created", Time: time.Now(), User: "alice", Data: json.RawMessage(`{"admin":true}`)})
	if err != nil {
		t.Fatal(err)
	}
	type attempt struct {
		user   string // in the place of what the product says
		claims map[string]any
		header http.Header
	}
	user := ""                                              // whom the request was shown to
	none := func() string { return a.vouched(user, false) } // what the product says of them now
	for name, try := range map[string]func() attempt{
		"headers that name an admin": func() attempt {
			return attempt{user: none(), header: http.Header{"X-Forwarded-User": {"alice"}, "Remote-User": {"alice"}, "X-Annex-Admin": {"true"}, "X-Annex-User": {"alice"}}}
		},
		"fields that say so": func() attempt { return attempt{user: none(), claims: map[string]any{"admin": true}} },
		"an admin's token in a header": func() attempt {
			return attempt{user: none(), header: http.Header{"Authorization": {"Bearer " + a.Access.AdminToken}}}
		},
		"an admin's token":     func() attempt { return attempt{user: a.Access.AdminToken} },
		"the operator's token": func() attempt { return attempt{user: a.operator} },
		"an admin's session of the console": func() attempt {
			return attempt{user: none(), header: http.Header{"Cookie": {"__Host-annex=" + alice.cookies[a.ui]["__Host-annex"]}}}
		},
		"the word for a sign-in": func() attempt {
			return attempt{user: a.says("alice", func(u *productkit.User) { u.ID, u.Admin = user, true })}
		},
		"the word for an event":       func() attempt { return attempt{user: event} },
		"the secret of their own tab": func() attempt { return attempt{user: a.page(user, true).Token} },
		"a word that another signed": func() attempt {
			key, err := productkit.GenerateKey()
			if err != nil {
				t.Fatal(err)
			}
			u := a.user("alice")
			u.ID, u.Admin = user, true
			signed, err := productkit.SignPanel(key, productkit.Panel{User: u, Module: "tracker:issuePanel", Extension: map[string]any{}})
			if err != nil {
				t.Fatal(err)
			}
			return attempt{user: signed}
		},
	} {
		user = "admin of " + name
		page := a.page(user, true)
		ask, ticket, code := a.want(page, "files.example.com")
		if ticket == "" {
			t.Fatalf("%s: %s", name, code)
		}
		digest, _ := a.shown(ticket, user)
		x := try()
		body := map[string]any{"ticket": ticket, "digest": digest, "approve": true, "user": x.user}
		for k, v := range x.claims {
			body[k] = v
		}
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{"Content-Type": {"application/json"}, "Origin": {"http://" + a.ui}, "Sec-Fetch-Site": {"same-origin"}}
		for k, v := range x.header {
			header[k] = v
		}
		if got := a.send("POST", a.ui, "/ask/decide", header, raw); got.status < 400 || a.reaches("files.example.com") {
			t.Errorf("%s decides: %d %s", name, got.status, got.body)
		}
		if _, code, text := page.Ask("POST", "/bridge/permissions/outcome", map[string]any{"module": a.at.installation + "/panel", "ask": ask}); code != "PERMISSION_DECLINED" {
			t.Errorf("%s: the app is told %s", name, text)
		}
	}

	// What an app sends with its request makes nobody an admin either.
	bob := a.page("bob", false)
	for _, claim := range []map[string]any{{"admin": true}, {"context": map[string]any{"accountId": "alice"}}, {"user": a.vouched("alice", true)}} {
		body := map[string]any{"module": a.at.installation + "/panel", "command": "egress.set", "payload": map[string]any{"egresses": []any{map[string]any{"key": "g",
			"configured": []any{map[string]any{"domain": "files.example.com", "type": []string{"FETCH_BACKEND_SIDE"}}}}}}}
		for k, v := range claim {
			body[k] = v
			body["payload"].(map[string]any)[k] = v
		}
		if status, code, text := bob.Ask("POST", "/bridge/permissions", body); status < 400 || strings.Contains(text, "ticket") {
			t.Errorf("%v: %d %s %s", claim, status, code, text)
		}
	}
}
