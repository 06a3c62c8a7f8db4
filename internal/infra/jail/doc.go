// Package jail is the empty room that a worker process lives in: a user, a file system
// with nothing in it, a process table and a network of its own, no capability, and a
// kernel that answers few questions. What a worker needs it is handed by its server, one
// socket, and descriptors over that socket.
//
// There are two walls, and each is complete by itself for what it claims: namespaces (there
// is nothing to reach), and Landlock with seccomp (nothing may be asked for). A host that
// forbids one of them, as containers do, leaves the other; a host that forbids both gets no
// server, unless its operator insists, and then health says so. Open finds out by trying,
// not by asking the kernel's version.
//
// The server's half is Jail, which starts children and looks at them from outside; the
// child's half is Enter, first thing in main, and Shut, before the first byte of an app.
package jail
