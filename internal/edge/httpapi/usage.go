package httpapi

import (
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/feature/quota"
)

type figuresJSON struct {
	Calls        int `json:"calls"`
	Outbound     int `json:"outbound"`
	ProductCalls int `json:"productCalls"`
	Pushes       int `json:"pushes"`
	LogLines     int `json:"logLines"`

	StorageReads  int `json:"storageReads"`
	StorageWrites int `json:"storageWrites"`
}

type usedJSON struct {
	What    string `json:"what"`
	Day     string `json:"day"`
	Used    int64  `json:"used"`
	Refused int64  `json:"refused"`
}

type storedJSON struct {
	Keys     int64 `json:"keys"`
	Bytes    int64 `json:"bytes"`
	MaxKeys  int64 `json:"maxKeys"` // negative when nothing bounds them
	MaxBytes int64 `json:"maxBytes"`
}

// queuedJSON is what waits, runs and was given up.
type queuedJSON struct {
	Events    int64 `json:"events"`
	Bytes     int64 `json:"bytes"`
	MaxEvents int   `json:"maxEvents"` // negative when nothing bounds them
	MaxBytes  int   `json:"maxBytes"`
}

// storedHere is what an installation has stored, and beside it what the caller may know: the
// site's admin of all apps of the site, the developer of all installations of the environment.
type storedHere struct {
	storedJSON
	App  *storedJSON `json:"app,omitempty"`
	Site *storedJSON `json:"site,omitempty"`
}

func storedBy(all []kvstore.Stored, caller id.Principal) (out storedHere) {
	for _, s := range all {
		bound := func(n int64) int64 {
			if n <= 0 {
				return -1
			}
			return n
		}
		j := storedJSON{s.Has.Keys, s.Has.Bytes, bound(s.May.Keys), bound(s.May.Bytes)}
		switch {
		case s.Of == kvstore.OfInstallation:
			out.storedJSON = j
		case s.Of == kvstore.OfApp && caller.Is(id.Developer):
			out.App = &j
		case s.Of == kvstore.OfSite && caller.Is(id.SiteAdmin):
			out.Site = &j
		}
	}
	return out
}

// showUsage tells what an installation uses of what all share: counts and nothing else.
func (a *API) showUsage(w http.ResponseWriter, r *request) error {
	d, err := a.Installs.Detail(r.ctx(), r.caller, r.installation())
	if err != nil {
		return err
	}
	scope, err := scope(r.caller, d.Installation)
	if err != nil {
		return err
	}
	used, err := a.Quotas.Usage(r.ctx(), scope)
	if err != nil {
		return err
	}
	stored, err := a.KV.Stored(r.ctx(), scope)
	if err != nil {
		return fault.Op("httpapi.showUsage", err)
	}
	held, err := a.Unattended.Held(r.ctx(), scope)
	if err != nil {
		return fault.Op("httpapi.showUsage", err)
	}
	days, f := []usedJSON{}, a.Quotas.Limits(d.App, d.ID)
	for _, u := range used {
		days = append(days, usedJSON{u.What, u.Day.Format("2006-01-02"), u.Used, u.Refused})
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"perMinute": figures(f), "days": days, "stored": storedBy(stored, r.caller),
		"queued": queuedJSON{held.Jobs, held.Bytes, f.Queued, f.QueuedBytes},
	})
	return nil
}

func figures(f quota.Figures) figuresJSON {
	return figuresJSON{f.Calls, f.Outbound, f.ProductCalls, f.Pushes, f.LogLines, f.StorageReads, f.StorageWrites}
}
