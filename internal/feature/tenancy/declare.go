package tenancy

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/scopemap"
	"github.com/annexhq/annex/internal/infra/openapi"
	"github.com/annexhq/annex/manifest"
)

// Declaration is a product as an operator declares it.
type Declaration struct {
	Name     string // of the product.yaml, in problems
	Data     []byte // the product.yaml
	Document []byte // the OpenAPI document that it names; nil without
}

// Checked is a declaration that may be registered, and what there is to know about it.
type Checked struct {
	Product *Product
	API     *API
	// Findings are about the operations: none is an error.
	Findings []scopemap.Finding
	document document
}

// Check reads a declaration as Declare does, and registers nothing. All that is decided
// elsewhere is decided again here: the bytes come from outside. The error for what is
// invalid is a *Findings.
func Check(d Declaration) (*Checked, error) {
	product, problems := ValidateProduct(d.Name, d.Data)
	if product == nil {
		return nil, invalid(d.Name, problems)
	}
	c := &Checked{Product: product}
	table := new(scopemap.Table)
	switch {
	case d.Document != nil && product.OpenAPI == "":
		return nil, invalid(d.Name, manifest.Diagnostics{{File: d.Name, Line: 1, Column: 1, Rule: "missing-field", Severity: manifest.Error,
			Message: "a document is given, and product.yaml names none", Fix: "add openapi: FILE"}})
	case d.Document != nil:
		doc, err := openapi.Read(d.Document)
		if err != nil {
			f, ok := fault.As(err)
			if !ok {
				return nil, err
			}
			return nil, invalid(product.OpenAPI, manifest.Diagnostics{{File: product.OpenAPI, Line: 1, Column: 1, Rule: strings.ToLower(strings.ReplaceAll(f.Code, "_", "-")),
				Severity: manifest.Error, Message: f.Public, Fix: f.Fix}})
		}
		c.document = document{doc}
		var findings []scopemap.Finding
		if table, findings, err = scopemap.Compile(doc, product.rules()); err != nil {
			return nil, err
		}
		var wrong manifest.Diagnostics
		for _, f := range slices.Concat(findings, product.misnamed(table)) {
			if f.Severity == scopemap.Error {
				wrong = append(wrong, c.Diagnostic(d.Name, f))
			}
		}
		if len(wrong) > 0 {
			slices.SortStableFunc(wrong, func(a, b manifest.Diagnostic) int { return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line) })
			return nil, invalid(d.Name, wrong)
		}
		c.Findings = findings
	}
	var err error
	if c.API, err = product.api(table); err != nil {
		return nil, err
	}
	if base := strings.TrimSuffix(c.document.Base, "/"); base != "" && !strings.HasSuffix(strings.TrimSuffix(c.API.BaseURL.Path, "/"), base) {
		c.Findings = append(c.Findings, scopemap.Finding{Rule: "base-path", Severity: scopemap.Warning, Line: 1, InRules: true,
			Message: fmt.Sprintf("the document's paths count from %s, and apiBaseUrl does not end there", base),
			Fix:     "let apiBaseUrl end with it, unless the paths of the document begin with it"})
	}
	return c, nil
}

// Diagnostic is a finding at its place.
func (c *Checked) Diagnostic(name string, f scopemap.Finding) manifest.Diagnostic {
	d := manifest.Diagnostic{File: c.Product.OpenAPI, Line: max(f.Line, 1), Column: 1, Rule: f.Rule, Severity: manifest.Warning, Message: f.Message, Fix: f.Fix}
	if f.InRules {
		d.File = name
	}
	if f.Severity == scopemap.Error {
		d.Severity = manifest.Error
	}
	return d
}

// document is an OpenAPI document as it was read.
type document struct{ scopemap.Document }

// pack gives what is kept of a document: its text and what was read of it.
func (d document) pack(text []byte) (source, read []byte, err error) {
	if text == nil {
		return nil, nil, nil
	}
	form, err := json.Marshal(d.Document)
	if err != nil {
		return nil, nil, err
	}
	if source, err = squeeze(text); err != nil {
		return nil, nil, err
	}
	read, err = squeeze(form)
	return source, read, err
}

func squeeze(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func unsqueeze(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r) // what squeeze made of bounded input
}

// Counts are how many operations of a product are open, and of those that had to be
// decided, by class.
type Counts struct {
	Total   int                    `json:"total"`
	Open    int                    `json:"open"`
	Closed  int                    `json:"closed"`
	Classes map[string]ClassCounts `json:"classes"`
}

// ClassCounts are the operations of one class.
type ClassCounts struct {
	Total   int `json:"total"`
	Decided int `json:"decided"`
	Open    int `json:"open"`
}

// Summary counts the operations.
func (c *Checked) Summary() Counts {
	out := Counts{Classes: map[string]ClassCounts{scopemap.Identity: {}, scopemap.Credential: {}, scopemap.Egress: {}, scopemap.Tunnel: {}}}
	for _, op := range c.API.Table.Operations() {
		out.Total++
		open := op.Closed == ""
		if open {
			out.Open++
		} else {
			out.Closed++
		}
		if op.Class == "" {
			continue
		}
		n := out.Classes[op.Class]
		n.Total++
		if op.Reason != "" {
			n.Decided++
		}
		if open {
			n.Open++
		}
		out.Classes[op.Class] = n
	}
	return out
}

// Warnings are the findings that somebody should look at; the others say which operations
// are closed for want of a mapping, and which scopes no operation needs.
func (c *Checked) Warnings() []scopemap.Finding {
	var out []scopemap.Finding
	for _, f := range c.Findings {
		if f.Severity != scopemap.Note {
			out = append(out, f)
		}
	}
	return out
}
