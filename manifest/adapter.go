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
	remotes bool // entries may name a remote
	list    func(*External) []Egress
}

// use is how the patterns of the list count.
func (k egressKind) use() hostrule.Use { return perm.UseOf(k.kind) }

var egressKinds = []egressKind{
	{"fetch.backend", perm.Backend, true, func(e *External) []Egress { return e.Fetch.Backend }},
	{"fetch.client", perm.Client, true, func(e *External) []Egress { return e.Fetch.Client }},
	{"images", perm.Images, false, func(e *External) []Egress { return e.Images }},
	{"media", perm.Media, false, func(e *External) []Egress { return e.Media }},
	{"scripts", perm.Scripts, false, func(e *External) []Egress { return e.Scripts }},
	{"styles", perm.Styles, false, func(e *External) []Egress { return e.Styles }},
	{"fonts", perm.Fonts, false, func(e *External) []Egress { return e.Fonts }},
	{"frames", perm.Frames, false, func(e *External) []Egress { return e.Frames }},
	{"navigation", perm.Navigation, false, func(e *External) []Egress { return e.Navigation }},
}
