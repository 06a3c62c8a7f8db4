package attack

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/annexhq/annex/internal/infra/signer"
)

// CONTRACTS 3: what a schedule's function is given says where it runs, signed by keys of its
// own family. It opens nothing: not the product, not the control API, actions or the gateway,
// and no remote takes it for a token of this server's own requests.
func TestAttackPassByContextTokens(t *testing.T) {
	p, e := workersOfTracker(t)
	ticking := func(name string) place {
		return p.deploy("production", source{
			also: []string{"push", "tick"}, egress: []string{"beat.example"},
			modules: "  scheduledTrigger: [{key: beat, function: tick, interval: week}]\n", code: "const NAME = " + `"` + name + `";` + worker,
		})
	}
	token := func(at place, name string) string {
		t.Helper()
		eventually(t, "the schedule runs", func() bool { // it is planned within a second
			p.dueNow(at)
			return len(e.of(name, "ticked")) > 0
		})
		text, _ := e.of(name, "ticked")[0]["contextToken"].(string)
		return text
	}
	one, two := ticking("one"), ticking("two")
	mine, theirs := token(one, "one"), token(two, "two")

	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(p.send("GET", p.control(), "/.well-known/jwks.json", nil, nil).body), &keys); err != nil {
		t.Fatal(err)
	}
	for at, text := range map[place]string{one: mine, two: theirs} {
		parsed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := parsed.Verify(keys)
		if err != nil {
			t.Fatal(err)
		}
		head := parsed.Signatures[0].Protected
		if typ := head.ExtraHeaders[jose.HeaderType]; typ != "annex-context+jwt" {
			t.Errorf("its type is %v", typ)
		}
		for _, k := range p.System.Signer.Keys() {
			if k.ID == head.KeyID && k.Family != "context" {
				t.Errorf("it is signed with a key of %s tokens", k.Family)
			}
		}
		var c struct {
			Issuer   string `json:"iss"`
			Server   string `json:"server"`
			Audience string `json:"aud"`
			Context  struct {
				CloudID   string `json:"cloudId"`
				ModuleKey string `json:"moduleKey"`
			} `json:"context"`
			Extension string   `json:"extensionId"`
			Type      string   `json:"extensionType"`
			Contexts  []string `json:"contextIds"`
			App       string   `json:"appId"`
			Install   string   `json:"installationId"`
			Account   *string  `json:"accountId"`
			Issued    int64    `json:"iat"`
			Expires   int64    `json:"exp"`
		}
		if err := json.Unmarshal(plain, &c); err != nil {
			t.Fatal(err)
		}
		if c.Issuer != signer.ContextIssuer || c.Audience != signer.ContextAudience || c.Server != p.System.Origins.ControlURL() || c.Context.ModuleKey != "beat" ||
			c.Type != "core:scheduledTrigger" || c.Account != nil || len(c.Contexts) != 1 || c.Expires-c.Issued != int64(15*time.Minute/time.Second) {
			t.Errorf("it says %s", plain)
		}
		if c.App != "ari:cloud:ecosystem::app/"+at.app || c.Install != "ari:cloud:ecosystem::installation/"+at.installation {
			t.Errorf("%s has a token of %s", at.installation, plain)
		}
	}

	const issues = "/rest/api/3/issue/DEMO-1?fields=summary"
	if code := p.asked(mine, issues); code != http.StatusUnauthorized {
		t.Errorf("the product takes it: %d", code)
	}
	bearer := http.Header{"Authorization": {"Bearer " + mine}, "Content-Type": {"application/json"}}
	for _, path := range []string{"/api/v1/installations", "/api/v1/whoami", "/mcp/" + one.site + "/actions", "/gateway/" + one.installation + "/home" + issues} {
		if a := p.send("GET", p.control(), path, bearer, nil); a.status != http.StatusUnauthorized && a.status != http.StatusNotFound {
			t.Errorf("%s takes it: %d %s", path, a.status, a.body)
		}
	}
	if a := p.send("POST", p.control(), "/api/v1/events", http.Header{"Content-Type": {"application/jwt"}}, []byte(mine)); a.status < 400 {
		t.Errorf("it passes for an event: %d %s", a.status, a.body)
	}
	if p.believed(t, "Bearer "+mine, request{audience: signer.ContextAudience}, time.Now()) == "" {
		t.Error("a remote believes it")
	}
}
