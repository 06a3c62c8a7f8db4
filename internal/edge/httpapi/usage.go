package httpapi

import (
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
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
	MaxKeys  int64 `json:"maxKeys"`
	MaxBytes int64 `json:"maxBytes"`
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
	has, may, err := a.KV.Stored(r.ctx(), scope)
	if err != nil {
		return fault.Op("httpapi.showUsage", err)
	}
	days := []usedJSON{}
	for _, u := range used {
		days = append(days, usedJSON{u.What, u.Day.Format("2006-01-02"), u.Used, u.Refused})
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"perMinute": figures(a.Quotas.Limits(d.App, d.ID)), "days": days, "stored": storedJSON{has.Keys, has.Bytes, may.Keys, may.Bytes},
	})
	return nil
}

func figures(f quota.Figures) figuresJSON {
	return figuresJSON{f.Calls, f.Outbound, f.ProductCalls, f.Pushes, f.LogLines, f.StorageReads, f.StorageWrites}
}
