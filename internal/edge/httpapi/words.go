package httpapi

import "github.com/annexhq/annex/internal/core/perm"

// lineJSON is one line of a permission set in words.
type lineJSON struct {
	Group  perm.Group `json:"group"`
	Text   string     `json:"text"`
	Items  []string   `json:"items,omitempty"`
	Detail string     `json:"detail,omitempty"`
	Risk   string     `json:"risk,omitempty"`
	Loud   bool       `json:"loud"`
}

func lines(in []perm.Line) []lineJSON {
	out := make([]lineJSON, len(in))
	for i, l := range in {
		out[i] = lineJSON{Group: l.Group, Text: l.Title, Items: l.Items, Detail: l.Detail, Risk: l.Risk, Loud: l.Loud}
	}
	return out
}
