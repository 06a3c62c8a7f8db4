package manifest

import (
	"errors"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// lintPattern reads a host pattern; its error is never of another type.
func lintPattern(text string, use hostrule.Use) (hostrule.Pattern, []hostrule.Warning, *hostrule.Error) {
	p, w, err := hostrule.Lint(text, use)
	if err == nil {
		return p, w, nil
	}
	var e *hostrule.Error
	if !errors.As(err, &e) {
		e = &hostrule.Error{Rule: "pattern-bad", Reason: err.Error()}
	}
	return hostrule.Pattern{}, nil, e
}

// egressKind ties a list of the manifest to the way of leaving that it permits.
type egressKind struct {
	path    string
	kind    perm.EgressType
	use     hostrule.Use
	remotes bool // entries may name a remote
	list    func(*External) []Egress
}

var egressKinds = []egressKind{
	{"fetch.backend", perm.Backend, hostrule.Backend, true, func(e *External) []Egress { return e.Fetch.Backend }},
	{"fetch.client", perm.Client, hostrule.Resource, true, func(e *External) []Egress { return e.Fetch.Client }},
	{"images", perm.Images, hostrule.Resource, false, func(e *External) []Egress { return e.Images }},
	{"media", perm.Media, hostrule.Resource, false, func(e *External) []Egress { return e.Media }},
	{"scripts", perm.Scripts, hostrule.Code, false, func(e *External) []Egress { return e.Scripts }},
	{"styles", perm.Styles, hostrule.Code, false, func(e *External) []Egress { return e.Styles }},
	{"fonts", perm.Fonts, hostrule.Resource, false, func(e *External) []Egress { return e.Fonts }},
	{"frames", perm.Frames, hostrule.Code, false, func(e *External) []Egress { return e.Frames }},
	{"navigation", perm.Navigation, hostrule.Resource, false, func(e *External) []Egress { return e.Navigation }},
}
