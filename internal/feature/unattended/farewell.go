package unattended

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/jobs"
)

// Leaving calls the functions of an app's preUninstall modules, under the authority that
// it still has, for 55 seconds at most. Whatever comes of it, the app is uninstalled.
func (s *Service) Leaving(ctx context.Context, install id.Install) {
	p, err := s.Installed.Policy(ctx, install)
	if err != nil {
		return // it stands still: nothing of it runs
	}
	m, err := s.Manifests.Manifest(ctx, p.Version)
	if err != nil || len(m.Modules.PreUninstall) == 0 {
		return
	}
	now := s.Now()
	payload, err := json.Marshal(map[string]any{"context": map[string]any{"cloudId": p.Site, "installationId": p.Install}})
	if err != nil {
		return
	}
	for _, module := range m.Modules.PreUninstall {
		f, ok := m.Target(module.Function, module.Endpoint)
		if !ok {
			continue
		}
		c := begun(jobs.Job{ID: uuid.NewString(), Attempt: 1}, p, call.Event, module.Key, f, now)
		c.Payload = payload
		if _, err := s.Invoker.Invoke(ctx, c); err != nil && s.AppLog != nil {
			s.AppLog.Note(p, c, "error", "a preUninstall function failed; the app is uninstalled all the same", map[string]any{"module": module.Key, "class": fault.CodeOf(err)})
		}
	}
}
