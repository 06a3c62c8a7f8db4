package audit

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/id"
)

// refusal is what refusals are counted by.
type refusal struct {
	site    id.Site
	install id.Install
	kind    string
	hour    int64 // hours since 1970
}

// maxRefusals bounds what is counted apart between two writings; the rest is counted together.
const maxRefusals = 20_000

// clock is who writes what was only counted.
var clock = id.Principal{Kind: id.Operator, Account: "schedule"}

// Refused counts a refusal. It touches memory alone: the counts are added up in the
// database every ten seconds, and an hour's become one entry when it is over.
func (l *Log) Refused(site id.Site, install id.Install, kind string) {
	r := refusal{site, install, kind, l.now().Unix() / 3600}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.refusals[r]; !known && len(l.refusals) >= maxRefusals {
		r = refusal{kind: "more", hour: r.hour}
	}
	l.refusals[r]++
}

// writeRefusals adds the counts to the database's, and writes the entries of past hours.
func (l *Log) writeRefusals(ctx context.Context) error {
	l.mu.Lock()
	counted := l.refusals
	l.refusals = map[refusal]int64{}
	l.mu.Unlock()
	// A minute's grace: other servers write what they counted in the last seconds of an hour.
	present := (l.now().Unix() - 60) / 3600
	err := l.db.Tx(ctx, func(ctx context.Context) error {
		for r, n := range counted {
			if _, err := l.db.Exec(ctx, addRefusals, r.site, r.install, r.kind, r.hour, n); err != nil {
				return err
			}
		}
		return l.pastRefusals(ctx, present)
	})
	if err != nil {
		l.mu.Lock()
		for r, n := range counted {
			l.refusals[r] += n
		}
		l.mu.Unlock()
	}
	return err
}

func (l *Log) pastRefusals(ctx context.Context, present int64) error {
	rows, err := l.db.Query(ctx, pastRefusals, present)
	if err != nil {
		return err
	}
	defer rows.Close()
	past := map[refusal]int64{}
	for rows.Next() {
		var r refusal
		var n int64
		if err := rows.Scan(&r.site, &r.install, &r.kind, &r.hour, &n); err != nil {
			return err
		}
		past[r] = n
	}
	if err := rows.Err(); err != nil {
		return err
	}
	rows.Close()
	for r, n := range past {
		detail := map[string]any{"kind": r.kind, "hour": time.Unix(r.hour*3600, 0).UTC().Format(time.RFC3339), "times": n}
		if err := l.Append(ctx, r.site, r.install, clock, "refused", detail); err != nil {
			return err
		}
	}
	return nil
}
