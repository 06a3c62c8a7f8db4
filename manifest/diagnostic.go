package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a problem stops a deploy.
type Severity string

const (
	// Error stops a deploy.
	Error Severity = "error"
	// Warning does not.
	Warning Severity = "warning"
)

// Position is a place in the file; both numbers start at 1, columns count characters.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Diagnostic is one problem of a manifest.
type Diagnostic struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"` // what is wrong
	Fix      string   `json:"fix"`     // how to mend it
	// Fixable says that Fix mends it.
	Fixable bool `json:"fixable,omitempty"`
}

// String is "file:line:column: rule-id: what is wrong: how to mend it".
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s: %s", d.File, d.Line, d.Column, d.Rule, d.Message, d.Fix)
}

// Diagnostics are the problems of a manifest in the order of the file.
type Diagnostics []Diagnostic

// HasErrors reports whether one of them is an error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == Error })
}

// Errors are those that stop a deploy.
func (ds Diagnostics) Errors() Diagnostics { return ds.only(Error) }

// Warnings are those that do not.
func (ds Diagnostics) Warnings() Diagnostics { return ds.only(Warning) }

func (ds Diagnostics) only(s Severity) Diagnostics {
	var out Diagnostics
	for _, d := range ds {
		if d.Severity == s {
			out = append(out, d)
		}
	}
	return out
}

// String is one line per problem.
func (ds Diagnostics) String() string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.String())
		b.WriteByte('\n')
	}
	return b.String()
}
