package invoke

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
)

type still struct{ policy call.Policy }

func (s *still) Policy(context.Context, id.Install) (*call.Policy, error) { return &s.policy, nil }
func (s *still) Artifact(context.Context, id.Version) (call.Artifact, error) {
	return call.Artifact{}, nil
}
func (s *still) Run(ctx context.Context, _ call.Artifact, _ *call.Call, _ json.RawMessage, h call.Host) (call.Result, error) {
	_, err := h.Admit(call.Request{Method: "kvs.get"})(ctx)
	return call.Result{}, err
}
func (s *still) Record(*call.Policy, *call.Call, time.Time, call.Stats, error) {}
func (s *still) Log(*call.Policy, *call.Call, call.LogLine)                    {}
func (s *still) Methods() []string                                             { return []string{"kvs.get"} }
func (s *still) Bind(call.Binding) call.Handler {
	return func(context.Context, *call.Policy, call.Request) (call.Reply, error) { return call.Reply{}, nil }
}

type step struct{}

func (s step) Step(ctx context.Context, _ string) (context.Context, Trail) { return ctx, s }
func (step) ID() string                                                    { return "" }
func (step) End(error)                                                     {}

// BenchmarkWatched is what a call with one host call costs in the door, when nobody looks,
// when host calls are counted, and when each step is followed.
func BenchmarkWatched(b *testing.B) {
	s := &still{}
	for name, cfg := range map[string]Config{
		"nobody": {}, "counted": {HostCalled: func(string, time.Duration, error) {}},
		"followed": {Follow: func(ctx context.Context, _ *call.Policy, _ *call.Call, _ time.Time) (context.Context, Trail) {
			return ctx, step{}
		}},
	} {
		b.Run(name, func(b *testing.B) {
			cfg.Policies, cfg.Versions, cfg.Runtime, cfg.Recorder, cfg.Facilities = s, s, s, s, []Facility{s}
			d, err := New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Invoke(b.Context(), &call.Call{Kind: call.UI}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
