package product

import (
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// Containers is a type of the product's containers, and how requests name one.
type Containers struct {
	Type string
	// Parameters are those of paths and queries that name a container; "owner/repo" are two
	// that name it together.
	Parameters []string
	// Open are the ids of operations that tell of a container itself and of nothing in it.
	Open []string
}

// kept refuses a request whose path or query names a container from which a rule keeps the
// app. What else is in such a container the product knows: its token says the rules.
func (l *pass) kept(p *call.Policy) error {
	if len(p.AccessRules) == 0 {
		return nil
	}
	if rule, barred := p.Barred(l.named()...); barred {
		return keptFrom(rule)
	}
	return nil
}

// named are the containers that a request names.
func (l *pass) named() (out []call.Container) {
	path := l.op.Values(l.path)
	values := func(parameter string) []string {
		var all []string
		if v, ok := path[parameter]; ok {
			all = append(all, v)
		}
		for _, v := range valuesOf(l.query, parameter) {
			all = append(append(all, v), strings.Split(v, ",")...)
		}
		return all
	}
	for _, c := range l.api.Containers {
		if slices.Contains(c.Open, l.op.ID) && l.op.ID != "" {
			continue
		}
		for _, parameter := range c.Parameters {
			ids := []string{""}
			for i, part := range strings.Split(parameter, "/") {
				var next []string
				for _, v := range values(part) {
					for _, id := range ids {
						if i > 0 {
							id += "/"
						}
						next = append(next, id+strings.TrimSpace(v))
					}
				}
				ids = next
			}
			for _, id := range ids {
				out = append(out, call.Container{Type: c.Type, ID: id})
			}
		}
	}
	return out
}

// since refuses to go on with a request where a rule was made meanwhile: only the product
// knows whether what is left of its answer lies in the container, and was not asked.
func (l *pass) since(now *call.Policy) error {
	for _, r := range now.AccessRules {
		if _, before := l.policy.Barred(r.Container); !before {
			return keptFrom(r)
		}
	}
	return nil
}

func keptFrom(r call.AccessRule) *fault.Error {
	return closed("ACCESS_RULE", "a rule of the site's admin keeps the app from the %s %.64q", r.Type, r.ID).
		WithFix("an admin of the site ends the rule, on the site's page or with: annex access-rules unblock SITE %s", r.Rule).
		With("rule", r.Rule).With("container", map[string]string{"type": r.Type, "id": r.ID})
}
