package remotekit_test

import (
	"fmt"
	"log"
	"net/http"

	"github.com/annexhq/annex/remotekit"
)

// A remote that lets nobody in but the Annex server, for its own app.
func ExampleVerifier_Require() {
	v, err := remotekit.NewVerifier(remotekit.Config{
		Server: "https://api.annex.example.com", Remote: "logs",
		Base: "https://logs.example.com/v1", Audience: "https://logs.example.com",
	})
	if err != nil {
		log.Fatal(err)
	}
	lines := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call, _ := remotekit.CallOf(r.Context())
		fmt.Fprintln(w, "kept for", call.App.Installation, "as", call.Principal)
	})
	http.Handle("POST /v1/lines", v.Require(lines))
}
