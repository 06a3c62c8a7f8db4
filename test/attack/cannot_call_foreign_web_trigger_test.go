package attack

import (
	"maps"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// CONTRACTS 1: unknown, foreign, revoked: the same 404. An address tells nothing but
// what its function answers, and nothing at all once it is gone.
func TestAttackCallForeignWebTrigger(t *testing.T) {
	h := newHooks(t, "i-alice", "i-bob", "i-revoked", "i-gone")
	alice := h.address(t, "i-alice")
	deleted, revoked, gone := h.address(t, "i-bob"), h.address(t, "i-revoked"), h.address(t, "i-gone")
	for _, url := range []string{alice, deleted, revoked, gone} {
		if w := h.ask(url, nil); w.Code != 200 || w.Body.String() != "secret of the app" {
			t.Fatalf("%s: %d", url, w.Code)
		}
	}
	if err := h.Delete(t.Context(), h.policies["i-bob"].Scope, deleted); err != nil {
		t.Fatal(err)
	}
	narrowed := *h.policies["i-revoked"]
	narrowed.Set.WebTriggers = nil
	h.policies["i-revoked"] = &narrowed
	delete(h.policies, "i-gone")
	h.ran = nil

	unknown := "https://" + strings.Repeat("0123456789abcdef", 2) + ".hooks.apps.example/"
	want := h.ask(unknown, nil)
	if want.Code != 404 {
		t.Fatalf("unknown: %d", want.Code)
	}
	for name, url := range map[string]string{
		"deleted": deleted, "revoked": revoked, "uninstalled": gone,
		"another domain": strings.Replace(alice, "apps.example", "evil.example", 1),
		"shortened":      strings.Replace(alice, "://", "://x", 1),
		"below":          strings.Replace(alice, "://", "://a.", 1),
	} {
		got := h.ask(url, nil)
		if got.Code != want.Code || got.Body.String() != want.Body.String() || !maps.EqualFunc(got.Header(), want.Header(), equal) {
			t.Errorf("%s differs from unknown: %d %s %v", name, got.Code, got.Body, got.Header())
		}
	}
	if len(h.ran) != 0 {
		t.Errorf("%d functions ran", len(h.ran))
	}
}

// An app reaches only the addresses of its own installation by host calls.
func TestAttackManageForeignWebTrigger(t *testing.T) {
	h := newHooks(t, "i-alice", "i-bob")
	alice := h.address(t, "i-alice")
	bob := h.policies["i-bob"]
	serve := h.Bind(call.Binding{Policy: bob})
	if _, err := serve(t.Context(), bob, call.Request{Method: "webtrigger.delete", Head: []byte(`{"url":"` + alice + `"}`)}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("Bob's app deletes Alice's address: %v", err)
	}
	r, err := serve(t.Context(), bob, call.Request{Method: "webtrigger.list", Head: []byte(`{"install":"i-alice","installId":"i-alice"}`)})
	if err != nil || strings.Contains(string(r.Head), alice) {
		t.Errorf("Bob's app lists Alice's address: %s, %v", r.Head, err)
	}
	r, err = serve(t.Context(), bob, call.Request{Method: "webtrigger.url", Head: []byte(`{"moduleKey":"hook","install":"i-alice"}`)})
	if err != nil || strings.Contains(string(r.Head), alice) {
		t.Errorf("Bob's app is given Alice's address: %s, %v", r.Head, err)
	}
	if w := h.ask(alice, nil); w.Code != 200 {
		t.Errorf("Alice's address: %d", w.Code)
	}
}

func equal(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }
