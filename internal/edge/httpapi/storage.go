package httpapi

import (
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/id"
)

// What a site's admin does with what apps stored: see what ended ones left, take it along,
// give it to the installation that came after.

type leftJSON struct {
	ID          id.Install `json:"id"`
	App         id.App     `json:"app"`
	AppName     string     `json:"appName"`
	Environment string     `json:"environment"`
	Product     id.Product `json:"product"`
	Number      string     `json:"number"`
	EndedAt     time.Time  `json:"endedAt"`
	ErasedAt    time.Time  `json:"erasedAt"`
	GivenTo     id.Install `json:"givenTo,omitempty"`
}

func (a *API) listLeft(w http.ResponseWriter, r *request) error {
	all, err := a.Erasures.Left(r.ctx(), r.caller)
	if err != nil {
		return err
	}
	out := []leftJSON{}
	for _, l := range all {
		out = append(out, leftJSON{l.Install, l.App, a.appName(r.ctx(), l.App), l.EnvName, l.Product, l.Number, l.Ended, l.Erased, l.GivenTo})
	}
	writeJSON(w, http.StatusOK, map[string]any{"left": out})
	return nil
}

// exportStorage streams JSON lines, as exportAudit does.
func (a *API) exportStorage(w http.ResponseWriter, r *request) error {
	out := &late{ResponseWriter: w}
	err := a.Erasures.Export(r.ctx(), r.caller, r.installation(), out)
	if err != nil && out.begun {
		a.Log.ErrorContext(r.ctx(), "an export of what an app stored broke off", "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

func (a *API) relinkStorage(w http.ResponseWriter, r *request) error {
	var in struct {
		From id.Install `json:"from"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("from", string(in.From)); err != nil {
		return err
	}
	moved, err := a.Erasures.Relink(r.ctx(), r.caller, r.installation(), in.From)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"moved": moved})
	return nil
}
