package bridge

import (
	"context"
	"encoding/base64"
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/feature/people"
	"github.com/annexhq/annex/internal/infra/picture"
)

// People knows who the people of products are.
type People interface {
	Get(ctx context.Context, v people.Viewer, ids []string) ([]people.Person, error)
	Search(ctx context.Context, v people.Viewer, text string) ([]people.Person, error)
	Pictures(ctx context.Context, v people.Viewer, ids []string) (map[string][]byte, error)
}

// person is somebody as the shell shows them.
type person struct {
	AccountID   string `json:"accountId"`
	DisplayName string `json:"displayName"`
	// Picture says that there is one to ask for.
	Picture bool `json:"picture,omitempty"`
}

// people says who people of the product are, to the shell, as far as the product tells the
// person who looks: some by id, those whose name holds a text, or pictures of some. A picture
// is in the answer itself, drawn anew: the browser is sent to no address for it.
func (b *Bridge) people(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		ofModule
		IDs      []string `json:"ids"`
		Search   *string  `json:"search"`
		Pictures []string `json:"pictures"`
	}
	x, err := b.stand(w, r, &in)
	if err != nil {
		return nil, err
	}
	v := people.Viewer{Site: x.who.Site, Product: x.who.Product, User: x.who.User}
	asked := 0
	for _, is := range []bool{in.IDs != nil, in.Search != nil, in.Pictures != nil} {
		if is {
			asked++
		}
	}
	if asked != 1 {
		return nil, fault.New(fault.Usage, "MISSING", "one of ids, search and pictures is given")
	}
	if in.Pictures != nil {
		drawn, err := b.People.Pictures(r.Context(), v, in.Pictures)
		if err != nil {
			return nil, err
		}
		out := make(map[string]string, len(drawn))
		for account, p := range drawn {
			out[account] = "data:" + picture.Type(p) + ";base64," + base64.StdEncoding.EncodeToString(p)
		}
		return map[string]any{"pictures": out}, nil
	}
	var all []people.Person
	if in.Search != nil {
		all, err = b.People.Search(r.Context(), v, *in.Search)
	} else {
		all, err = b.People.Get(r.Context(), v, in.IDs)
	}
	if err != nil {
		return nil, err
	}
	out := []person{}
	for _, p := range all {
		out = append(out, person{p.ID, quote.Line(p.Name, 120), p.Picture})
	}
	return map[string]any{"people": out}, nil
}
