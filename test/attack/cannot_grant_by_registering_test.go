package attack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/edge/testenv"
)

const registering = remoteCaller + `
async function register({ payload }) {
  const res = await __annex_require("@annex/api").asApp().requestGraph(payload.query ??
    "mutation ($input: I!) { registerModule(input: $input) { success errors { message code } } }", { input: payload.input });
  return { status: res.status, text: await res.text() };
}
`

// RFC-94: what an app registers at run time grants it nothing. It is a name; no request goes
// there before an admin has said where it is, nor within another installation, nor for an app
// whose manifest does not say that it may be configured.
func TestAttackGrantByRegistering(t *testing.T) {
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false })
	end := &backEnd{}
	for _, host := range []string{"extra.example.com", "home.example.com", "second.example.com", "logs.example.com"} {
		p.Host(t, host, end)
	}
	at := p.deploy("development", source{also: []string{"resolver", "register"}, code: registering, after: remotesOf})
	other := p.deploy("development", source{also: []string{"resolver", "register"}, code: registering, after: remotesOf})
	fixed := p.deploy("development", source{also: []string{"resolver", "register"}, code: registering})
	said := func(at place, input map[string]any) (ok bool, code string) {
		t.Helper()
		got := at.as("alice", "register", map[string]any{"input": input})
		var out struct {
			Data struct {
				RegisterModule struct {
					Success bool
					Errors  []struct{ Code string }
				}
			}
		}
		if err := json.Unmarshal([]byte(got.Text), &out); err != nil {
			t.Fatalf("%+v: %v", got, err)
		}
		if x := out.Data.RegisterModule; len(x.Errors) > 0 {
			return x.Success, x.Errors[0].Code
		}
		return out.Data.RegisterModule.Success, ""
	}
	extra := map[string]any{"key": "extra", "type": "remote", "installation": other.installation, "url": "https://extra.example.com", "baseUrl": "https://extra.example.com",
		"userDefined": map[string]any{"name": "Extra", "domainPatterns": []string{"*.example.com"}, "default": "https://extra.example.com"}}
	if ok, code := said(at, extra); !ok {
		t.Fatalf("an app that may be configured cannot register: %s", code)
	}
	refused := func(what string, at place, code string) {
		t.Helper()
		if got := at.as("alice", "resolver", map[string]any{"remote": "extra"}); !got.Rejected || got.Code != code {
			t.Errorf("%s: %+v", what, got)
		}
	}
	refused("before an admin set it", at, "REMOTE_NOT_CONFIGURED")
	refused("in another installation", other, "INVALID_REMOTE_ERR")
	if ok, code := said(fixed, extra); ok || code != "NOT_CONFIGURABLE" {
		t.Errorf("an app that is not configurable registers: %v %s", ok, code)
	}
	if err := at.setRemote("extra", "https://extra.evil.test"); err == nil {
		t.Error("an admin's word goes beyond the patterns")
	}
	if end.count() != 0 {
		t.Errorf("%d requests went out", end.count())
	}
	if err := at.setRemote("extra", "https://extra.example.com"); err != nil {
		t.Fatal(err)
	}
	if got := at.as("alice", "resolver", map[string]any{"remote": "extra"}); got.Status != 200 {
		t.Errorf("once an admin has set it: %+v", got)
	}
	for n := range 20 {
		input := map[string]any{"key": fmt.Sprint("r", n), "type": "remote", "userDefined": map[string]any{"name": "x"}}
		if ok, code := said(at, input); ok != (n < 19) || !ok && code != "LIMIT_REMOTES" {
			t.Errorf("the %d. one: %v %s", n+2, ok, code)
		}
	}
	for what, query := range map[string]string{
		"beside a product's field": `mutation ($input: I!) { registerModule(input: $input) { success } updateIssue(id: 1) { id } }`,
		"in a query":               `query ($input: I!) { registerModule(input: $input) { success } }`,
		"in a fragment":            `mutation ($input: I!) { ...F } fragment F on Mutation { registerModule(input: $input) { success } }`,
		"skipped":                  `mutation ($input: I!) { registerModule(input: $input) @skip(if: true) { success } }`,
	} {
		if got := at.as("alice", "register", map[string]any{"query": query, "input": extra}); strings.Contains(got.Text, `"success":true`) || !strings.Contains(got.Text, "errors") {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
