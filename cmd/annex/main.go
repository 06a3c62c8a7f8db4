// Command annex is the platform's one binary: server, demo and command line.
package main

import (
	"runtime/debug"

	"github.com/annexhq/annex/internal/edge/cli"
)

func main() {
	cli.Main(cli.Hooks{Version: version()})
}

// version is what the Go toolchain recorded of the source that was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	return v
}
