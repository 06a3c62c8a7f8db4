// Package compat says which npm packages work in the sandbox, by trying: each file of src
// bundles one package with the platform's own bundler, is deployed, and does a job of that
// package's in the engine that ships, with the package's hosts played by this test. The
// table in docs/compat.md is what it found.
//
// A file's first line names the package and the job. A line "// partly: why" or "// no:
// why" below it says what does not work. A "no" must go on failing, and so must a function
// cannot of the file, so that the table cannot be too modest either.
package compat
