package worker

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/annexhq/annex/internal/infra/intl"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

// Ready is an engine as far as every start of the same program would make it again: its
// machine code, and its base image.
type Ready struct {
	code *jsvm.Code
	base []byte
}

// baseName is the base image's file in a folder of Prepare.
const baseName = "base.image"

// Prepare makes what Load takes, in dir. It runs nothing but the engine and the SDK, in a
// process of its own, whose files no worker may write.
func Prepare(ctx context.Context, dir string, o Options) error {
	code, err := jsvm.Compile(ctx, o.WASM, dir)
	if err != nil {
		return fmt.Errorf("worker: prepare: %w", err)
	}
	engine, err := jsvm.New(ctx, jsvm.Config{WASM: o.WASM, SDK: o.SDK, Code: code, Intl: intl.New(o.Locales)})
	if err != nil {
		return fmt.Errorf("worker: prepare: %w", err)
	}
	defer engine.Close()
	file, err := os.OpenFile(filepath.Join(dir, baseName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("worker: prepare: %w", err)
	}
	base := engine.Base().File
	size, err := base.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = io.Copy(file, io.NewSectionReader(base, 0, size))
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("worker: prepare: %w", err)
	}
	return nil
}

// Load takes what Prepare left in dir. Call it while the process still sees files; a
// worker can do without.
func Load(ctx context.Context, dir string, wasm []byte) (Ready, error) {
	base, err := os.ReadFile(filepath.Join(dir, baseName))
	if err != nil {
		return Ready{}, fmt.Errorf("worker: %w", err)
	}
	code, err := jsvm.Compile(ctx, wasm, dir)
	if err != nil {
		return Ready{}, fmt.Errorf("worker: %w", err)
	}
	return Ready{code, base}, nil
}
