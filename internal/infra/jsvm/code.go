package jsvm

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"

	"github.com/annexhq/annex/internal/infra/jsvm/meter"
)

// Code is the engine as machine code. One Engine can be made of it.
type Code struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
}

// Compile makes machine code of quickjs.wasm, or takes what an earlier Compile of the same
// engine left in dir for this kind of processor; it leaves there what it makes. With an
// empty dir nothing is kept. What lies in dir will be run: nobody else may write to it.
func Compile(ctx context.Context, wasm []byte, dir string) (_ *Code, err error) {
	metered, err := meter.Rewrite(wasm, "env", "host_interrupt", exempt, expose)
	if err != nil {
		return nil, fmt.Errorf("jsvm: %w", err)
	}
	// The automatic choice would fall back to the interpreter without a word.
	config := wazero.NewRuntimeConfigCompiler().WithMemoryLimitPages(65536)
	if dir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return nil, fmt.Errorf("jsvm: kept code: %w", err)
		}
		config = config.WithCompilationCache(cache)
	}
	c := &Code{runtime: wazero.NewRuntimeWithConfig(ctx, config)}
	if c.module, err = c.runtime.CompileModule(ctx, metered); err != nil {
		_ = c.runtime.Close(ctx)
		return nil, fmt.Errorf("jsvm: compile: %w", err)
	}
	return c, nil
}
