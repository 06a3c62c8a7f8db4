package bridge

import (
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/pagejson"
)

func missing(http.ResponseWriter, *http.Request) (any, error) {
	return nil, fault.New(fault.NotFound, "NO_ROUTE", "the bridge has no such route")
}

// answer writes what a route gives, or says why not.
func (b *Bridge) answer(serve func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := serve(w, r)
		if a, ok := v.(*framedAnswer); ok && err == nil {
			a.write(w)
			return
		}
		if err != nil && r.Context().Err() != nil {
			return // the page went away while it was asked for: nobody reads an answer
		}
		if err != nil {
			e := pagejson.Public(r, b.Log, err)
			said := pagejson.Error(e)
			said["fields"] = e.Fields
			pagejson.Refuse(w, e, said)
			return
		}
		pagejson.Write(w, http.StatusOK, v)
	}
}
