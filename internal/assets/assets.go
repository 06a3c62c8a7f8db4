// Package assets holds the built files that the binary carries: the JavaScript
// engine, and the JavaScript that app code sees. They are made by `make build`
// (see internal/assets/build) and are not committed; in a fresh clone every accessor
// answers ErrNotBuilt and everything still compiles.
package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

//go:embed all:dist
var dist embed.FS

// ErrNotBuilt says that the binary was compiled before its assets were made.
var ErrNotBuilt = errors.New("assets are not built: run make build")

// QuickJSSum is the SHA-256 of the one engine build that snapshots are made for.
const QuickJSSum = "d4c9375f2b1ca4dc95f72c8aa2982a7a9951ac8011490d79c6582df732b4bbd9"

// QuickJS returns the JavaScript engine as WebAssembly, after checking its hash.
// Callers must not change the returned bytes.
func QuickJS() ([]byte, error) { return quickjs() }

// SDK returns the base image's script, evaluated once in a fresh engine.
// Callers must not change the returned bytes.
func SDK() ([]byte, error) { return read("sdk.js") }

// Page returns a file that browsers load: a script or a style of the platform's frames, or of
// the bridge in apps' documents. Callers must not change the returned bytes.
func Page(name string) ([]byte, error) { return read(name) }

// Locales returns what is known of the world's locales, as internal/assets/cldr makes it.
// Callers must not change the returned bytes.
func Locales() ([]byte, error) { return read("cldr.bin") }

// Kit returns the renderer of UI Kit trees: a JavaScript module that exports mount, and
// its stylesheet. Callers must not change the returned bytes.
func Kit() (script, styles []byte, err error) {
	if script, err = read("kit.js"); err != nil {
		return nil, nil, err
	}
	styles, err = read("kit.css")
	return script, styles, err
}

// SDKTable returns the modules that app code may import.
func SDKTable() (Table, error) { return table() }

// Table names the modules of the base image, for the bundler.
type Table struct {
	// Modules maps a module's name to the names it exports, "default" among them.
	Modules map[string][]string `json:"modules"`
	// Aliases maps another import name to a module's name.
	Aliases map[string]string `json:"aliases"`
	// TypesOnly are import names which hold nothing at run time: any member of them is
	// a type, or undefined.
	TypesOnly []string `json:"typesOnly"`
	// NotOffered maps a module's name to the members, and members of members, that exist
	// but refuse with NOT_OFFERED when used.
	NotOffered map[string][]string `json:"notOffered"`
}

var quickjs = sync.OnceValues(func() ([]byte, error) {
	wasm, err := read("quickjs.wasm")
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(wasm); hex.EncodeToString(sum[:]) != QuickJSSum {
		return nil, fmt.Errorf("assets: quickjs.wasm is not the pinned engine (SHA-256 %x): run make build", sum)
	}
	return wasm, nil
})

var table = sync.OnceValues(func() (Table, error) {
	text, err := read("sdk.json")
	if err != nil {
		return Table{}, err
	}
	var t Table
	if err := json.Unmarshal(text, &t); err != nil {
		return Table{}, fmt.Errorf("assets: sdk.json: %w", err)
	}
	return t, nil
})

func read(name string) ([]byte, error) {
	b, err := dist.ReadFile("dist/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, ErrNotBuilt)
	}
	return b, err
}
