// Package remotekit is for apps' own back ends that are written in Go, their remotes: it
// verifies the invocation token that each request of Annex to a remote carries.
// docs/PROTOCOL.md is the same for every language.
//
// Its promise: a request is believed only when its token is exactly what the protocol says,
// signed by a key of the one server, for this remote, for this very method and URL, now, and
// for the first time; whatever is odd about it is refused.
//
// A remote lets nobody else in with
//
//	v, err := remotekit.NewVerifier(remotekit.Config{
//		Server: "https://api.annex.example.com", Remote: "logs",
//		Base: "https://logs.example.com/v1", Audience: "https://logs.example.com",
//	})
//	…
//	http.ListenAndServe(":8080", v.Require(mux))
//
// and a handler reads who calls with CallOf. What was sent is kept by App.Installation: an
// app that is installed anew is another one.
package remotekit
