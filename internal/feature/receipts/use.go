package receipts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
)

// maxUses bounds how many uses of an installation are told apart within an hour; the rest
// is counted together.
const maxUses = 300

// place is what requests are counted by.
type place struct {
	hourOf
	use string // hash of the use
}

type hourOf struct {
	site    id.Site
	install id.Install
	hour    int64 // hours since 1970
}

type count struct {
	use                       Use
	requests, refused, failed int64
	sent, received, last      int64
}

func (c *count) plus(o *count) *count {
	if o == nil {
		return c
	}
	c.requests, c.refused, c.failed = c.requests+o.requests, c.refused+o.refused, c.failed+o.failed
	c.sent, c.received, c.last = c.sent+o.sent, c.received+o.received, max(c.last, o.last)
	return c
}

// text is the use as it is kept; equal uses have equal texts.
func (u Use) text() string {
	text, _ := json.Marshal(u) //nolint:errcheck // texts only
	return string(text)
}

func placeOf(site id.Site, install id.Install, atMilli int64, u Use) place {
	sum := sha256.Sum256([]byte(u.text()))
	return place{hourOf{site, install, atMilli / 3_600_000}, hex.EncodeToString(sum[:16])}
}

// count adds one request to its hour.
func (l *Log) count(r Request, u Use, out Outcome) {
	install := cmp.Or(r.On, r.Install)
	now := l.Now().UnixMilli()
	at := placeOf(r.Site, install, now, u)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.tell(at) {
		u = Use{Via: u.Via, Rest: true}
		at = placeOf(r.Site, install, now, u)
	}
	one := &count{use: u, last: now}
	if u.Rule != "" || !out.Allow {
		one.refused = 1
	} else {
		one.requests, one.sent, one.received = 1, r.Bytes, out.Received
		if out.Code != "" {
			one.failed = 1
		}
	}
	l.counts[at] = one.plus(l.counts[at])
}

// tell says whether a use of the hour can be told apart: it was already, or there is room for
// one more.
func (l *Log) tell(at place) bool {
	uses := l.told[at.hourOf]
	if uses[at.use] {
		return true
	}
	if uses == nil {
		for old := range l.told {
			if old.hour < at.hour {
				delete(l.told, old)
			}
		}
		uses = map[string]bool{}
		l.told[at.hourOf] = uses
	}
	if len(uses) >= maxUses {
		return false
	}
	uses[at.use] = true
	return true
}

func (l *Log) putCounts(ctx context.Context, counts map[place]*count) error {
	for at, n := range counts {
		_, err := l.DB.Exec(ctx, addUse, at.site, at.install, at.hour, at.use, n.use.text(), n.requests, n.refused, n.failed, n.sent, n.received, n.last)
		if err != nil {
			return err
		}
	}
	return nil
}

// Count is how often something was done within some time.
type Count struct {
	Requests int64 // that were sent
	Refused  int64
	Failed   int64 // of those that were sent
	Sent     int64 // bytes of bodies
	Received int64
	Last     time.Time
}

func (c *Count) add(o Count) {
	c.Requests, c.Refused, c.Failed = c.Requests+o.Requests, c.Refused+o.Refused, c.Failed+o.Failed
	c.Sent, c.Received = c.Sent+o.Sent, c.Received+o.Received
	if o.Last.After(c.Last) {
		c.Last = o.Last
	}
}

// Used is a use with how often it was made.
type Used struct {
	Use
	Count
}

// Bucket is one hour or day.
type Bucket struct {
	From time.Time
	Count
}

// Destination is where requests went, or were not let go.
type Destination struct {
	Via, Key, Type, Origin string
	Rest                   bool // more than are told apart
	Count
	Rules   []string // that refused some
	Buckets []Bucket // those in which something happened, oldest first
}

// Report is what left an installation within some time.
type Report struct {
	Since, Until time.Time
	Step         time.Duration // of buckets: an hour or a day
	Total        Count
	Destinations []Destination // the busiest first
}

// Report tells where an installation's requests went.
func (l *Log) Report(ctx context.Context, scope tenant.Scope, since, until time.Time) (Report, error) {
	out := Report{Since: since, Until: until, Step: time.Hour}
	if until.Sub(since) > 72*time.Hour {
		out.Step = 24 * time.Hour
	}
	if !scope.Valid() || scope.Install() == "" {
		return out, noInstall()
	}
	rows, err := l.DB.Query(ctx, hoursOf, scope.Site(), scope.Install(), since.Unix()/3600, until.Unix()/3600)
	if err != nil {
		return out, fault.Op("receipts.Report", err)
	}
	defer rows.Close()
	type key struct{ via, key, typ, origin string }
	found := map[key]*Destination{}
	for rows.Next() {
		u, n, hour, err := scanUse(rows)
		if err != nil {
			return out, fault.Op("receipts.Report", err)
		}
		k := key{u.Via, u.Key, u.Type, u.Origin}
		d := found[k]
		if d == nil {
			d = &Destination{Via: u.Via, Key: u.Key, Type: u.Type, Origin: u.Origin, Rest: u.Rest}
			found[k] = d
		}
		d.add(n)
		out.Total.add(n)
		if u.Rule != "" && !slices.Contains(d.Rules, u.Rule) {
			d.Rules = append(d.Rules, u.Rule)
		}
		from := time.Unix(hour*3600, 0).UTC().Truncate(out.Step)
		if last := len(d.Buckets) - 1; last >= 0 && d.Buckets[last].From.Equal(from) {
			d.Buckets[last].add(n)
		} else {
			d.Buckets = append(d.Buckets, Bucket{from, n})
		}
	}
	for _, d := range found {
		slices.Sort(d.Rules)
		out.Destinations = append(out.Destinations, *d)
	}
	slices.SortFunc(out.Destinations, func(a, b Destination) int {
		return cmp.Or(cmp.Compare(b.Requests+b.Refused, a.Requests+a.Refused), cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Via, b.Via),
			cmp.Compare(a.Key, b.Key), cmp.Compare(a.Type, b.Type))
	})
	return out, fault.Op("receipts.Report", rows.Err())
}

// Uses are the uses that an installation made since a time, each with its count.
func (l *Log) Uses(ctx context.Context, scope tenant.Scope, since time.Time) ([]Used, error) {
	if !scope.Valid() || scope.Install() == "" {
		return nil, noInstall()
	}
	rows, err := l.DB.Query(ctx, usesSince, scope.Site(), scope.Install(), since.Unix()/3600)
	if err != nil {
		return nil, fault.Op("receipts.Uses", err)
	}
	defer rows.Close()
	var out []Used
	for rows.Next() {
		u, n, _, err := scanUse(rows)
		if err != nil {
			return nil, fault.Op("receipts.Uses", err)
		}
		out = append(out, Used{u, n})
	}
	return out, fault.Op("receipts.Uses", rows.Err())
}

func scanUse(rows interface{ Scan(...any) error }) (u Use, n Count, hour int64, err error) {
	var text string
	var last int64
	if err = rows.Scan(&text, &hour, &n.Requests, &n.Refused, &n.Failed, &n.Sent, &n.Received, &last); err != nil {
		return u, n, hour, err
	}
	n.Last = time.UnixMilli(last).UTC()
	return u, n, hour, json.Unmarshal([]byte(text), &u)
}

func noInstall() error {
	return fault.New(fault.NotFound, "NOT_YOURS", "there is no such installation, or it is not yours")
}
