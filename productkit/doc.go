// Package productkit is for the back end of a product that apps extend: it verifies the
// access tokens with which Annex calls the product's API, signs who the product's users
// are, and publishes the product's events. docs/PROTOCOL.md is the same for every language.
//
// Its promise: a token is believed only when it is exactly what the protocol says, of its
// own kind, signed by a key of the one issuer, for this product and now; whatever is odd
// about it is refused. There is a function for each kind, and none that takes several.
//
// A product verifies calls with
//
//	v, err := productkit.NewVerifier(productkit.VerifierConfig{
//		Issuer: "https://api.annex.example.com", Audience: "tracker",
//	})
//	…
//	mux.Handle("GET /api/issues", v.Require(issues, "read:issue"))
//
// and the handler reads who asks with AccessOf. What an app may do for a user is what the
// token's scope allows and the user may do: the second half is the product's to check.
package productkit
