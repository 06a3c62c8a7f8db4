package asking

import (
	"errors"
	"fmt"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
)

// Apps written for configurable egress branch on the status, so what other features refuse
// has one too.
func TestRefusalsOfOthersGetTheirStatus(t *testing.T) {
	for code, want := range map[string]any{"BAD_REMOTE_URL": 422, "OUTSIDE_PATTERNS": 422, "NO_REMOTE": 422, "NOT_CONFIGURABLE": 403, "LIMIT_CONFIGURED": 400, "POLICY_STALE": nil} {
		err := answered(fmt.Errorf("op: %w", fault.New(fault.Denied, code, "no")))
		var f *fault.Error
		if !errors.As(err, &f) || f.Fields["status"] != want {
			t.Errorf("%s: %v", code, f.Fields)
		}
	}
	if err := answered(fault.New(fault.Denied, "NOT_CONFIGURABLE", "no").With("status", 409)); err.(*fault.Error).Fields["status"] != 409 {
		t.Error("a status that was given is replaced")
	}
	if answered(nil) != nil {
		t.Error("nothing is refused, and something comes of it")
	}
}
