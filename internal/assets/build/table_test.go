package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestTable holds the modules to what the sandbox may have: what reaches a network, a
// process or another thread stays out, so that such an import fails by its name.
func TestTable(t *testing.T) {
	web := mustAbs("../../../web")
	if _, err := os.Stat(filepath.Join(web, "node_modules")); errors.Is(err, fs.ErrNotExist) {
		t.Skip("run npm ci in web first")
	}
	list, err := readList(filepath.Join(web, "packages/runtime/modules.json"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := exportTable(web, list)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"net", "tls", "dns", "dgram", "http2", "child_process", "cluster", "worker_threads", "vm", "v8", "inspector", "repl", "wasi"} {
		if table.Modules[name] != nil || table.Modules["node:"+name] != nil || table.Aliases[name] != "" {
			t.Errorf("%s must not be offered", name)
		}
	}
	for _, want := range [][2]string{{"@annex/api", "route"}, {"@annex/kvs", "default"}, {"@annex/resolver", "default"}, {"node:crypto", "createHash"}, {"@annex/react", "Text"}} {
		if !slices.Contains(table.Modules[want[0]], want[1]) {
			t.Errorf("%s lacks %s", want[0], want[1])
		}
	}
	if table.Aliases["@forge/api"] != "@annex/api" {
		t.Error("@forge/api leads nowhere")
	}
	have, err := os.ReadFile("../../../docs/sdk.md")
	if err != nil {
		t.Fatal(err)
	}
	globals, err := readGlobals(web)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, reference(table, globals)) {
		t.Error("docs/sdk.md is stale: run make build")
	}
}
