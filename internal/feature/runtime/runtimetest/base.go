package runtimetest

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// quickjsSum is the one build of the engine that is known here.
const quickjsSum = "d4c9375f2b1ca4dc95f72c8aa2982a7a9951ac8011490d79c6582df732b4bbd9"

// Root is the repository's root.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	if !filepath.IsAbs(file) { // built with -trimpath
		dir, _ := os.Getwd()
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				return dir
			}
		}
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "..")
}

// QuickJS gives the engine, or skips the test where it was not built yet.
func QuickJS(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(Root(), "internal", "assets", "dist", "quickjs.wasm"))
	if err != nil {
		t.Skip("the engine is not built: run make build")
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != quickjsSum {
		t.Fatalf("quickjs.wasm has hash %x", sum)
	}
	return b
}

var kernelOnly = sync.OnceValues(func() ([]byte, error) {
	return bundle(`import { kernel } from "./kernel.js"; kernel.registerModule("test:kernel", { kernel });`,
		filepath.Join(Root(), "web", "packages", "runtime", "src"))
})

// KernelOnly is a base script of the kernel alone; apps reach it as "test:kernel".
func KernelOnly(t testing.TB) []byte {
	t.Helper()
	b, err := kernelOnly()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type buildError struct{ msgs []api.Message }

func (b *buildError) Error() string { return b.msgs[0].Text }

func bundle(entry, dir string) ([]byte, error) {
	res := api.Build(api.BuildOptions{
		Stdin:    &api.StdinOptions{Contents: entry, ResolveDir: dir, Loader: api.LoaderJS},
		Bundle:   true,
		Format:   api.FormatIIFE,
		Platform: api.PlatformNeutral,
		Target:   api.ES2023,
	})
	if len(res.Errors) > 0 {
		return nil, &buildError{res.Errors}
	}
	return res.OutputFiles[0].Contents, nil
}

// Bundle makes a bundle of the functions' source text, the members of module "index".
func Bundle(module string) []byte {
	return []byte("(function(__annex_require, __annex_register) { " + module + "\n})")
}
