package productkit_test

import (
	"fmt"
	"net/http"

	"github.com/annexhq/annex/productkit"
)

// A product takes Annex's calls on one of its operations.
func ExampleVerifier() {
	v, err := productkit.NewVerifier(productkit.VerifierConfig{Issuer: "https://api.annex.example.com", Audience: "tracker"})
	if err != nil {
		panic(err)
	}
	issues := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		access, _ := productkit.AccessOf(r.Context())
		fmt.Fprintln(w, "the issues that", access.Subject, "may see")
	})
	http.Handle("GET /api/issues", v.Require(issues, "read:issue"))
}

// A product's back end says who its user is, for a panel of its page.
func ExampleSignPanel() {
	key, err := productkit.GenerateKey() // once; productkit.KeyFile keeps it
	if err != nil {
		panic(err)
	}
	token, err := productkit.SignPanel(key, productkit.Panel{
		User: productkit.User{
			Product: "tracker", Audience: "https://ui.annex.example.com", Site: "0199a1b2-0000-7000-8000-000000000001",
			ID: "alice", Name: "Alice Liddell", Locale: "en-GB", Timezone: "Europe/London", AuthTime: loginTime,
		},
		Module:    "tracker:issuePanel",
		Extension: map[string]any{"issue": map[string]any{"key": "TRK-1"}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(token) > 0)
	// Output: true
}
