package perm

import (
	"encoding/json"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// An app asks by the names that it wrote into its manifest.
func TestToldByTheNamesOfManifests(t *testing.T) {
	s := Set{Scopes: []Scope{{Name: "read:issue"}}}
	for n, et := range EgressTypes {
		s.Egress = append(s.Egress, Egress{Type: et, Pattern: hostrule.Pattern{Scheme: "https", Host: string(rune('a'+n)) + ".example.com", Port: 443}})
	}
	got, err := json.Marshal(Told(s))
	const want = `{"external":{"fetch":{"backend":["https://a.example.com"],"client":["https://b.example.com"]},"fonts":["https://g.example.com"],"frames":["https://h.example.com"],` +
		`"images":["https://c.example.com"],"media":["https://d.example.com"],"navigation":["https://i.example.com"],"scripts":["https://e.example.com"],"styles":["https://f.example.com"]},` +
		`"remotes":[],"scopes":["read:issue"]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if none, _ := json.Marshal(Told(Set{})); len(none) == 0 || string(none) == "null" {
		t.Errorf("%s", none)
	}
}
