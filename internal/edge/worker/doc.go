// Package worker is the process that runs app code: one thread, one engine, and a socket
// to the server. It opens nothing, holds no key and knows no name but the handles of the
// calls in flight; what a call wants from the world it asks over the socket. It may be
// killed at any time.
//
// It is the only importer of infra/jsvm: WebAssembly never runs in the server's process.
package worker
