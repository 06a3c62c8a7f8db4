package install

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
)

// row is an Installation with the policy clock's value of its last change.
type row struct {
	Installation
	changed int64
}

func (s *Service) query(ctx context.Context, q string, args ...any) ([]row, error) {
	rows, err := s.DB.Query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []row
	for rows.Next() {
		var (
			r                          row
			declared, granted, waiting string
			held                       string
			installed, active          int64
			suspended, epoch           int64
			decided, settings          string
			managed, due               int64
		)
		err := rows.Scan((*string)(&r.ID), (*string)(&r.App), (*string)(&r.Owner), (*string)(&r.Environment), &r.EnvName,
			(*string)(&r.EnvType), (*string)(&r.Site), (*string)(&r.Product), (*string)(&r.Version), &r.Number, &declared, &granted,
			(*string)(&r.Waiting), &r.WaitingNumber, &waiting, &installed, &r.InstalledBy, &active, &suspended, &held, &epoch, &r.changed,
			&r.Hash, &decided, &managed, &r.WaitingHash, (*string)(&r.WaitingReason), &due, &settings)
		if err != nil {
			return nil, err
		}
		r.Installed, r.Active, r.Epoch = time.UnixMilli(installed), active != 0, uint64(epoch)
		r.Suspended, r.AppManaged = suspended != 0, managed != 0
		if due > 0 {
			r.WaitingDue = time.UnixMilli(due)
		}
		for into, text := range map[any]string{&r.Declared: declared, &r.Granted: granted, &r.WaitingDeclared: waiting, &r.Decided: decided, &r.Settings: settings} {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				return nil, err
			}
		}
		if held != "" {
			r.Held = &Held{}
			if err := json.Unmarshal([]byte(held), r.Held); err != nil {
				return nil, err
			}
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// one is the only row of a query, nil if there is none.
func (s *Service) one(ctx context.Context, q string, args ...any) (*Installation, error) {
	rows, err := s.query(ctx, q, args...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0].Installation, nil
}

func (s *Service) byTarget(ctx context.Context, scope tenant.Scope, t Target) (*Installation, error) {
	if !scope.Valid() {
		return nil, notYours()
	}
	return s.one(ctx, byTarget, scope.Site(), t.App, t.Environment, t.Product)
}

func (s *Service) byID(ctx context.Context, scope tenant.Scope) (*Installation, error) {
	if !scope.Valid() || scope.Install() == "" {
		return nil, notYours()
	}
	return s.one(ctx, byID, scope.Install(), scope.Site())
}

// tick takes the policy clock's next value; it belongs into every transaction that
// changes a policy.
func (s *Service) tick(ctx context.Context) (now int64, err error) {
	err = s.DB.QueryRow(ctx, tick).Scan(&now)
	return now, err
}

func (s *Service) insert(ctx context.Context, i *Installation) error {
	now, err := s.tick(ctx)
	if err != nil {
		return err
	}
	texts, err := encode(i.Declared, i.Granted, i.WaitingDeclared, i.Decided, i.Settings)
	if err != nil {
		return err
	}
	if err := s.keepPast(ctx, i, texts[1]); err != nil {
		return err
	}
	_, err = s.DB.Exec(ctx, insert, i.ID, i.App, i.Owner, i.Environment, i.EnvName, i.EnvType, i.Site, i.Product, i.Version, i.Number,
		texts[0], texts[1], i.Waiting, i.WaitingNumber, texts[2], i.Installed.UnixMilli(), i.InstalledBy, now,
		i.Hash, texts[3], i.AppManaged, texts[4])
	return err
}

// keepPast notes what is granted with the version that runs now.
func (s *Service) keepPast(ctx context.Context, i *Installation, granted string) error {
	_, err := s.DB.Exec(ctx, putPast, i.ID, i.Site, i.Version, i.Number, i.Hash, granted, s.Now().UnixMilli())
	return err
}

// past are the versions that ran, the latest first.
func (s *Service) past(ctx context.Context, i *Installation) ([]Past, error) {
	rows, err := s.DB.Query(ctx, pastOf, i.ID, i.Site)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Past
	for rows.Next() {
		var (
			p       Past
			granted string
			last    int64
		)
		if err := rows.Scan((*string)(&p.Version), &p.Number, &p.Hash, &granted, &last); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(granted), &p.Granted); err != nil {
			return nil, err
		}
		p.Last, p.Declined = time.UnixMilli(last), slices.Contains(i.Declined, p.Version)
		out = append(out, p)
	}
	return out, rows.Err()
}

// ran is what was granted with one version, nil if it did not run here.
func (s *Service) ran(ctx context.Context, i *Installation, version id.Version) (*Past, error) {
	if i == nil {
		return nil, nil
	}
	all, err := s.past(ctx, i)
	if err != nil {
		return nil, err
	}
	if n := slices.IndexFunc(all, func(p Past) bool { return p.Version == version }); n >= 0 {
		return &all[n], nil
	}
	return nil, nil
}

// save writes a changed installation under its next epoch.
func (s *Service) save(ctx context.Context, i *Installation) error {
	now, err := s.tick(ctx)
	if err != nil {
		return err
	}
	texts, err := encode(i.Declared, i.Granted, i.WaitingDeclared, i.Decided, i.Settings)
	if err != nil {
		return err
	}
	if i.Version != "" {
		if err := s.keepPast(ctx, i, texts[1]); err != nil {
			return err
		}
	}
	due := int64(0)
	if !i.WaitingDue.IsZero() {
		due = i.WaitingDue.UnixMilli()
	}
	held := ""
	if i.Held != nil {
		text, err := json.Marshal(i.Held)
		if err != nil {
			return err
		}
		held = string(text)
	}
	i.Epoch++
	_, err = s.DB.Exec(ctx, update, i.Version, i.Number, texts[0], texts[1], i.Waiting, i.WaitingNumber, texts[2], i.Suspended, held, i.Epoch, now,
		i.Hash, texts[3], i.AppManaged, i.WaitingHash, i.WaitingReason, due, texts[4], i.Owner, i.ID, i.Site)
	return err
}

func encode(sets ...any) ([]string, error) {
	out := make([]string, len(sets))
	for i, set := range sets {
		text, err := json.Marshal(set)
		if err != nil {
			return nil, err
		}
		out[i] = string(text)
	}
	return out, nil
}

// changed is the source of the policies in memory.
func (s *Service) changed(ctx context.Context, after int64) ([]change, error) {
	q, args := changedSince, []any{after}
	if after == 0 {
		q, args = allActive, nil
	}
	rows, err := s.query(ctx, q, args...)
	if err != nil {
		return nil, fault.Op("install.changed", err)
	}
	rules, err := s.rulesFor(ctx, after, rows)
	if err != nil {
		return nil, fault.Op("install.changed", err)
	}
	out := make([]change, len(rows))
	for n := range rows {
		r := &rows[n]
		out[n] = change{install: r.ID, at: r.changed}
		if !r.Active {
			continue
		}
		if out[n].halt = r.halt(); out[n].halt != running {
			continue
		}
		if out[n].policy, err = r.policy(); err != nil {
			return nil, fault.Op("install.changed", err)
		}
		out[n].policy.AccessRules = rules[r.Site].about(&r.Installation)
	}
	return out, nil
}

// policy is the authority of an installation as every decision reads it.
func (i *Installation) policy() (*call.Policy, error) {
	scope, err := tenant.ForApp(id.Principal{Kind: id.Application, App: i.App, Install: i.ID, Site: i.Site})
	if err != nil {
		return nil, err
	}
	set := i.Effective()
	var slots []string
	for _, r := range i.Registered {
		if !perm.HasRemote(set, r.Key) {
			slots = append(slots, r.Key)
		}
	}
	return &call.Policy{
		Install: i.ID, Site: i.Site, Product: i.Product, App: i.App, Owner: i.Owner, Environment: i.Environment,
		EnvName: i.EnvName, EnvType: i.EnvType, Version: i.Version, Number: i.Number,
		Set: set, Rules: perm.RulesOf(set), Whole: i.whole(), Networks: i.networks(), Slots: slots, Configured: i.authority().Configured, Epoch: i.Epoch, Scope: scope,
	}, nil
}

func notYours() error {
	return fault.New(fault.NotFound, "NOT_YOURS", "there is no such installation, or it is not yours")
}
