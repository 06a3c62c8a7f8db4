package jsvm

import (
	"testing"

	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/jsvm/meter"
)

// Two functions of the engine are exempt, and those are named with a reason. When this
// fails, the engine has changed: measure which functions pay most for being metered, and
// show that their loops are short.
func TestWhatIsExempt(t *testing.T) {
	n := 0
	if _, err := meter.Rewrite(runtimetest.QuickJS(t), "env", "host_interrupt", func(code []byte, largest int) bool {
		if exempt(code, largest) {
			n++
		}
		return false
	}, expose); err != nil || n != 2 {
		t.Errorf("%d functions are exempt, %v", n, err)
	}
}

// One function of the engine is called though it exports it not. When this fails, the engine
// has changed: find again what makes a string of a length, for JS_NewStringLen.
func TestWhatIsExposed(t *testing.T) {
	n := 0
	if _, err := meter.Rewrite(runtimetest.QuickJS(t), "env", "host_interrupt", exempt, func(code []byte) string {
		name := expose(code)
		if name != "" {
			n++
		}
		return name
	}); err != nil || n != 1 {
		t.Errorf("%d functions are exposed, %v", n, err)
	}
}
