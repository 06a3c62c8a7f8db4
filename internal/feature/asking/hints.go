package asking

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
)

// Hint is something that an app asked for while no admin was present, counted. Nothing of
// it can be approved: an admin who wants it adds it in their own name.
type Hint struct {
	ID      string
	Egress  []Destination
	Remotes []RemoteWant
	Count   int
	First   time.Time
	Last    time.Time
}

type hinted struct {
	Egress  []Destination `json:"egress,omitempty"`
	Remotes []RemoteWant  `json:"remotes,omitempty"`
}

func (s *Service) hint(ctx context.Context, p *call.Policy, x *plan, w *Want) error {
	var h hinted
	for _, f := range x.fresh {
		if !slices.Contains(h.Egress, f.Destination) {
			h.Egress = append(h.Egress, f.Destination)
		}
	}
	for _, r := range x.remotes {
		h.Remotes = append(h.Remotes, RemoteWant{Key: r.Key, URL: r.to})
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if len(text) > 16<<10 {
		return nil
	}
	sum := sha256.Sum256(text)
	name, now := hex.EncodeToString(sum[:16]), s.Now().UnixMilli()
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		if n, err := s.DB.Exec(ctx, raiseHint, now, p.Install, p.Site, name); err != nil || n > 0 {
			return err
		}
		var n int
		if err := s.DB.QueryRow(ctx, countHints, p.Install, p.Site).Scan(&n); err != nil || n >= maxHints {
			return err
		}
		_, err := s.DB.Exec(ctx, addHint, p.Install, p.Site, name, string(text), now, now)
		return err
	})
}

// Hints are what an installation asked for while no admin was present, the latest first.
func (s *Service) Hints(ctx context.Context, scope tenant.Scope) ([]Hint, error) {
	if !scope.Valid() || scope.Install() == "" {
		return nil, fault.New(fault.Denied, "NOT_YOURS", "no installation was named")
	}
	rows, err := s.DB.Query(ctx, hintsOf, scope.Install(), scope.Site())
	if err != nil {
		return nil, fault.Op("asking.Hints", err)
	}
	defer rows.Close()
	var out []Hint
	for rows.Next() {
		var h Hint
		var text string
		var first, last int64
		if err := rows.Scan(&h.ID, &text, &h.Count, &first, &last); err != nil {
			return nil, fault.Op("asking.Hints", err)
		}
		var in hinted
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			return nil, fault.Op("asking.Hints", err)
		}
		h.Egress, h.Remotes, h.First, h.Last = in.Egress, in.Remotes, time.UnixMilli(first), time.UnixMilli(last)
		out = append(out, h)
	}
	return out, fault.Op("asking.Hints", rows.Err())
}

// DropHint forgets one of them, for an admin of the site.
func (s *Service) DropHint(ctx context.Context, by id.Principal, install id.Install, hint string) error {
	scope, err := tenant.ForInstall(by, by.Site, install)
	if err != nil {
		return err
	}
	_, err = s.DB.Exec(ctx, dropHint, scope.Install(), scope.Site(), hint)
	return fault.Op("asking.DropHint", err)
}
