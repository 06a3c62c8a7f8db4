package tenancy

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/scopemap"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/openapi"
)

const (
	// apiFresh is how long an API is used without asking whether it changed; apiStale how
	// long when asking fails. Another process's change counts within a second.
	apiFresh = 250 * time.Millisecond
	apiStale = time.Second
)

// apis are the products' APIs in memory.
type apis struct {
	mu    sync.Mutex
	byKey map[id.Product]*heldAPI
}

// heldAPI is one product's API, unknown at first.
type heldAPI struct {
	state atomic.Pointer[apiState]
	turn  chan struct{} // held by the one who asks the database
}

type apiState struct {
	api        *API
	generation int64
	confirmed  time.Time // when the reading that confirmed it began
}

func (a *apis) of(product id.Product) *heldAPI {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.byKey[product]
	if h == nil {
		if a.byKey == nil {
			a.byKey = map[id.Product]*heldAPI{}
		}
		h = &heldAPI{turn: make(chan struct{}, 1)}
		a.byKey[product] = h
	}
	return h
}

func (a *apis) forget(product id.Product) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byKey, product)
}

// API gives a registered product's API by its key, from memory: a look-up costs nothing
// but, four times a second, one question whether the product changed.
func (s *Service) API(ctx context.Context, product id.Product) (*API, error) {
	h := s.apis.of(product)
	if st := h.state.Load(); st != nil && s.Now().Sub(st.confirmed) < apiFresh {
		return st.api, nil
	}
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "PRODUCT_UNAVAILABLE", "what is known of the product could not be read in time").
			WithFix("try again").Because(ctx.Err())
	}
	st := h.state.Load()
	asked := s.Now()
	if st != nil && asked.Sub(st.confirmed) < apiFresh {
		return st.api, nil // somebody else asked meanwhile
	}
	next, err := s.readAPI(ctx, product, st)
	switch {
	case err == nil:
		next.confirmed = asked
		h.state.Store(next)
		return next.api, nil
	case errors.Is(err, db.ErrNoRows):
		s.apis.forget(product) // names that are no product are not collected
		return nil, fault.New(fault.NotFound, "PRODUCT_UNKNOWN", "there is no product with the key %q", product)
	case st != nil && s.Now().Sub(st.confirmed) < apiStale:
		return st.api, nil
	}
	return nil, fault.Op("tenancy.API", err)
}

// readAPI reads a product's API, unless it is still what st says.
func (s *Service) readAPI(ctx context.Context, product id.Product, st *apiState) (*apiState, error) {
	if st != nil {
		var generation int64
		if err := s.DB.QueryRow(ctx, generationOf, product).Scan(&generation); err != nil {
			return nil, err
		}
		if generation == st.generation {
			return &apiState{api: st.api, generation: generation}, nil
		}
	}
	var source string
	out := &apiState{}
	var doc *scopemap.Document
	err := s.DB.Tx(ctx, func(ctx context.Context) error { // both of one generation
		if err := s.DB.QueryRow(ctx, productOfKey, product).Scan(&source, &out.generation); err != nil {
			return err
		}
		var err error
		doc, err = s.readDocument(ctx, product)
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := stored(source)
	if err != nil {
		return nil, err
	}
	table := new(scopemap.Table)
	if doc != nil {
		if table, _, err = scopemap.Compile(*doc, p.rules()); err != nil {
			return nil, err
		}
	}
	out.api, err = p.api(table)
	return out, err
}

// readDocument gives what was read of a product's document, or reads it again when an
// earlier version of Annex did; nil when the product has none.
func (s *Service) readDocument(ctx context.Context, product id.Product) (*scopemap.Document, error) {
	var packed []byte
	var version int64
	err := s.DB.QueryRow(ctx, documentForm, product).Scan(&packed, &version)
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if version == openapi.Version {
		form, err := unsqueeze(packed)
		if err != nil {
			return nil, err
		}
		doc := new(scopemap.Document)
		return doc, json.Unmarshal(form, doc)
	}
	if err := s.DB.QueryRow(ctx, documentText, product).Scan(&packed); err != nil {
		return nil, err
	}
	text, err := unsqueeze(packed)
	if err != nil {
		return nil, err
	}
	doc, err := openapi.Read(text)
	return &doc, err
}
