// Package image is the file form of an engine's memory. An image is a sealed memfd: pages
// of the memory, then what is needed to enter it. A base image holds all of its pages; an
// app's image holds those that differ from its base image, and is mapped over it. A
// snapshot is what is stored of an app's image: the pages that differ, with a hash of its
// own. The server composes images from snapshots and passes them to workers by descriptor;
// it needs no engine for that, so this package imports none.
package image
