package pagejson_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/pagejson"
)

// Who goes over a figure learns when to come again, from the header that HTTP has for it.
func TestRefuseSaysWhenToComeAgain(t *testing.T) {
	for _, c := range []struct {
		err   *fault.Error
		after string
	}{
		{fault.New(fault.Limit, "LIMIT_INVOCATIONS", "too many").With("figure", 5).With("retryAfter", 46), "46"},
		{fault.New(fault.Limit, "LIMIT_MEMORY", "too much"), ""},
		{fault.New(fault.App, "FUNCTION_ERR", "the app's own").With("retryAfter", 7), ""},
	} {
		w := httptest.NewRecorder()
		pagejson.Refuse(w, c.err, pagejson.Error(c.err))
		if got := w.Header().Get("Retry-After"); got != c.after || w.Code != c.err.Kind.Status() || !strings.Contains(w.Body.String(), c.err.Code) {
			t.Errorf("%d %q %s", w.Code, got, w.Body)
		}
	}
}
