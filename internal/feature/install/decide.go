package install

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/rollout"
)

// The rules of this file are pure: what a new release means for an installation.

// take gives the installation a release that was deployed. It reports whether the
// installation runs the release now; otherwise the running version goes on and the
// release waits, for the reason that WaitingReason says.
func (i *Installation) take(release *call.Release, updates rollout.Policy, now time.Time) bool {
	if release.Version == i.Version {
		i.run(release, i.Granted)
		return true
	}
	switch {
	case slices.Contains(i.Declined, release.Version):
		i.wait(release, Declined, time.Time{})
	case i.grows(release) && !release.AppManaged:
		i.wait(release, Growth, time.Time{})
	case i.Pinned:
		i.wait(release, Pinned, time.Time{})
	case updates.Manual:
		i.wait(release, ByHand, time.Time{})
	case updates.After > 0:
		i.wait(release, Scheduled, now.Add(updates.After).Truncate(time.Millisecond))
	default:
		i.run(release, i.Granted)
		return true
	}
	return false
}

// grows reports whether a release asks for what the admin has not decided about: it is
// covered neither by the grant nor by what was shown when the grant was made (which may
// be more: what was refused stays refused).
func (i *Installation) grows(release *call.Release) bool {
	return !perm.Covers(perm.Union(i.Granted, i.Decided), release.Set)
}

// approve makes the installation run a release that an admin was shown.
func (i *Installation) approve(release *call.Release, grant perm.Set) {
	i.Decided = release.Set
	i.run(release, grant)
}

func (i *Installation) wait(release *call.Release, why Reason, due time.Time) {
	i.Waiting, i.WaitingNumber, i.WaitingDeclared, i.WaitingHash = release.Version, release.Number, release.Set, release.Hash
	i.WaitingReason, i.WaitingDue = why, due
}

// run makes the installation run a release under a grant. The grant shrinks to what
// the release declares: a later version that declares it again asks again.
func (i *Installation) run(release *call.Release, grant perm.Set) {
	i.Version, i.Number, i.Hash, i.AppManaged = release.Version, release.Number, release.Hash, release.AppManaged
	i.Declared = release.Set
	i.Granted = perm.Intersect(grant, release.Set)
	i.Decided = perm.Intersect(i.Decided, release.Set)
	if i.Held != nil {
		i.Held = &Held{Granted: perm.Intersect(i.Held.Granted, release.Set), Stopped: i.Held.Stopped}
	}
	i.wait(&call.Release{}, "", time.Time{})
	// What was configured goes with the bounds within which it was.
	i.Configured = slices.DeleteFunc(slices.Clone(i.Configured), func(c Configured) bool {
		return !perm.Bounds(i.Declared.Configurable, c.Type, c.Pattern)
	})
	i.dropEmptyGroups()
}

// Asks is what the running version asks for and no admin has decided about: only one
// whose app bears with missing permissions runs before that. It is empty once that
// version was declined.
func (i *Installation) Asks() perm.Set {
	if slices.Contains(i.Declined, i.Version) {
		return perm.Set{}
	}
	return perm.Diff(perm.Union(i.Granted, i.Decided), i.Declared)
}

// propose is what a confirmation without a grant of its own grants: everything at the
// first install; later what was granted, and what the release declares beyond what was
// decided about. What an admin took away is not given back by an upgrade. After a
// restore it is what the backup had granted: confirming that is what is waited for. A
// version that ran before gets the grant that was in force with it.
func propose(have *Installation, release *call.Release, before *Past) perm.Set {
	switch {
	case have == nil:
		return perm.Normal(release.Set)
	case before != nil && have.Version != release.Version:
		return perm.Intersect(before.Granted, release.Set)
	}
	return perm.Union(perm.Intersect(have.confirmable(), release.Set), perm.Diff(perm.Union(have.Decided, have.confirmable()), release.Set))
}

// confirmable is what an admin had granted, be it before a restore or in its backup.
func (i *Installation) confirmable() perm.Set {
	if i.Held != nil {
		return i.Held.Granted
	}
	return i.Granted
}

// digestOf binds a confirmation to what was shown: the target, the version with its
// manifest and bytes, what is asked and what is granted. Equal sets have one normal
// form, so another spelling is no other digest.
func digestOf(t Target, release *call.Release, have *Installation, proposed perm.Set) (string, error) {
	shown := struct {
		Target   Target
		Env      string
		Version  id.Version
		Hash     string
		Declared perm.Set
		Proposed perm.Set
		// What was confirmed once does not confirm what a backup brought back.
		Restored uint64 `json:",omitempty"`
		// Nor who owns the app by now.
		Owner id.Account
	}{t, string(release.Environment), release.Version, release.Hash, perm.Normal(release.Set), perm.Normal(proposed), restoredEpoch(have), release.Owner}
	text, err := json.Marshal(shown)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// restoredEpoch is the epoch of an installation that waits for a confirmation after a
// restore, 0 of any other.
func restoredEpoch(i *Installation) uint64 {
	if i == nil || i.Held == nil {
		return 0
	}
	return i.Epoch
}
