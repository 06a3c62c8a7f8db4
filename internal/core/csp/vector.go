package csp

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// defaultOrigin is the page's where a vector names none.
const defaultOrigin = "https://app.apps.test"

// vector is a question of kind "csp": do the sources of one directive admit the URL for a
// page at the origin, after so many redirects?
type vector struct {
	ID            string   `json:"id"`
	Patterns      []string `json:"patterns"`
	URL           *string  `json:"url"`
	Origin        string   `json:"origin"`
	RedirectCount int      `json:"redirect_count"`
}

// vectorFields are those that are understood, beside what describes the vector or states
// the expected answer. Another might change the question, so it is not answered then.
var vectorFields = []string{"id", "kind", "patterns", "url", "origin", "redirect_count", "why", "source", "note", "allow", "valid", "rule"}

// ExplainLine answers one line of `annex explain egress`, numbered from 1, with one line of
// JSON without its end; nil for a blank line. It decides questions of kind "csp" and hands
// all others to hostrule.
func ExplainLine(number int, line []byte) []byte {
	var members map[string]json.RawMessage
	var kind string
	if json.Unmarshal(line, &members) != nil || json.Unmarshal(members["kind"], &kind) != nil || kind != "csp" {
		return hostrule.ExplainLine(number, line)
	}
	return explainVector(members, line).Encode(number)
}

func explainVector(members map[string]json.RawMessage, line []byte) hostrule.Answer {
	var v vector
	if err := json.Unmarshal(line, &v); err != nil {
		return hostrule.Answer{ID: v.ID, Error: err.Error()}
	}
	unknown := make([]string, 0, len(members))
	for name := range members {
		if !slices.Contains(vectorFields, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return hostrule.Answer{ID: v.ID, Skipped: true, Reason: fmt.Sprintf("the field %q is not known for kind csp", slices.Min(unknown))}
	}
	if v.URL == nil || members["patterns"] == nil {
		return hostrule.Answer{ID: v.ID, Error: "a vector of kind csp needs the fields patterns and url"}
	}
	if v.Origin == "" {
		v.Origin = defaultOrigin
	}
	for _, s := range v.Patterns {
		if MatchList([]string{s}, *v.URL, v.Origin, v.RedirectCount) {
			return hostrule.Answer{ID: v.ID, Allow: true, Rule: "csp-source", Reason: "admitted by " + s}
		}
	}
	return hostrule.Answer{ID: v.ID, Rule: "csp-no-source", Reason: "no source admits it"}
}
