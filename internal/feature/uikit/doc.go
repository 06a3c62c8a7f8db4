// Package uikit holds the sessions of UI Kit: one user's view of one module of one
// installation in one tab, whose components run in the sandbox. Its promise (SPEC 8,
// CONTRACTS 7): no code of an app reaches a browser; what a browser is sent was checked by
// core/uitree; a function is called only by whoever the session is of, and only while the
// tree that the browser has shows it; a session goes on only under the policy under which it
// began, and ends with it.
//
// Between two events a session is the pages of memory that it wrote. A minute after the last
// one they leave the server's memory, sealed for this installation, user, version, session
// and policy epoch: a row that somebody moved or brought back does not open. Any server that
// shares the database resumes it.
package uikit
