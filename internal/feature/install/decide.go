package install

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/perm"
)

// The rules of this file are pure: what a new release means for an installation.

// take gives the installation a release that was deployed. It runs at once if the
// admin has decided about everything that it declares: it is covered by the grant, or
// it declares no more than the running version does (whose grant may be narrower: what
// was refused stays refused). Otherwise it waits and the running version goes on.
// It reports whether the installation runs the release now.
func (i *Installation) take(release *call.Policy) bool {
	if release.Version == i.Version || perm.Covers(i.Declared, release.Set) || perm.Covers(i.Granted, release.Set) {
		i.run(release, i.Granted)
		return true
	}
	i.Waiting, i.WaitingNumber, i.WaitingDeclared = release.Version, release.Number, release.Set
	return false
}

// run makes the installation run a release under a grant. The grant shrinks to what
// the release declares: a later version that declares it again asks again.
func (i *Installation) run(release *call.Policy, grant perm.Set) {
	i.Version, i.Number = release.Version, release.Number
	i.Declared = release.Set
	i.Granted = perm.Intersect(grant, release.Set)
	if i.Held != nil {
		i.Held = &Held{Granted: perm.Intersect(i.Held.Granted, release.Set), Stopped: i.Held.Stopped}
	}
	i.Waiting, i.WaitingNumber, i.WaitingDeclared = "", "", perm.Set{}
}

// propose is what a confirmation without a grant of its own grants: everything at the
// first install; later what was granted, and what the release declares beyond the
// running version. What an admin took away is not given back by an upgrade. After a
// restore it is what the backup had granted: confirming that is what is waited for.
func propose(have *Installation, release *call.Policy) perm.Set {
	switch {
	case have == nil:
		return perm.Normal(release.Set)
	case have.Version == release.Version:
		return perm.Normal(have.confirmable())
	default:
		return perm.Union(perm.Intersect(have.confirmable(), release.Set), perm.Diff(have.Declared, release.Set))
	}
}

// confirmable is what an admin had granted, be it before a restore or in its backup.
func (i *Installation) confirmable() perm.Set {
	if i.Held != nil {
		return i.Held.Granted
	}
	return i.Granted
}

// digestOf binds a confirmation to what was shown: the target, what is asked and what
// is granted. Equal sets have one normal form, so another spelling is no other digest.
func digestOf(t Target, release *call.Policy, have *Installation, proposed perm.Set) (string, error) {
	text, err := json.Marshal(struct {
		Target   Target
		Env      string
		Declared perm.Set
		Proposed perm.Set
		// What was confirmed once does not confirm what a backup brought back.
		Restored uint64 `json:",omitempty"`
	}{t, string(release.Environment), perm.Normal(release.Set), perm.Normal(proposed), restoredEpoch(have)})
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
