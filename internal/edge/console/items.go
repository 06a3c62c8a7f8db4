package console

import (
	"reflect"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/quote"
)

// item is one thing that can be allowed or not, by itself.
type item struct {
	Key  string // what a form sends; bound to the very permission that is shown
	Set  perm.Set
	Line perm.Line
	New  bool // against what is allowed at present
	On   bool // proposed
	// Hosts are what of a wildcard is allowed in its place, one a line; Wild says that it is one.
	Wild  bool
	Hosts string
}

// maxHosts bounds what an admin puts in the place of a wildcard.
const maxHosts = 50

// instead is what an item allows when an admin wrote hosts in its place: each has to be
// within it.
func (i item) instead(text string) (perm.Set, error) {
	hosts := strings.Fields(text)
	if len(hosts) == 0 || len(i.Set.Egress) != 1 {
		return i.Set, nil
	}
	if len(hosts) > maxHosts {
		return perm.Set{}, fault.New(fault.Limit, "LIMIT_HOSTS", "more than %d hosts were written in the place of one", maxHosts)
	}
	var out perm.Set
	for _, host := range hosts {
		e := i.Set.Egress[0]
		pattern, err := hostrule.ParsePattern(host, perm.UseOf(e.Type))
		if err != nil {
			return perm.Set{}, fault.New(fault.Usage, "PATTERN", "%q is no host that an app can be allowed to reach", quote.Line(host, 100)).
				WithFix("write hosts such as api.example.com, one a line")
		}
		e.Pattern = pattern
		one := perm.Set{Egress: []perm.Egress{e}}
		if !perm.Covers(i.Set, one) {
			return perm.Set{}, fault.New(fault.Invalid, "GRANT_EXCEEDS_REQUEST", "%q is not within what the app asks for", quote.Line(host, 100)).
				WithFix("write hosts that the wildcard stands for")
		}
		out = perm.Union(out, one)
	}
	return out, nil
}

// narrower are the hosts of a set that stand in the place of a wildcard, one a line.
func (i item) narrower(granted perm.Set) string {
	var hosts []string
	for _, e := range granted.Egress {
		same := len(i.Set.Egress) == 1 && e.Type == i.Set.Egress[0].Type && e.Pattern != i.Set.Egress[0].Pattern
		if same && perm.Covers(i.Set, perm.Set{Egress: []perm.Egress{e}}) {
			hosts = append(hosts, strings.TrimPrefix(e.Pattern.String(), "https://"))
		}
	}
	return strings.Join(hosts, "\n")
}

// itemsOf takes a set apart into what an admin can allow one by one.
func itemsOf(s perm.Set, words perm.Words) []item {
	var out []item
	add := func(one perm.Set, lines []perm.Line) {
		if len(lines) > 0 && !perm.Empty(one) {
			wild := len(one.Egress) == 1 && (one.Egress[0].Pattern.Any || one.Egress[0].Pattern.Wild)
			out = append(out, item{Key: perm.Digest(one), Set: one, Line: lines[0], Wild: wild})
		}
	}
	all := reflect.ValueOf(perm.Normal(s))
	for n := range all.NumField() {
		f := all.Field(n)
		if f.Kind() != reflect.Slice {
			if !f.IsZero() {
				var one perm.Set
				reflect.ValueOf(&one).Elem().Field(n).Set(f)
				add(one, perm.Describe(one, words))
			}
			continue
		}
		for k := range f.Len() {
			var one perm.Set
			list := reflect.MakeSlice(f.Type(), 1, 1)
			list.Index(0).Set(f.Index(k))
			reflect.ValueOf(&one).Elem().Field(n).Set(list)
			lines := perm.Describe(one, words)
			// A scope can be allowed without its option of acting for people who are away.
			if len(one.Scopes) == 1 && one.Scopes[0].Impersonation {
				add(perm.Set{Scopes: []perm.Scope{{Name: one.Scopes[0].Name}}}, lines[:1])
				lines = lines[1:]
			}
			add(one, lines)
		}
	}
	return out
}

// section is the items of one heading.
type section struct {
	Group perm.Group
	Items []item
}

func sections(items []item) []section {
	var out []section
	for _, g := range perm.Groups {
		s := section{Group: g}
		for _, i := range items {
			if i.Line.Group == g {
				s.Items = append(s.Items, i)
			}
		}
		if len(s.Items) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// lineSections are sentences under their headings.
type lineSection struct {
	Group perm.Group
	Lines []perm.Line
}

func lineSections(lines []perm.Line) []lineSection {
	var out []lineSection
	for _, g := range perm.Groups {
		s := lineSection{Group: g}
		for _, l := range lines {
			if l.Group == g {
				s.Lines = append(s.Lines, l)
			}
		}
		if len(s.Lines) > 0 {
			out = append(out, s)
		}
	}
	return out
}
