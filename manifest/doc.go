// Package manifest reads manifest.yml, the file in which an app says what it is
// made of and what it may do.
//
// Its promise: Load reports every problem of a manifest in one run, each with its
// line, its column, the rule that it breaks and a way to mend it; it never panics
// and never runs away, whatever the bytes. What loads has one canonical form, and
// loading that form again gives the same manifest. Permissions gives all authority
// that a manifest asks for, and nothing in a manifest widens authority without
// appearing there.
//
// One table, the tagged struct types of this package, is the source of the reader,
// of the canonical form and of the JSON Schema for editors.
//
// The package does no I/O: environment variables and the app's files are asked for
// through Options.
package manifest
