// Package examples carries the sample apps, so that `annex demo` needs nothing but
// the binary.
package examples

import "embed"

// Apps holds the sources of the sample apps, a folder each below "apps".
//
// A front end that is built (board's) is carried with its sources and as it was built by
// `make assets`; what it is built with stays out.
//
//go:embed apps/*/manifest.yml apps/*/package.json apps/*/src apps/*/static
//go:embed apps/board/ui/*.* apps/board/ui/src
var Apps embed.FS

// Names are the sample apps in the order in which the demo installs them.
var Names = []string{"counter", "notes", "checklist", "board", "summary", "builds"}
