// Package examples carries the sample apps, so that `annex demo` needs nothing but
// the binary.
package examples

import "embed"

// Apps holds the sources of the sample apps, a folder each below "apps".
//
//go:embed apps
var Apps embed.FS

// Names are the sample apps in the order in which the demo installs them.
var Names = []string{"counter", "notes", "checklist", "board", "summary", "builds"}
