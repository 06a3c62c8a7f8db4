package registry

import (
	"context"
	"fmt"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/manifest"
)

// keepsEntities refuses a version that no longer declares, or declares otherwise, what
// installations of the environment have stored: nothing would reach it any more, and it
// would still count. What nobody stored may go. That indexes go is refused where others
// rely on them: in staging and production. A way back to what ran before is not asked: what
// is stored waits for the version that comes after.
func (s *Service) keepsEntities(ctx context.Context, env Environment, next versionRow) error {
	before, err := s.current(ctx, env)
	if err != nil || s.Entities == nil || before == nil || before.Hash == next.Hash {
		return err
	}
	had, err := s.parsed(before.ID, before.manifest)
	if err != nil {
		return fault.Op("registry.keepsEntities", err)
	}
	if len(had.App.Storage.Entities) == 0 {
		return nil
	}
	has, err := s.parsed(next.ID, next.manifest)
	if err != nil {
		return fault.Op("registry.keepsEntities", err)
	}
	for _, e := range had.App.Storage.Entities {
		lost := lostOf(e, has.App.Storage.Entities, env.Type != call.Development)
		if lost == "" {
			continue
		}
		stored, err := s.Entities.Stored(ctx, env.ID, e.Name)
		if err != nil {
			return fault.Op("registry.keepsEntities", err)
		}
		if stored {
			return fault.New(fault.Conflict, "ENTITY_HAS_ROWS", "%s, and installations in %s have stored entities of it", lost, env.Name).
				With("entity", e.Name).WithFix("keep it as it was in the manifest, or delete what is stored with a version that still declares it")
		}
	}
	return nil
}

// lostOf says what of an entity a later manifest does not keep, "" for nothing.
func lostOf(e manifest.Entity, later []manifest.Entity, indexes bool) string {
	n := slices.IndexFunc(later, func(x manifest.Entity) bool { return x.Name == e.Name })
	if n < 0 {
		return fmt.Sprintf("the manifest no longer declares the entity %q", e.Name)
	}
	for name, a := range e.Attributes {
		now, ok := later[n].Attributes[name]
		if !ok {
			return fmt.Sprintf("the entity %q loses its attribute %q", e.Name, name)
		}
		if now.Type != a.Type {
			return fmt.Sprintf("the attribute %q of the entity %q was %s and becomes %s", name, e.Name, a.Type, now.Type)
		}
	}
	if !indexes {
		return ""
	}
	for _, x := range e.Indexes {
		same := func(y manifest.Index) bool {
			return y.Name == x.Name && slices.Equal(y.Partition, x.Partition) && slices.Equal(y.Range, x.Range)
		}
		if !slices.ContainsFunc(later[n].Indexes, same) {
			return fmt.Sprintf("the entity %q loses its index %q, or has it otherwise", e.Name, x.Name)
		}
	}
	return ""
}
