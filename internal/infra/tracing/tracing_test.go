package tracing_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/tracing"
)

type seen struct{ parents []string }

func (s *seen) RoundTrip(r *http.Request) (*http.Response, error) {
	s.parents = append(s.parents, r.Header.Get("Traceparent"))
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// A product learns of the trace, a host that an app chose does not; what an app said of it is gone.
func TestTheTraceIsTold(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	tr, err := tracing.New(t.Context(), tracing.Config{Endpoint: srv.URL, Client: srv.Client(), Ratio: 1})
	if err != nil {
		t.Fatal(err)
	}
	const trace = "0197a0b1c2d3e4f5a6b7c8d9e0f1a2b3"
	ctx, root := tr.Begin(t.Context(), trace, "call", time.Now())
	_, step := root.Step(context.Background(), "host call") // whatever context the wire kept
	ctx, _ = step.Step(ctx, "below")
	var rt seen
	for _, tell := range []bool{true, false} {
		r, err := http.NewRequestWithContext(ctx, "GET", "http://product.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := tr.Transport("product", tell, &rt).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if r.Header.Get("Traceparent") != "" {
			t.Error("the request itself was changed")
		}
	}
	if !strings.HasPrefix(rt.parents[0], "00-"+trace+"-") || !strings.HasSuffix(rt.parents[0], "-01") || rt.parents[1] != "" {
		t.Errorf("%q", rt.parents)
	}
}
