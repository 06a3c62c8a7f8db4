package hostrule

import "testing"

// P7: the platform's own names are no destination, by name or by a wildcard over them.
func TestReserved(t *testing.T) {
	own := []string{"api.annex.example", "ui.annex.example", "annex-apps.example", "*.annex-apps.example", ""}
	for text, want := range map[string]bool{
		"api.annex.example": true, "https://UI.annex.example:8443/x": true, "wss://api.annex.example": true, "below.api.annex.example": true,
		"x.annex-apps.example": true, "*.annex-apps.example": true, "*.x.annex-apps.example": true, "*.annex.example": true,
		"other.annex.example": false, "annex.example": false, "xapi.annex.example": false, "api.annex.example.evil.example": false, "*.other.annex.example": false,
		"*": false, "api.example.com": false, "*.example.com": false,
	} {
		p, err := ParsePattern(text, Resource)
		if err != nil {
			t.Fatal(text, err)
		}
		if got := p.Reserved(own); got != want || (p.CheckReserved(own) == nil) == want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if (Pattern{}).Reserved(own) {
		t.Error("the empty pattern is reserved")
	}
}
