package invoke

import (
	"context"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// An error's place is read from a stack, which is the app's own text.
func TestProductionErrorsHaveNoPlace(t *testing.T) {
	with := fault.New(fault.App, "FUNCTION_ERR", "no").With("name", "TypeError").With("location", "src/index.js:48879")
	err := withoutPlace(fault.Op("x", with))
	f, ok := fault.As(err)
	if !ok || f.Fields["location"] != nil || f.Fields["name"] != "TypeError" || f.Code != "FUNCTION_ERR" {
		t.Errorf("%+v", f)
	}
	if with.Fields["location"] == nil {
		t.Error("the error itself was changed")
	}
	if withoutPlace(nil) != nil || withoutPlace(context.Canceled) != context.Canceled {
		t.Error("another error was changed")
	}
}

func TestBodiesWhereNoneBelongs(t *testing.T) {
	c := &Capabilities{door: &Door{facilities: map[string]int{}}, call: &call.Call{}, policy: &call.Policy{}}
	for _, method := range []string{"kvs.get", "webtrigger.url", "", strings.Repeat("x", 60<<10)} {
		_, err := c.Admit(call.Request{Method: method, Body: []byte("x")})(t.Context())
		f, ok := fault.As(err)
		if !ok || f.Code != "NO_BODY" || len(f.Public) > 200 {
			t.Errorf("%.40s: %v", method, err)
		}
	}
}
