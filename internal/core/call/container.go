package call

import (
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
)

// Container is a part of a product that holds others: a project, a space, a repository.
type Container struct {
	Type string `json:"type"` // as product.yaml has it
	ID   string `json:"id"`   // as the product names it: an id, or a key
}

// Is reports whether both are the same. Products differ in how they read names: what one of
// them could take for the same is the same here.
func (c Container) Is(other Container) bool {
	return c.Type == other.Type && strings.EqualFold(strings.TrimRight(c.ID, ". "), strings.TrimRight(other.ID, ". "))
}

// AccessRule keeps an installation from a container of its product.
type AccessRule struct {
	Container
	Rule string // its id, for who may end it
}

// Here refuses people an app in a place that the rule keeps it from.
func (r AccessRule) Here() *fault.Error {
	return fault.New(fault.Denied, "ACCESS_RULE", "your admin keeps the app from this %s", r.Type).WithFix("an admin of the site ends the rule on the site's page").With("rule", r.Rule)
}

// Barred is the first rule that keeps the installation from any of the containers.
func (p *Policy) Barred(containers ...Container) (AccessRule, bool) {
	for _, r := range p.AccessRules {
		for _, c := range containers {
			if r.Is(c) {
				return r, true
			}
		}
	}
	return AccessRule{}, false
}
