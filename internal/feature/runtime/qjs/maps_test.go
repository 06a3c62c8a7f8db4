package qjs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/annexhq/annex/internal/core/sourcemap"
)

const goodMap = `{"version":3,"sources":["src/a.ts"],"mappings":"AAAA"}`

func TestMapsAreFewAndDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newMapCache(slog.New(slog.DiscardHandler))
		loads := 0
		get := func(key, text string) *sourcemap.Map {
			return c.get(t.Context(), key, func(context.Context) ([]byte, error) { loads++; return []byte(text), nil })
		}
		for i := range 3 * maxMaps {
			if get(fmt.Sprint(i), goodMap) == nil {
				t.Fatal("no map")
			}
		}
		if len(c.entries) > maxMaps {
			t.Errorf("%d maps are kept", len(c.entries))
		}
		before := loads
		if get(fmt.Sprint(3*maxMaps-1), ""); loads != before {
			t.Error("the newest map was not kept")
		}
		if get("hostile", `{"version":3,"sections":[{}]}`) != nil || get("hostile", goodMap) != nil || loads != before+1 {
			t.Error("a map that cannot be read is tried again at each error")
		}
		time.Sleep(mapsFresh + time.Second)
		synctest.Wait()
		if len(c.entries) != 0 || c.bytes != 0 {
			t.Errorf("%d maps of %d bytes are left", len(c.entries), c.bytes)
		}
	})
}

func TestMapsAreBoundedInBytes(t *testing.T) {
	c := newMapCache(slog.New(slog.DiscardHandler))
	large := `{"version":3,"sources":["a"],"mappings":"` + strings.Repeat("A,", sourcemap.MaxMappings/2) + `"}`
	for i := range 8 {
		c.get(t.Context(), fmt.Sprint(i), func(context.Context) ([]byte, error) { return []byte(large), nil })
	}
	if c.bytes > maxMapsBytes || len(c.entries) == 0 {
		t.Errorf("%d bytes in %d maps", c.bytes, len(c.entries))
	}
	for key := range c.entries {
		c.remove(key)
	}
	if c.bytes != 0 {
		t.Errorf("%d bytes are left of none", c.bytes)
	}
}

func TestMapsThatPanicEndNobody(t *testing.T) {
	c := newMapCache(slog.New(slog.DiscardHandler))
	if c.get(t.Context(), "a", func(context.Context) ([]byte, error) { panic("no") }) != nil {
		t.Error("a map of a panic")
	}
	if c.get(t.Context(), "a", func(context.Context) ([]byte, error) { return nil, errors.New("no") }) != nil {
		t.Error("a map of an error")
	}
	if c.get(t.Context(), "a", func(context.Context) ([]byte, error) { return []byte(goodMap), nil }) == nil {
		t.Error("the failure was kept")
	}
}

// An app writes any text into its stack.
func TestStacksAreBounded(t *testing.T) {
	name := strings.Repeat("n", sourcemap.MaxName)
	places, err := sourcemap.Parse([]byte(`{"version":3,"sources":["` + name + `"],"mappings":"AAAA"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"at app.js:1:1\n", "app.js:1:1 ", "app.js:99999999999999999999:99999999999999999999\n", "app.js:0:0\n", "\xff\xfeapp.js:1:1"} {
		a := &appError{Name: "Error", Stack: strings.Repeat(line, 1<<20/len(line))}
		if stack := a.fault(places).Fields["stack"].(string); len(stack) > maxStack+maxFrames*(sourcemap.MaxName+32) {
			t.Errorf("%q: %d bytes", line, len(stack))
		}
	}
}
