package invoke

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
)

// far is an app's back end, and who follows calls.
type far struct {
	still
	said []string
}

func (f *far) Call(ctx context.Context, _ *call.Policy, _ *call.Call, endpoint string) (call.Result, error) {
	f.said = append(f.said, endpoint+" in "+call.OriginOf(ctx).Trace)
	return call.Result{}, nil
}

func (f *far) ID() string { return "" }

func (f *far) End(error) { f.said = append(f.said, "end") }

func (f *far) Step(ctx context.Context, name string) (context.Context, Trail) {
	f.said = append(f.said, name)
	return ctx, f
}

// A call has the trace of the request that made it, or one of its own; what it is of is
// followed, also where an endpoint stands in a function's place.
func TestCallsAreOfTheirRequest(t *testing.T) {
	f := &far{}
	follow := func(ctx context.Context, _ *call.Policy, c *call.Call, _ time.Time) (context.Context, Trail) {
		f.said = append(f.said, "begin "+c.Trace)
		return ctx, f
	}
	d, err := New(Config{Policies: f, Versions: f, Runtime: f, Recorder: f, Endpoints: f, Facilities: []Facility{f}, Follow: follow})
	if err != nil {
		t.Fatal(err)
	}
	const trace = "0197a0b1c2d3e4f5a6b7c8d9e0f1a2b3"
	c := &call.Call{Kind: call.WebTrigger, Function: call.Endpoint("e")}
	if _, err := d.Invoke(call.WithOrigin(t.Context(), call.Origin{Trace: trace, Span: "x"}), c); err != nil {
		t.Fatal(err)
	}
	if want := []string{"begin " + trace, "e in " + trace, "end"}; !slices.Equal(f.said, want) {
		t.Errorf("%q, want %q", f.said, want)
	}
	own := &call.Call{Kind: call.Schedule, Function: "index.f"}
	if _, err := d.Invoke(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if own.Trace != strings.ReplaceAll(string(own.ID), "-", "") {
		t.Errorf("%s is traced as %s", own.ID, own.Trace)
	}
	kept := &call.Call{Kind: call.Event, Function: "index.f", Trace: trace} // of what was kept of the request
	if _, err := d.Invoke(t.Context(), kept); err != nil || kept.Trace != trace {
		t.Errorf("traced as %s: %v", kept.Trace, err)
	}
}
