package product

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/scopemap"
)

// graphBody is a GraphQL request; what else a body holds is not forwarded.
type graphBody struct {
	Query     string          `json:"query"`
	Variables json.RawMessage `json:"variables,omitempty"`
}

// admitGraph decides about a GraphQL request: each root field is an operation of its own.
// It gives the body that is sent.
func (c *caller) admitGraph(ctx context.Context, p *call.Policy, h *head, body []byte, d *Decision) (*pass, []byte, error) {
	let, err := c.reach(ctx, p, h, d)
	if err != nil {
		return nil, nil, err
	}
	g := let.api.Graph
	if g == nil {
		return nil, nil, answer(d, closed("OPERATION_UNKNOWN", "the product %s declares no GraphQL", d.Product).WithFix("use requestProduct"))
	}
	if len(let.policy.AccessRules) > 0 && let.api.Unclaimed {
		return nil, nil, answer(d, keptFrom(let.policy.AccessRules[0]).With("graphql", true))
	}
	var in graphBody
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, nil, deny(d, "invalid-argument", fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments of requestGraph are malformed").Because(err))
	}
	q, err := readQuery(in.Query, g)
	if err != nil {
		return nil, nil, answer(d, err)
	}
	fields, kind := g.Query, "query"
	if q.mutation {
		fields, kind = g.Mutation, "mutation"
	}
	var scopes []string
	for _, name := range q.fields {
		d.Operation = kind + " " + name
		let.op = &scopemap.Operation{ID: d.Operation, Scopes: fields[name]}
		if len(let.op.Scopes) == 0 {
			return nil, nil, answer(d, closed("OPERATION_CLOSED", "the root field %.64q is closed: product.yaml does not map it to scopes", name).
				WithFix("the product's operator maps a root field in product.yaml under graph"))
		}
		if err := c.authorise(ctx, let, h, d); err != nil {
			return nil, nil, err
		}
		scopes = append(scopes, let.scopes...)
	}
	slices.Sort(scopes)
	let.scopes = slices.Compact(scopes)
	d.Scopes, d.Operation = let.scopes, kind
	let.path = g.Path
	let.op = &scopemap.Operation{ID: kind, Body: true, MediaTypes: []string{"application/json"}}
	sent, err := json.Marshal(graphBody{q.text, in.Variables})
	return let, sent, err
}
