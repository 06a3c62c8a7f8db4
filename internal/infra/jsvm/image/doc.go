// Package image is the file form of an engine's memory. An image is a sealed memfd: the
// memory's pages, then what is needed to enter it. A snapshot is what is stored of one:
// the pages that differ from the base image, with a hash of its own. The server composes
// images from snapshots and passes them to workers by descriptor; it needs no engine for
// that, so this package imports none.
package image
