package install

import (
	"context"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
)

// Before is what was installed before a backup takes the place of the database.
type Before struct {
	installs map[id.Install]Installation
	rules    []AccessRule
	clock    int64
}

// Any reports whether anything was ever installed: otherwise nobody knows what was.
func (b *Before) Any() bool { return b.clock > 0 }

// Running reports whether an installation was there and could run.
func (b *Before) Running(install id.Install) bool {
	if b == nil {
		return false
	}
	i, ok := b.installs[install]
	return ok && i.Active && i.halt() != notReconfirmed
}

// Before reads what is installed, in the transaction that then restores a backup.
func (s *Service) Before(ctx context.Context) (*Before, error) {
	rows, err := s.query(ctx, allKept)
	if err != nil {
		return nil, fault.Op("install.Before", err)
	}
	b := &Before{installs: make(map[id.Install]Installation, len(rows))}
	for _, r := range rows {
		b.installs[r.ID] = r.Installation
	}
	if b.rules, err = s.rules(ctx, allRules); err != nil {
		return nil, fault.Op("install.Before", err)
	}
	return b, fault.Op("install.Before", s.DB.QueryRow(ctx, policyClock).Scan(&b.clock))
}

// unknownEpochs is above every epoch and clock that a lost database can have had.
const unknownEpochs = 1 << 40

// Restored makes what a backup brought back no wider than what was before, in the
// restore's transaction: an installation keeps what was granted both in the backup and
// before, and runs nothing at all if it was not installed before. What the backup had
// granted beyond that waits for the site's admin. before is nil where nobody knows what
// was: then every installation waits. It gives how many wait, and how many of those run
// nothing.
func (s *Service) Restored(ctx context.Context, by id.Principal, before *Before) (waiting, stopped int, err error) {
	rows, err := s.query(ctx, allKept)
	if err != nil {
		return 0, 0, fault.Op("install.Restored", err)
	}
	ahead := int64(unknownEpochs)
	if before != nil {
		ahead = before.clock
	}
	if _, err := s.DB.Exec(ctx, advanceClock, ahead); err != nil {
		return 0, 0, fault.Op("install.Restored", err)
	}
	if err := s.keepRules(ctx, before); err != nil {
		return 0, 0, fault.Op("install.Restored", err)
	}
	for n := range rows {
		i := &rows[n].Installation
		if !i.Active {
			continue
		}
		i.narrow(before)
		if i.Held != nil {
			waiting++
			if i.Held.Stopped {
				stopped++
			}
		}
		if err := s.save(ctx, i); err != nil {
			return 0, 0, fault.Op("install.Restored", err)
		}
		if err := s.record(ctx, by, i, "install.restore"); err != nil {
			return 0, 0, fault.Op("install.Restored", err)
		}
	}
	return waiting, stopped, nil
}

// narrow applies that rule to one installation. save raises the epoch once more.
func (i *Installation) narrow(before *Before) {
	granted, stopped := i.confirmable(), i.Held != nil && i.Held.Stopped
	if before == nil {
		i.Epoch += unknownEpochs
		i.hold(granted, perm.Set{}, true)
		return
	}
	was, known := before.installs[i.ID]
	i.Epoch = max(i.Epoch, was.Epoch)
	i.Settings = i.narrower(was.Settings)
	if !known || !was.Active {
		i.hold(granted, perm.Set{}, true)
		return
	}
	i.Suspended = i.Suspended || was.Suspended
	i.hold(granted, perm.Intersect(i.Granted, was.Granted), stopped || was.Held != nil && was.Held.Stopped)
}

// narrower are the settings of a backup and of before it, as far as neither gives more.
func (i *Installation) narrower(was Settings) Settings {
	s := i.Settings
	s.Configured = slices.DeleteFunc(slices.Clone(s.Configured), func(c Configured) bool {
		return !slices.ContainsFunc(was.Configured, func(w Configured) bool { return w.Type == c.Type && w.Pattern == c.Pattern })
	})
	s.Remotes = keep(s.Remotes, was.Remotes, func(a, b ConfiguredRemote) bool { return a.Key == b.Key && a.URL == b.URL })
	// A URL that was set since, and is not in the backup, must not give way to the
	// manifest's: it stays set, as long as the remote may be configured.
	for _, w := range was.Remotes {
		if !slices.ContainsFunc(s.Remotes, func(r ConfiguredRemote) bool { return r.Key == w.Key }) {
			s.Remotes = append(s.Remotes, w)
		}
	}
	s.Registered = keep(s.Registered, was.Registered, func(a, b RegisteredRemote) bool { return a.Key == b.Key })
	s.Networks = keep(s.Networks, was.Networks, func(a, b NetworkGrant) bool {
		return a.Network == b.Network && a.Remote == b.Remote && a.Host == b.Host && a.Port == b.Port && a.CIDR == b.CIDR
	})
	s.Off = union(s.Off, was.Off)
	s.Declined = union(s.Declined, was.Declined)
	s.Pinned = s.Pinned || was.Pinned
	if s.Blocked == "" {
		s.Blocked = was.Blocked
	}
	if s.Handover == nil {
		s.Handover = was.Handover
	}
	return s
}

// keep are those of a list that another list has too.
func keep[T any](list, other []T, same func(a, b T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool {
		return !slices.ContainsFunc(other, func(w T) bool { return same(v, w) })
	})
}

func union[T comparable](a, b []T) []T {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func without[T comparable](list []T, v T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(x T) bool { return x == v })
}

// hold grants what holds now, and keeps what waits for the admin if that is more.
func (i *Installation) hold(granted, now perm.Set, stopped bool) {
	i.Granted, i.Held = now, nil
	if stopped || !perm.Equal(granted, now) {
		i.Held = &Held{Granted: granted, Stopped: stopped}
	}
}
