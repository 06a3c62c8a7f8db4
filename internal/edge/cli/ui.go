package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
	"github.com/annexhq/annex/internal/infra/bundle"
)

// ui writes to people and programs: results to stdout, the way there to stderr.
type ui struct {
	out, err io.Writer
	live     bool
	colour   bool
	quiet    bool // --json: nothing on stderr but what went wrong with it
	now      func() time.Time
}

func newUI(env Env) *ui {
	return &ui{out: env.Out, err: env.Err, live: env.Live, colour: env.Live && env.Getenv("NO_COLOR") == "", now: time.Now}
}

const (
	red    = "31"
	yellow = "33"
	green  = "32"
	bold   = "1"
	faint  = "2"
)

func (u *ui) paint(code, text string) string {
	if !u.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// clean escapes control characters, and characters that turn the direction of text or
// are not seen, in text that others wrote: an app's log line or a server's sentence can
// neither drive the terminal nor be read as something else than it is.
func clean(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, "\\U%08x", r)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

func hidden(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
}

// inline is clean for a name or message that stands within a line: it cannot begin one.
func inline(s string) string {
	return clean(strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(s))
}

// indented is clean for a text of several lines: those after the first are set in, so
// that none of them can be taken for a line of ours.
func indented(s string) string {
	return strings.ReplaceAll(clean(strings.TrimRight(s, "\n")), "\n", "\n    ")
}

// printf writes a line of the result.
func (u *ui) printf(format string, args ...any) {
	fmt.Fprintln(u.out, clean(fmt.Sprintf(format, args...)))
}

// note writes a line about the way to the result.
func (u *ui) note(format string, args ...any) {
	if !u.quiet {
		fmt.Fprintln(u.err, clean(fmt.Sprintf(format, args...)))
	}
}

// printJSON writes one object and a line end.
func (u *ui) printJSON(v any) {
	e := json.NewEncoder(u.out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		fmt.Fprintf(u.err, "error: the result has no JSON: %v\n", err)
	}
}

// table writes rows under a head, aligned.
func (u *ui) table(head string, rows [][]string) {
	w := tabwriter.NewWriter(u.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(head, " ", "\t"))
	for _, r := range rows {
		for i := range r {
			r[i] = strings.TrimSpace(inline(r[i]))
			if r[i] == "" {
				r[i] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	w.Flush()
}

// fault writes an error: what, how to mend it, under which id the log has it.
func (u *ui) fault(f *fault.Error, err error) {
	what := strings.TrimSpace(f.Public)
	if what == "" {
		what = f.Kind.String()
	}
	u.diagnostics(diagnosticsOf(err))
	fmt.Fprintf(u.err, "%s %s\n", u.paint(red, "error:"), indented(what))
	field := func(name string) string {
		text, _ := f.Fields[name].(string)
		return clean(strings.Trim(text, "\n"))
	}
	if stack := field("stack"); stack != "" { // of the app's own code
		fmt.Fprintln(u.err, "    "+indented(stack))
	}
	u.causes(f.Fields["cause"])
	fix := cmp.Or(f.Fix, field("fix")) // a refusal that the app did not catch has it among its fields
	if by := field("allowedBy"); by != "" && fix == "" {
		fmt.Fprintf(u.err, "%s %s\n", u.paint(bold, "allowed by:"), by)
	}
	if fix != "" {
		fmt.Fprintf(u.err, "%s %s\n", u.paint(bold, "to mend it:"), indented(fix))
	}
	if reason := cmp.Or(clean(f.ReasonID), field("reasonId")); reason != "" {
		fmt.Fprintf(u.err, "%s\n", u.paint(faint, "reason "+reason))
	}
	if call := field("invocation"); call != "" {
		fmt.Fprintf(u.err, "%s\n", u.paint(faint, "invocation "+call))
	}
}

// causes writes what an app's error says that it came of, and what that came of.
func (u *ui) causes(v any) {
	for range 5 {
		cause, ok := v.(map[string]any)
		if !ok {
			return
		}
		text := func(name string) string { s, _ := cause[name].(string); return s }
		what := strings.Trim(text("name")+": "+text("message"), ": ")
		if what == "" {
			return
		}
		fmt.Fprintln(u.err, "    caused by "+inline(what))
		if stack := strings.Trim(text("stack"), "\n"); stack != "" {
			fmt.Fprintln(u.err, "    "+indented(clean(stack)))
		}
		v = cause["cause"]
	}
}

// diagnostics writes one line each, and nothing else: they are read by programs too.
func (u *ui) diagnostics(ds []bundle.Diagnostic) {
	for _, d := range ds {
		colour := yellow
		if d.Severity == bundle.Error {
			colour = red
		}
		fmt.Fprintf(u.err, "%s %s\n", u.paint(colour, string(d.Severity)+":"), indented(d.String()))
	}
}

// diagnosticsOf takes the diagnostics out of a server's answer.
func diagnosticsOf(err error) []bundle.Diagnostic {
	var f *client.Failure
	if !errors.As(err, &f) {
		return nil
	}
	return fromWire(f.Diagnostics)
}

func fromWire(ds []client.Diagnostic) []bundle.Diagnostic {
	var out []bundle.Diagnostic
	for _, d := range ds {
		out = append(out, bundle.Diagnostic{File: d.File, Line: d.Line, Column: d.Column, Rule: d.Rule,
			Severity: bundle.Severity(d.Severity), Message: d.Message, Fix: d.Fix})
	}
	return out
}

type errorBody struct {
	Error errorFields `json:"error"`
}

type errorFields struct {
	Kind        string              `json:"kind"`
	Code        string              `json:"code"`
	Message     string              `json:"message"`
	Fix         string              `json:"fix,omitempty"`
	ReasonID    string              `json:"reasonId,omitempty"`
	Fields      map[string]any      `json:"fields,omitempty"`
	Diagnostics []bundle.Diagnostic `json:"diagnostics,omitempty"`
}

func errorObject(f *fault.Error, err error) errorBody {
	message := f.Public
	if message == "" {
		message = f.Kind.String()
	}
	return errorBody{errorFields{f.Kind.String(), f.Code, message, f.Fix, f.ReasonID, f.Fields, diagnosticsOf(err)}}
}

// step is one long step: on a terminal a line that is rewritten, elsewhere one plain
// line when it is done.
type step struct {
	u     *ui
	name  string
	start time.Time
	once  sync.Once
}

// step says that a long step begins.
func (u *ui) step(name string) *step {
	s := &step{u: u, name: name, start: u.now()}
	if u.live && !u.quiet {
		fmt.Fprintf(u.err, "\r\x1b[K%s %s …", u.paint(faint, "·"), name)
	}
	return s
}

// progress rewrites the step's line; elsewhere than on a terminal it says nothing.
func (s *step) progress(text string) {
	if s.u.live && !s.u.quiet {
		fmt.Fprintf(s.u.err, "\r\x1b[K%s %s … %s", s.u.paint(faint, "·"), s.name, clean(text))
	}
}

// done says what the step did.
func (s *step) done(format string, args ...any) {
	s.once.Do(func() {
		if s.u.quiet {
			return
		}
		text := clean(fmt.Sprintf(format, args...))
		took := s.u.now().Sub(s.start).Round(time.Millisecond)
		if s.u.live {
			fmt.Fprintf(s.u.err, "\r\x1b[K%s %s: %s %s\n", s.u.paint(green, "✓"), s.name, text, s.u.paint(faint, "("+took.String()+")"))
			return
		}
		fmt.Fprintf(s.u.err, "%s: %s\n", s.name, text)
	})
}

// failed takes the step's line away; the error follows.
func (s *step) failed() {
	s.once.Do(func() {
		if s.u.quiet {
			return
		}
		if s.u.live {
			fmt.Fprintf(s.u.err, "\r\x1b[K%s %s\n", s.u.paint(red, "✗"), s.name)
		}
	})
}

func bytesText(n int) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "ss") {
		return fmt.Sprintf("%d %ses", n, one)
	}
	if stem, is := strings.CutSuffix(one, "try"); is {
		return fmt.Sprintf("%d %stries", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
