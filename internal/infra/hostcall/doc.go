// Package hostcall is the one protocol between the server and wherever app code runs: a
// worker at the end of a Unix socket, or a developer's machine at the end of a tunnel
// (package weblink). It is a set of messages, each a JSON head (unknown fields are ignored) and a raw
// body, cut into frames of at most 64 KiB; carriers move frames and know nothing else.
//
// hello comes first, from both sides. Then the server sends image, build, invoke, reply
// and cancel; the worker sends result, call, log and beat. A call's messages carry its
// handle, 128 random bits that are dead at the call's end: whoever cannot name a handle
// has no authority, and a worker is never asked for any other name. credit is for carriers
// without flow control of their own; sockets and WebSockets have it, so none is sent there.
package hostcall
