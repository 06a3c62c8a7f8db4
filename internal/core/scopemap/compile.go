package scopemap

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxOperations bounds a document.
const maxOperations = 20_000

// Compile makes the table of a document under its rules, and says what there is to know
// about it: findings of severity Error are mistakes in the rules. The error is for a
// document that is too large.
func Compile(doc Document, rules Rules) (*Table, []Finding, error) {
	c := &compiler{doc: &doc, rules: &rules, byID: map[string][]int{}, decided: map[int]*Decision{}}
	if len(doc.Described)*(1+len(rules.Also)) > maxOperations {
		return nil, nil, tooAmbiguous()
	}
	c.everywhere()
	c.decide()
	t := &Table{byID: map[string]*Operation{}}
	var templates []*template
	shapes := map[string]*Operation{}
	for i := range c.all {
		d := &c.all[i]
		op := c.operation(i)
		t.operations = append(t.operations, op)
		if op.ID != "" && d.from == "" && len(c.byID[op.ID]) == 1 {
			t.byID[op.ID] = op
		}
		segments, err := parse(d.Path, rules.Rest[d.written()])
		if err != nil {
			c.close(op, err.Error())
			c.find(op, Warning, "path-unusable", "leave it, or write the path so that a request can match it", "no request can match %s %s: %v", op.Method, op.Template, err)
			continue
		}
		for at := range segments {
			if segments[at].kind != literal {
				op.params = append(op.params, param{at, segments[at]})
			}
		}
		key := op.Method + " " + shape(segments)
		if first := shapes[key]; first != nil {
			c.find(op, Warning, "same-path", "keep one of the two", "%s %s and %s are one path: a request needs what both need", op.Method, op.Template, first.Template)
		}
		shapes[key] = op
		templates = append(templates, &template{segments, op})
	}
	c.unused()
	start, err := build(templates)
	if err != nil {
		return nil, nil, err
	}
	t.start = start
	return t, c.sorted(), nil
}

type compiler struct {
	doc      *Document
	rules    *Rules
	all      []Described
	byID     map[string][]int
	decided  map[int]*Decision
	findings []Finding
	usedRule map[int]bool
	// credentials are the parameters of the document's schemes, by place.
	credentials map[string]map[string]bool
	above       int             // leading segments that all paths share
	words       map[string]bool // scopes that operations need
	noWords     map[string]bool
}

// everywhere adds the operations that are offered at other prefixes too.
func (c *compiler) everywhere() {
	c.all = slices.Clone(c.doc.Described)
	c.above = shared(c.doc.Described)
	c.credentials = map[string]map[string]bool{InQuery: {}, InHeader: {}}
	for _, s := range c.doc.Schemes {
		if s.Type == "apiKey" && c.credentials[s.In] != nil && s.Name != "" {
			c.credentials[s.In][bare(s.Name)] = true
		}
	}
	for _, a := range c.rules.Also {
		n := 0
		for _, d := range c.doc.Described {
			tail, ok := strings.CutPrefix(d.Path, a.From)
			if !ok || tail != "" && !strings.HasPrefix(tail, "/") {
				continue
			}
			n++
			d.from, d.Path = d.Path, a.At+tail
			c.all = append(c.all, d)
		}
		if n == 0 {
			c.rule(Error, "unknown-path", a.Line, "write a prefix of paths of the document", "no path of the document is below %s", a.From)
		}
	}
	slices.SortStableFunc(c.all, func(a, b Described) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	for i, d := range c.all {
		if d.ID != "" && d.from == "" {
			c.byID[d.ID] = append(c.byID[d.ID], i)
		}
	}
	c.usedRule, c.words, c.noWords = map[int]bool{}, map[string]bool{}, map[string]bool{}
}

// decide finds the operation of each decision.
func (c *compiler) decide() {
	at := map[string]int{}
	for i, d := range c.all {
		if d.from == "" {
			at[d.Method+" "+d.Path] = i
		}
	}
	for n := range c.rules.Decisions {
		d := &c.rules.Decisions[n]
		i, ok := 0, false
		name := d.ID
		if d.ID != "" {
			switch found := c.byID[d.ID]; len(found) {
			case 0:
			case 1:
				i, ok = found[0], true
			default:
				c.rule(Error, "ambiguous-operation", d.Line, "name it by method and path", "%d operations of the document have the id %q", len(found), d.ID)
				continue
			}
		} else {
			name = d.Method + " " + d.Path
			i, ok = at[name]
		}
		switch {
		case !ok:
			c.rule(Error, "unknown-operation", d.Line, "name an operation of the document, as it is written there", "the document has no operation %q", name)
		case c.decided[i] != nil:
			c.rule(Error, "duplicate-decision", d.Line, "keep one of the two", "the operation %q is decided twice", name)
		default:
			c.decided[i] = d
		}
	}
	for i := range c.all { // at every prefix alike
		if d := &c.all[i]; d.from != "" {
			c.decided[i] = c.decided[at[d.Method+" "+d.from]]
		}
	}
}

// operation is what the document and the rules make of one description.
func (c *compiler) operation(i int) *Operation {
	d := &c.all[i]
	op := &Operation{ID: d.ID, Method: d.Method, Template: d.Path, Body: d.Body, MediaTypes: d.MediaTypes, Tags: d.Tags, Summary: d.Summary, Line: d.Line,
		Query: map[string]bool{}, Header: map[string]bool{}, Form: map[string]bool{}, deep: map[string]bool{}}
	op.anyForm, op.credentials = d.AnyForm, c.credentials
	for _, f := range d.Form {
		op.Form[f] = true
	}
	for _, p := range d.Parameters {
		switch {
		case p.In == "query" && p.Open:
			op.anyName = true
		case p.In == "query":
			op.Query[p.Name] = true
			if p.Keys {
				op.deep[p.Name] = true
			}
		case p.In == "header":
			op.Header[strings.ToLower(p.Name)] = true
		}
	}
	as := *d
	as.Path = d.written()
	class, fields, why := classify(&as, c.above)
	op.Class = class
	decision := c.decided[i]
	if decision != nil {
		op.Reason = decision.Reason
		if decision.Egress != nil {
			op.Egress = decision.Egress
			op.Class = Egress
		}
	}
	if op.Egress == nil {
		op.Egress = fields
	}
	op.Scopes = c.scopes(d, decision)
	switch {
	case c.rules.GraphPath != "" && d.written() == c.rules.GraphPath:
		op.Class = Tunnel
		c.close(op, "it is GraphQL, which apps call with requestGraph")
	case decision != nil && !decision.Open:
		c.close(op, "product.yaml closes it: "+decision.Reason)
	case class != "" && decision == nil:
		c.close(op, why)
		c.find(op, Warning, "undecided-"+class, "decide it in product.yaml: operations: [{operation: "+name(op)+", open: true or false, reason: …}]", "%s is closed: %s", name(op), why)
	case len(op.Scopes) == 0:
		c.close(op, "neither the document nor product.yaml maps it to scopes that the product words")
		c.find(op, Note, "operation-closed", "map it in product.yaml: rules, or operations", "%s is closed: %s", name(op), op.Closed)
	case op.Class == Egress && len(op.Egress) == 0 && decision.Egress == nil:
		c.find(op, Warning, "egress-unbounded", "name the fields that hold the address: egress: [{in: body, name: /url}]; egress: [] says that there is none",
			"%s is open, and nothing says where in a request the host is named that the product contacts", name(op))
		c.close(op, "it makes the product contact an address, and nothing says where in a request that is named")
	}
	return op
}

func name(op *Operation) string {
	if op.ID != "" {
		return op.ID
	}
	return op.Method + " " + op.Template
}

func (c *compiler) close(op *Operation, why string) {
	if op.Closed == "" {
		op.Closed = why
	}
}

// scopes are an operation's alternatives: a decision's, else those of a vendor extension
// that product.yaml names, else the document's security, else those of the first rule.
func (c *compiler) scopes(d *Described, decision *Decision) [][]string {
	if decision != nil && decision.Scopes != nil {
		return c.worded(d, decision.Scopes, decision.Line)
	}
	for _, name := range c.rules.Extensions {
		if v, ok := d.Extensions[name]; ok {
			found, ok := extension(v)
			if !ok {
				c.findings = append(c.findings, Finding{Rule: "extension-form", Severity: Warning, ID: d.ID, Method: d.Method, Path: d.Path, Line: d.Line,
					Message: fmt.Sprintf("%s of %s %s is in no known form", name, d.Method, d.Path),
					Fix:     "write a scope, a list of scopes, or a list of {scopes: […]}"})
				found = nil // what is not understood opens nothing
			}
			return c.worded(d, found, 0)
		}
	}
	if found := c.security(d); len(found) > 0 {
		return c.worded(d, found, 0)
	}
	for i := range c.rules.Rules {
		if r := &c.rules.Rules[i]; r.matches(d) {
			c.usedRule[i] = true
			return c.worded(d, r.Scopes, r.Line)
		}
	}
	return nil
}

// security reads the alternatives that name scopes. One that names none says that a caller
// must be somebody, not what they may do: it opens nothing to an app. One that also asks
// for a scheme of another kind asks for a credential that Annex does not have.
func (c *compiler) security(d *Described) [][]string {
	var out [][]string
	for _, all := range d.Security {
		var scopes []string
		fits := true
		for scheme, wanted := range all {
			fits = fits && c.counts(scheme)
			scopes = append(scopes, wanted...)
		}
		if fits && len(scopes) > 0 {
			out = append(out, scopes)
		}
	}
	return out
}

func (c *compiler) counts(scheme string) bool {
	if c.rules.Schemes != nil {
		return slices.Contains(c.rules.Schemes, scheme)
	}
	t := c.doc.Schemes[scheme].Type
	return t == "oauth2" || t == "openIdConnect"
}

// worded drops the alternatives with a scope that the product does not word: no admin
// could be asked for it.
func (c *compiler) worded(d *Described, all [][]string, line int) [][]string {
	out := [][]string{}
	for _, scopes := range all {
		scopes = normal(scopes)
		known := true
		for _, s := range scopes {
			if !c.rules.Words[s] {
				known = false
				if !c.noWords[s] {
					c.noWords[s] = true
					f := Finding{Rule: "scope-without-words", Severity: Warning, ID: d.ID, Method: d.Method, Path: d.Path, Line: d.Line,
						Message: fmt.Sprintf("%s %s needs the scope %q, which product.yaml does not word: nobody can be granted it", d.Method, d.Path, s),
						Fix:     "add it to scopes: with title and access"}
					if line > 0 {
						f.Line, f.InRules, f.Severity = line, true, Error
					}
					c.findings = append(c.findings, f)
				}
			}
			c.words[s] = true
		}
		if known {
			out = append(out, scopes)
		}
	}
	return alternatives(out)
}

// extension reads the forms in which documents carry scopes: "a", "a b", [a, b] (all are
// needed), [[a], [b]] (alternatives), [{scopes: [a]}, …] (alternatives), {scheme: [a]}.
func extension(v any) ([][]string, bool) {
	switch v := v.(type) {
	case string:
		if all := strings.Fields(strings.ReplaceAll(v, ",", " ")); len(all) > 0 {
			return [][]string{all}, true
		}
	case []any:
		if all, ok := texts(v); ok {
			return [][]string{all}, len(all) > 0
		}
		var out [][]string
		for _, e := range v {
			switch e := e.(type) {
			case []any:
				all, ok := texts(e)
				if !ok || len(all) == 0 {
					return nil, false
				}
				out = append(out, all)
			case map[string]any:
				found, ok := extension(e)
				if !ok {
					return nil, false
				}
				out = append(out, found...)
			default:
				return nil, false
			}
		}
		return out, true
	case map[string]any:
		if inner, ok := v["scopes"]; ok {
			return extension(inner)
		}
		var out [][]string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			found, ok := extension(v[k])
			if !ok {
				return nil, false
			}
			out = append(out, found...)
		}
		return out, len(out) > 0
	}
	return nil, false
}

func texts(v []any) ([]string, bool) {
	var out []string
	for _, e := range v {
		s, ok := e.(string)
		if !ok || s == "" {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func (r *Rule) matches(d *Described) bool {
	return (r.Tag == "" || slices.Contains(d.Tags, r.Tag)) && (len(r.Methods) == 0 || slices.Contains(r.Methods, d.Method)) &&
		(r.Path == "" || pathMatches(r.Path, d.written()))
}

// pathMatches compares a rule's path with a template: "*" is any one segment, "**" at the
// end the rest, which may be nothing.
func pathMatches(rule, template string) bool {
	a, b := strings.Split(rule, "/"), strings.Split(template, "/")
	for i, s := range a {
		if s == "**" && i+1 == len(a) {
			return true
		}
		if i >= len(b) || s != "*" && s != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// unused names rules and words that no operation needs.
func (c *compiler) unused() {
	for i, r := range c.rules.Rules {
		if !c.usedRule[i] {
			c.rule(Warning, "rule-unused", r.Line, "leave it out, or mend tag, path or methods", "the rule maps no operation")
		}
	}
	for _, s := range slices.Sorted(maps.Keys(c.rules.Words)) {
		if !c.words[s] {
			c.rule(Note, "scope-unused", 0, "leave it out unless events or modules need it", "no operation needs the scope %q", s)
		}
	}
}

func (c *compiler) rule(severity, rule string, line int, fix, format string, args ...any) {
	c.findings = append(c.findings, Finding{Rule: rule, Severity: severity, Message: fmt.Sprintf(format, args...), Fix: fix, Line: line, InRules: true})
}

func (c *compiler) find(op *Operation, severity, rule, fix, format string, args ...any) {
	c.findings = append(c.findings, Finding{Rule: rule, Severity: severity, Class: op.Class, ID: op.ID, Method: op.Method, Path: op.Template,
		Message: fmt.Sprintf(format, args...), Fix: fix, Line: op.Line})
}

func (c *compiler) sorted() []Finding {
	order := map[string]int{Error: 0, Warning: 1, Note: 2}
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(order[a.Severity]-order[b.Severity], strings.Compare(a.Rule, b.Rule), a.Line-b.Line, strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	return c.findings
}
