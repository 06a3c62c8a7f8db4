package meter

import (
	"bytes"
	"errors"
	"testing"

	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
)

func all([]byte, int) bool  { return true }
func none([]byte, int) bool { return false }

func nothing([]byte) string { return "" }

// The module stays whole where it is not metered, and grows where it is.
func TestRewrite(t *testing.T) {
	wasm := runtimetest.QuickJS(t)
	plain, err := Rewrite(wasm, "env", "host_interrupt", all, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if d := len(plain) - len(wasm); d < len(Fuel) || d > len(Fuel)+300 || !bytes.Contains(plain, []byte(Fuel)) {
		t.Errorf("a module of exempt functions has %d bytes more", d)
	}
	metered, err := Rewrite(wasm, "env", "host_interrupt", none, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if len(metered) < len(plain)+20_000 {
		t.Errorf("metering added %d bytes", len(metered)-len(plain))
	}
	if _, err := Rewrite(wasm, "env", "no such import", none, nothing); !errors.Is(err, ErrModule) {
		t.Errorf("without a function to call: %v", err)
	}
}

func TestRewriteRefusesWhatIsNoModule(t *testing.T) {
	wasm := runtimetest.QuickJS(t)
	for n := 0; n < len(wasm); n += 1 + len(wasm)/400 {
		if _, err := Rewrite(wasm[:n], "env", "host_interrupt", none, nothing); !errors.Is(err, ErrModule) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
}

// A function that the module keeps to itself can be exported, by its code.
func TestRewriteExposes(t *testing.T) {
	wasm := runtimetest.QuickJS(t)
	plain, err := Rewrite(wasm, "env", "host_interrupt", all, nothing)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	got, err := Rewrite(wasm, "env", "host_interrupt", all, func([]byte) string {
		if n++; n == 300 {
			return "the_300th"
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := len(got) - len(plain); d < len("the_300th")+3 || d > len("the_300th")+8 || !bytes.Contains(got, []byte("\x09the_300th\x00")) {
		t.Errorf("an export takes %d bytes", d)
	}
}
