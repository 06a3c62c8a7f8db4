package trigger

import (
	"context"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// Addresses are all addresses and whose they are.
func Addresses(ctx context.Context, d *db.DB) (map[id.Trigger]id.Install, error) {
	rows, err := d.Query(ctx, allTriggers)
	if err != nil {
		return nil, fault.Op("trigger.Addresses", err)
	}
	defer rows.Close()
	out := map[id.Trigger]id.Install{}
	for rows.Next() {
		var trigger, install string
		if err := rows.Scan(&trigger, &install); err != nil {
			return nil, fault.Op("trigger.Addresses", err)
		}
		out[id.Trigger(trigger)] = id.Install(install)
	}
	return out, fault.Op("trigger.Addresses", rows.Err())
}

// Secret names a secret of a web trigger, not what it is.
type Secret struct {
	Install id.Install
	Module  string
	seq     int64
	made    int64
}

// Secrets are all secrets that are valid.
func Secrets(ctx context.Context, d *db.DB) (map[Secret]bool, error) {
	rows, err := d.Query(ctx, allSecrets)
	if err != nil {
		return nil, fault.Op("trigger.Secrets", err)
	}
	defer rows.Close()
	out := map[Secret]bool{}
	for rows.Next() {
		var install string
		var s Secret
		if err := rows.Scan(&install, &s.Module, &s.seq, &s.made); err != nil {
			return nil, fault.Op("trigger.Secrets", err)
		}
		s.Install = id.Install(install)
		out[s] = true
	}
	return out, fault.Op("trigger.Secrets", rows.Err())
}

// RestoredSecrets takes back the secrets that a backup brought back to installations that
// ran without them before: somebody replaced or retired them.
func RestoredSecrets(ctx context.Context, d *db.DB, before map[Secret]bool, ran func(id.Install) bool) error {
	now, err := Secrets(ctx, d)
	if err != nil {
		return err
	}
	for s := range now {
		if before[s] || !ran(s.Install) {
			continue
		}
		if _, err := d.Exec(ctx, forgetSecret, string(s.Install), s.Module, s.seq); err != nil {
			return fault.Op("trigger.RestoredSecrets", err)
		}
	}
	return nil
}

// Restored takes back the addresses that a backup brought back to installations that ran
// without them before: whoever has an address may call it, and somebody deleted it. Those
// of installations that wait for their admin answer nobody until then, and stay.
func Restored(ctx context.Context, d *db.DB, before map[id.Trigger]id.Install, ran func(id.Install) bool) (dropped int, err error) {
	now, err := Addresses(ctx, d)
	if err != nil {
		return 0, err
	}
	for trigger, install := range now {
		if _, there := before[trigger]; there || !ran(install) {
			continue
		}
		if _, err := d.Exec(ctx, forgetTrigger, trigger); err != nil {
			return 0, fault.Op("trigger.Restored", err)
		}
		dropped++
	}
	return dropped, nil
}
