package attack

import (
	"bytes"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/core/trail"
)

// auditExport is a site's trail as its admin gets it.
func (p *platform) auditExport(site id.Site) []byte {
	p.t.Helper()
	scope, err := tenant.ForSite(id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: site}, site)
	if err != nil {
		p.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := p.System.Audit.Export(p.t.Context(), scope, &out); err != nil {
		p.t.Fatal(err)
	}
	return out.Bytes()
}

// Whoever gets at an export, or at the database, cannot change what a site's trail says
// without its check saying so; nor does the trail hold what people and apps wrote.
func TestAttackTamperWithAudit(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("production", source{code: reacher("one"), also: []string{"reach"}, egress: []string{"api.example.com"}})
	policy, err := p.System.Installs.Policy(t.Context(), id.Install(at.installation))
	if err != nil {
		t.Fatal(err)
	}
	by := id.Principal{Kind: id.EndUser, Site: policy.Site, Product: "tracker", User: "canary.person@example.com"}
	if err := p.System.Audit.Append(t.Context(), policy.Site, policy.Install, by, "consent.give", map[string]any{"note": "canary-note", "app": policy.App}); err != nil {
		t.Fatal(err)
	}
	p.auditExport(policy.Site) // its checkpoint stays, so that a later export can be cut back to it
	old := p.auditExport(policy.Site)
	if strings.Contains(string(old), "canary") {
		t.Errorf("the trail holds what a person wrote:\n%s", old)
	}
	check := func(old, file []byte, pins []string) trail.Report {
		t.Helper()
		var r trail.Report
		var err error
		if old == nil {
			r, err = trail.Verify(bytes.NewReader(file), pins)
		} else {
			r, err = trail.VerifyExtends(bytes.NewReader(old), bytes.NewReader(file), pins)
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	whole := check(nil, old, nil)
	if !whole.OK || whole.Entries == 0 || len(whole.Keys) != 1 {
		t.Fatalf("%+v", whole)
	}
	for name, bad := range map[string][]byte{
		"edited":     bytes.Replace(old, []byte("consent.give"), []byte("consent.xxxx"), 1),
		"cut off":    old[:bytes.LastIndexByte(old[:len(old)-1], '\n')+1],
		"head named": bytes.Replace(old, []byte(`"heads":[{`), []byte(`"heads":[{"note":1,`), 1),
	} {
		if r := check(nil, bad, nil); r.OK || bytes.Equal(bad, old) {
			t.Errorf("%s passes", name)
		}
	}
	if r := check(nil, old, []string{strings.Repeat("A", 43)}); r.OK || r.Findings[0].Kind != "key" {
		t.Errorf("signed by another key than the one that is trusted: %+v", r)
	}
	// In the database: an entry is changed together with its hash, its chain and all.
	if _, err := p.System.DB.Exec(t.Context(), `UPDATE audit SET act = 'consent.revoke' WHERE act = 'consent.give'`); err != nil {
		t.Fatal(err)
	}
	if r := check(nil, p.auditExport(policy.Site), whole.Keys); r.OK {
		t.Error("an entry changed in the database passes")
	}
	if _, err := p.System.DB.Exec(t.Context(), `DELETE FROM audit WHERE act = 'consent.revoke'`); err != nil {
		t.Fatal(err)
	}
	if r := check(old, p.auditExport(policy.Site), whole.Keys); r.OK {
		t.Error("an entry dropped from the database passes")
	}
}
