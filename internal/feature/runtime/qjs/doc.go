// Package qjs is the server's side of the sandbox: it keeps worker processes alive, makes
// and caches the snapshots of versions, gives each call to a worker that is free for it,
// answers its host calls, and ends it at its limits. It never runs WebAssembly itself.
//
// A worker is expendable. One that says nothing for 50 ms although it was told something
// gets no new calls; one that outlives a call's deadline by 250 ms, or is silent for a
// second while others wait, is killed and replaced. Calls that had no effect yet run again
// elsewhere; the others end with WORKER_LOST, which callers may try again under the same id.
package qjs
