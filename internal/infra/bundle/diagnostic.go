package bundle

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Severity says whether a diagnostic stops a deploy.
type Severity string

const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is one thing wrong in an app's source: where, which rule, what, and how
// to mend it. Line and Column start at 1 and are 0 where there is no such place.
type Diagnostic struct {
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Fix      string   `json:"fix,omitempty"`
}

// String is the diagnostic as "file:line:column: rule: message: how to mend it".
func (d Diagnostic) String() string {
	var s strings.Builder
	if d.File != "" {
		s.WriteString(d.File)
		if d.Line > 0 {
			fmt.Fprintf(&s, ":%d:%d", d.Line, max(d.Column, 1))
		}
		s.WriteString(": ")
	}
	fmt.Fprintf(&s, "%s: %s", d.Rule, d.Message)
	if d.Fix != "" {
		s.WriteString(": " + d.Fix)
	}
	return s.String()
}

// HasErrors reports whether a diagnostic stops a deploy.
func HasErrors(ds []Diagnostic) bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == Error })
}

// tidy sorts diagnostics by place and drops repetitions, so that output is the same
// at each run although esbuild works in parallel.
func tidy(ds []Diagnostic) []Diagnostic {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column,
			strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message))
	})
	return slices.Compact(ds)
}

const notOffered = "not offered: "

var (
	unresolved  = regexp.MustCompile(`^Could not resolve "(.*?)"`)
	noExport    = regexp.MustCompile(`^No matching export in "(.*?)" for import "(.*?)"`)
	noLoader    = regexp.MustCompile(`^No loader is configured for "(.*?)" files: (.*)`)
	undefined   = regexp.MustCompile(`^Import "(.*?)" will always be undefined because there is no matching export in "(.*?)"`)
	handlerName = regexp.MustCompile(`\bhandler(\d+)_(\d+)\b`)
)

// translate turns esbuild's messages into ours. Warnings about dependencies are not
// the app's to mend and are dropped.
func (b *builder) translate(out api.BuildResult, e *entry) {
	for _, m := range out.Errors {
		b.translateError(m, e)
	}
	for _, m := range out.Warnings {
		d := b.place(m, Warning)
		if inNodeModules(d.File) || m.ID == "ignored-bare-import" && strings.Contains(m.Text, `"annex-`) {
			continue
		}
		d.Rule = cmp.Or(m.ID, "source-warning")
		d.Message = sentence(m.Text)
		if u := undefined.FindStringSubmatch(m.Text); u != nil {
			if spec, ok := cutSpace(u[2]); ok {
				b.noMember(&d, spec, u[1])
			}
		}
		b.diags = append(b.diags, d)
	}
}

func (b *builder) translateError(m api.Message, e *entry) {
	d := b.place(m, Error)
	switch {
	case noExport.MatchString(m.Text):
		g := noExport.FindStringSubmatch(m.Text)
		if spec, ok := cutSpace(g[1]); ok {
			b.noMember(&d, spec, g[2])
			break
		}
		if m.Location != nil && m.Location.File == entryFile {
			if f, h, ok := e.find(m.Location.LineText); ok {
				b.missingExport(f, h)
				return
			}
		}
		d.Rule, d.Message = "export-missing", fmt.Sprintf("%s has no export %q", g[1], g[2])
		d.Fix = "export it there, or correct the import"
	case strings.HasPrefix(m.Text, notOffered):
		spec := strings.Trim(strings.TrimPrefix(m.Text, notOffered), `"`)
		d.Rule, d.Message = "module-not-offered", fmt.Sprintf("the SDK has no module %q", spec)
		d.Fix = "remove the import"
		if n := b.Table.nearest(spec); n != "" {
			d.Fix = fmt.Sprintf("did you mean %q?", n)
		}
	case unresolved.MatchString(m.Text):
		b.unresolved(&d, unresolved.FindStringSubmatch(m.Text)[1])
	case noLoader.MatchString(m.Text):
		g := noLoader.FindStringSubmatch(m.Text)
		d.Rule, d.Message = "file-type", fmt.Sprintf("%s files cannot be imported (%s)", g[1], g[2])
		d.Fix = "list the file under app.package.extraFiles and read it with fs"
		if g[1] == ".node" {
			d.Fix = "use a package without native code: the sandbox runs JavaScript only"
		}
	case strings.Contains(m.Text, "op-level await"):
		d.Rule, d.Message = "top-level-await", "module scope cannot wait: it runs once, when the app is deployed"
		d.Fix = "move the await into the handler, or keep the promise in a variable and await that in the handler"
	default:
		d.Rule, d.Message = "syntax", sentence(m.Text)
		d.Fix = "correct the source"
		if len(m.Notes) > 0 {
			d.Fix = sentence(m.Notes[0].Text)
		}
	}
	b.diags = append(b.diags, d)
}

// noMember words an import of a name that a module of the base image has not.
func (b *builder) noMember(d *Diagnostic, spec, name string) {
	target, _ := b.Table.lookup(spec)
	d.Rule, d.Severity = "member-not-offered", Error
	d.Message = fmt.Sprintf("%q has no export %q", spec, name)
	d.Fix = "remove the import, or use another function"
	if n := b.Table.nearestExport(target, name); n != "" {
		d.Fix = fmt.Sprintf("did you mean %q?", n)
	}
}

func (b *builder) unresolved(d *Diagnostic, spec string) {
	switch {
	case isBuiltin(spec):
		d.Rule, d.Message = "module-not-offered", fmt.Sprintf("the sandbox has no Node.js module %q", spec)
		d.Fix = "use a package that needs fetch only, or remove the import"
	case strings.HasPrefix(spec, ".") || strings.HasPrefix(spec, "/"):
		d.Rule, d.Message = "import-unresolved", fmt.Sprintf("there is no file %q", spec)
		d.Fix = "correct the path, or create the file"
	default:
		d.Rule, d.Message = "import-unresolved", fmt.Sprintf("package %q is not installed", spec)
		d.Fix = fmt.Sprintf("run: npm install %s", packageName(spec))
	}
	if inNodeModules(d.File) {
		d.Message += " (a dependency asks for it)"
	}
}

// place gives a message's place in the app's terms.
func (b *builder) place(m api.Message, s Severity) Diagnostic {
	d := Diagnostic{Severity: s}
	if l := m.Location; l != nil {
		d.File, d.Line, d.Column = l.File, l.Line, l.Column+1
		if shift := b.shifted[l.File]; shift > 0 && l.Line == 1 {
			d.Column = max(d.Column-shift, 1)
		}
	}
	return d
}

// find gives the handler that a line of the entry imports.
func (e *entry) find(line string) (handlerFile, handler, bool) {
	g := handlerName.FindStringSubmatch(line)
	if g == nil {
		return handlerFile{}, handler{}, false
	}
	var i, j int
	if _, err := fmt.Sscan(g[1], &i); err != nil || i >= len(e.modules) {
		return handlerFile{}, handler{}, false
	}
	if _, err := fmt.Sscan(g[2], &j); err != nil || j >= len(e.modules[i].handlers) {
		return handlerFile{}, handler{}, false
	}
	return e.modules[i], e.modules[i].handlers[j], true
}

// sentence begins with a small letter, as all diagnostics do.
func sentence(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'a' && s[1] <= 'z' {
		return string(s[0]+'a'-'A') + s[1:]
	}
	return s
}

func packageName(spec string) string {
	parts := strings.Split(spec, "/")
	if strings.HasPrefix(spec, "@") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}
