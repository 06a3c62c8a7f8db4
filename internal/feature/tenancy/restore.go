package tenancy

import (
	"context"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// DevelopmentOff are the sites that take no development apps now.
func (s *Service) DevelopmentOff(ctx context.Context) ([]id.Site, error) {
	rows, err := s.DB.Query(ctx, sitesSwitchedOff)
	if err != nil {
		return nil, fault.Op("tenancy.DevelopmentOff", err)
	}
	defer rows.Close()
	var out []id.Site
	for rows.Next() {
		var site string
		if err := rows.Scan(&site); err != nil {
			return nil, fault.Op("tenancy.DevelopmentOff", err)
		}
		out = append(out, id.Site(site))
	}
	return out, fault.Op("tenancy.DevelopmentOff", rows.Err())
}

// Restored keeps the sites that took no development apps before a restore as they were,
// in its transaction; their installations are suspended with them.
func (s *Service) Restored(ctx context.Context, off []id.Site) error {
	for _, site := range off {
		if _, err := s.DB.Exec(ctx, switchOff, site); err != nil {
			return fault.Op("tenancy.Restored", err)
		}
	}
	return nil
}
