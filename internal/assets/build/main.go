// Command build makes the files that internal/assets embeds: the base image's script,
// the table of its modules for the bundler, the engine's WebAssembly, the renderer of
// UI Kit trees, and the reference page of the modules. Run it from the repository's root after `npm ci` in
// web/: `go run ./internal/assets/build`.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/annexhq/annex/internal/assets"
)

func main() {
	root := flag.String("root", ".", "the repository's root")
	check := flag.Bool("check", false, "fail if docs/sdk.md would change, and write nothing")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	root = mustAbs(root)
	web := filepath.Join(root, "web")
	list, err := readList(filepath.Join(web, "packages/runtime/modules.json"))
	if err != nil {
		return err
	}
	table, err := exportTable(web, list)
	if err != nil {
		return err
	}
	globals, err := readGlobals(web)
	if err != nil {
		return err
	}
	page := filepath.Join(root, "docs/sdk.md")
	if check {
		have, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		if !bytes.Equal(have, reference(table, globals)) {
			return fmt.Errorf("docs/sdk.md is stale: run make build")
		}
		return nil
	}
	script, err := baseImage(web, list)
	if err != nil {
		return err
	}
	wasm, err := engine(web)
	if err != nil {
		return err
	}
	kitScript, kitStyles, err := kit(web)
	if err != nil {
		return err
	}
	tableText, err := json.MarshalIndent(table, "", " ")
	if err != nil {
		return err
	}
	shown, err := pages(web)
	if err != nil {
		return err
	}
	dist := filepath.Join(root, "internal/assets/dist")
	for name, text := range shown {
		if err := replace(filepath.Join(dist, name), text); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		path string
		text []byte
	}{
		{filepath.Join(dist, "sdk.js"), script},
		{filepath.Join(dist, "sdk.json"), append(tableText, '\n')},
		{filepath.Join(dist, "quickjs.wasm"), wasm},
		{filepath.Join(dist, "kit.js"), kitScript},
		{filepath.Join(dist, "kit.css"), kitStyles},
		{page, reference(table, globals)},
	} {
		if err := replace(f.path, f.text); err != nil {
			return err
		}
	}
	return nil
}

// engine reads the WebAssembly from the pinned npm package. A lock file pins the
// package; the hash pins the bytes that every snapshot depends on.
func engine(web string) ([]byte, error) {
	path := filepath.Join(web, "node_modules/quickjs-wasi/quickjs.wasm")
	wasm, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w (run npm ci in %s)", err, web)
	}
	sum := sha256.Sum256(wasm)
	if got := hex.EncodeToString(sum[:]); got != assets.QuickJSSum {
		return nil, fmt.Errorf("%s: SHA-256 %s, want %s", path, got, assets.QuickJSSum)
	}
	return wasm, nil
}

// replace writes a file only if its content changes, so that Go's build cache holds.
func replace(path string, text []byte) error {
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, text, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
