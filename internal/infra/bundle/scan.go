package bundle

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/annexhq/annex/internal/core/sourcemap"
)

// Facts are what an app's own sources visibly do, as far as reading can tell. They
// serve advice about the manifest; nothing is decided by them.
type Facts struct {
	// Fetched are the literal destinations of requests, "https://host[:port]".
	Fetched []Destination
	// Dynamic are requests to an address only known at run time.
	Dynamic []Position
	// Storage are the imports of storage modules.
	Storage []Position
	// SQL are the imports of SQL storage, which is not offered.
	SQL []Position
	// ModuleScope are effects that happen once at deploy and not at each call.
	ModuleScope []Effect
	// Uses are calls of the SDK that are known by their form: "asApp().requestJira",
	// "Queue.push".
	Uses []Use
	// Calls are requests to products whose path is written in the code, OpenCalls are others:
	// which operation they are of, is known at run time only.
	Calls     []ProductCall
	OpenCalls []Use
	// Imports are the names that import statements take from modules outside the app.
	Imports []Import
	// Lazy says that some source of the app is loaded by a call, and perhaps never.
	Lazy bool

	texts []string // all inputs, dependencies too
}

// Destination is the origin of a request that a source makes.
type Destination struct {
	Position
	Origin string
}

// Effect is something that module scope does.
type Effect struct {
	Position
	Kind EffectKind
	What string // as written, for instance "Date.now()"
	// Refused says that the deploy will surely end with it: it is a statement of module
	// scope, or what a constant begins with, and the name means what it seems to.
	Refused bool
}

// Import is one name that a source imports; Name is "default" or "*" where it has none.
type Import struct {
	Position
	Module, Name string
}

// Use is one call of a member of the SDK.
type Use struct {
	Position
	What string
}

// EffectKind says why an effect at module scope surprises.
type EffectKind string

const (
	EffectTime   EffectKind = "time"
	EffectRandom EffectKind = "random"
	EffectCall   EffectKind = "call"
	EffectTimer  EffectKind = "timer"
)

// Mentions reports whether any source, of the app or its dependencies, contains the text.
func (f *Facts) Mentions(text string) bool {
	return slices.ContainsFunc(f.texts, func(t string) bool { return strings.Contains(t, text) })
}

// Sources lists the scripts under the app's src folder; for Scan when an app does not
// bundle and so has no list of inputs.
func Sources(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(filepath.Join(dir, "src"), func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "node_modules" {
			return fs.SkipDir
		}
		if d.Type().IsRegular() && isScript(file) {
			rel, err := filepath.Rel(dir, file)
			if err != nil {
				return err
			}
			out = append(out, filepath.ToSlash(rel))
		}
		return nil
	})
	return out, err
}

func isScript(file string) bool { return slices.Contains(sourceExtensions, filepath.Ext(file)) }

// Scan reads the inputs of a build. A source that does not parse is passed over:
// Build reports it.
func Scan(dir string, inputs []string) (*Facts, error) {
	f := &Facts{}
	for _, rel := range inputs {
		if !isScript(rel) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(rel)))
		if err != nil {
			return nil, fmt.Errorf("bundle.Scan: %w", err)
		}
		f.texts = append(f.texts, string(text))
		if inNodeModules(rel) {
			if strings.Contains(string(text), "fetch") || strings.Contains(string(text), "http") {
				f.Dynamic = append(f.Dynamic, Position{File: rel})
			}
			if found := asks.FindString(string(text)); found != "" {
				f.OpenCalls = append(f.OpenCalls, Use{Position{File: rel}, found})
			}
			continue
		}
		out := api.Transform(string(text), api.TransformOptions{Loader: loaderFor(rel), Sourcefile: rel, LogLevel: api.LogLevelSilent,
			Sourcemap: api.SourceMapExternal, LegalComments: api.LegalCommentsNone, Target: api.ESNext})
		if len(out.Errors) > 0 || len(out.Code) == 0 { // a file of types alone leaves no code, and no places
			continue
		}
		places, err := sourcemap.Parse(out.Map)
		if err != nil {
			return nil, fmt.Errorf("bundle.Scan: %s: %w", rel, err)
		}
		s := &scanner{facts: f, file: rel, src: string(out.Code), places: places, constants: map[string]string{}}
		s.toks = tokens(s.src)
		s.scan()
	}
	return f, nil
}

// scanner reads one source, already plain JavaScript.
type scanner struct {
	facts     *Facts
	file      string
	src       string
	places    *sourcemap.Map
	toks      []token
	constants map[string]string // names of string constants
}

func (s *scanner) tok(i int) token {
	if i < 0 || i >= len(s.toks) {
		return token{kind: tokPunct}
	}
	return s.toks[i]
}

func (s *scanner) is(i int, value string) bool {
	t := s.tok(i)
	return t.value == value && (t.kind == tokIdent || t.kind == tokPunct)
}

func (s *scanner) scan() {
	for i, t := range s.toks {
		if t.kind == tokIdent && s.is(i+1, "=") && !s.is(i+2, "=") && (s.is(i-1, "const") || s.is(i-1, "let") || s.is(i-1, "var")) {
			if v := s.tok(i + 2); v.kind == tokString || v.kind == tokTemplate {
				s.constants[t.value] = v.value
			}
		}
	}
	scope := newScope()
	for i, t := range s.toks {
		scope.step(s, i)
		if t.kind != tokIdent {
			continue
		}
		if t.value == "import" || t.value == "require" {
			s.imports(i)
			s.facts.Lazy = s.facts.Lazy || s.is(i+1, "(") && (s.tok(i+2).kind != tokString || strings.HasPrefix(s.tok(i+2).value, "."))
		}
		if s.defines(i) {
			continue
		}
		if s.is(i+1, "(") && requestNames[t.value] && !s.is(i-1, "function") {
			s.request(i)
		}
		s.use(i)
		s.productCall(i)
		if scope.module() {
			s.effect(i, len(scope.braces) == 0)
		}
	}
}

// defines reports whether a name with its parentheses is that of a method in a class or an object,
// "async fetch(url) {", and no call: the code is printed, so that a call's statement ends before
// a block begins.
func (s *scanner) defines(i int) bool {
	if !s.is(i+1, "(") || s.is(i-1, ".") {
		return false
	}
	const most = 200 // tokens of parameters
	depth := 0
	for j := i + 1; j < len(s.toks) && j < i+most; j++ {
		switch {
		case s.is(j, "("):
			depth++
		case s.is(j, ")"):
			if depth--; depth == 0 {
				return s.is(j+1, "{")
			}
		}
	}
	return false
}

// use notes calls in the name of an app or user, and those of queues.
func (s *scanner) use(i int) {
	add := func(what string) { s.facts.Uses = append(s.facts.Uses, Use{s.position(s.tok(i).at), what}) }
	switch {
	case (s.is(i, "asApp") || s.is(i, "asUser")) && s.is(i+1, "("):
		const few = 20 // tokens of an argument
		for j := i + 2; j < i+few && j < len(s.toks); j++ {
			if s.is(j, ")") && s.is(j+1, ".") && s.tok(j+2).kind == tokIdent && s.is(j+3, "(") {
				add(s.tok(i).value + "()." + s.tok(j+2).value)
				return
			}
		}
	case s.is(i, "new") && s.is(i+1, "Queue") && s.is(i+2, "("):
		add("Queue.push")
	}
}

// requestNames are functions that take an address first.
var requestNames = map[string]bool{"fetch": true, "get": true, "post": true, "put": true, "patch": true,
	"delete": true, "request": true, "axios": true, "got": true, "ky": true}

// request reads the first argument of a call that may send a request.
func (s *scanner) request(i int) {
	arg := s.tok(i + 2)
	text, known := "", false
	switch arg.kind {
	case tokString:
		text, known = arg.value, true
	case tokTemplate:
		text, known = arg.value, !arg.more || arg.value != ""
		if arg.more && arg.value == "" {
			text, known = s.constants[arg.name], s.constants[arg.name] != ""
		}
	case tokIdent:
		text, known = s.constants[arg.value], s.constants[arg.value] != ""
	}
	if origin, complete := originOf(text, arg.kind == tokTemplate && arg.more && arg.value != ""); known && origin != "" {
		if complete {
			s.facts.Fetched = append(s.facts.Fetched, Destination{s.position(s.tok(i).at), origin})
		} else {
			s.facts.Dynamic = append(s.facts.Dynamic, s.position(s.tok(i).at))
		}
		return
	}
	if s.tok(i).value == "fetch" && !strings.HasPrefix(text, "/") {
		s.facts.Dynamic = append(s.facts.Dynamic, s.position(s.tok(i).at))
	}
}

// originOf takes "scheme://host" from the front of a text. It is incomplete when the
// text goes on at run time before the host ended.
func originOf(text string, goesOn bool) (origin string, complete bool) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || scheme != "https" && scheme != "http" && scheme != "wss" && scheme != "ws" {
		return "", false
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		return scheme + "://" + rest, rest != "" && !goesOn
	}
	return scheme + "://" + rest[:end], end > 0
}

// storageModules keep data for the app; of @forge/api it is the member storage.
var storageModules = map[string]bool{"@forge/kvs": true, "@annex/kvs": true, "@forge/storage": true, "@annex/storage": true}

// imports notes storage behind an import statement or a require call.
func (s *scanner) imports(i int) {
	var spec token
	hasStorage := false
	if s.tok(i).value == "require" {
		spec = s.tok(i + 2)
		for j := i - 1; j >= 0 && !s.is(j, ";"); j-- { // const { storage } = require(…)
			hasStorage = hasStorage || s.is(j, "storage")
		}
		hasStorage = hasStorage || s.is(i+4, ".") && s.is(i+5, "storage")
	} else {
		for j := i + 1; j < len(s.toks) && j < i+400 && !s.is(j, ";"); j++ {
			hasStorage = hasStorage || s.is(j, "storage")
			if s.toks[j].kind == tokString {
				spec = s.toks[j]
				break
			}
		}
	}
	if spec.kind != tokString {
		return
	}
	if s.tok(i).value == "import" && !strings.HasPrefix(spec.value, ".") {
		s.named(i, spec.value)
	}
	if module, ok := strings.CutPrefix(spec.value, "@"); ok {
		_, name, _ := strings.Cut(module, "/")
		if name, _, _ = strings.Cut(name, "/"); name == "sql" && (strings.HasPrefix(module, "forge/") || strings.HasPrefix(module, "annex/")) {
			s.facts.SQL = append(s.facts.SQL, s.position(s.tok(i).at))
		}
	}
	sdk := spec.value == "@forge/api" || spec.value == "@annex/api"
	if sdk && hasStorage || storageModules[spec.value] {
		s.facts.Storage = append(s.facts.Storage, s.position(s.tok(i).at))
	}
}

// named notes the names of "import { a, b as c } from".
func (s *scanner) named(i int, module string) {
	braces := false
	for j := i + 1; j < len(s.toks) && s.toks[j].kind != tokString; j++ {
		switch {
		case s.is(j, "{"):
			braces = true
		case braces && s.tok(j).kind == tokIdent && (s.is(j-1, "{") || s.is(j-1, ",")):
			s.facts.Imports = append(s.facts.Imports, Import{s.position(s.tok(j).at), module, s.tok(j).value})
		}
	}
}

// effect notes what module scope does that only a call should do. outermost says that it
// is in no block.
func (s *scanner) effect(i int, outermost bool) {
	add := func(k EffectKind, what string) {
		of, refused := refusedOf[s.tok(i).value]
		refused = refused && outermost && s.begins(i) && s.means(s.tok(i).value, of)
		s.facts.ModuleScope = append(s.facts.ModuleScope, Effect{s.position(s.tok(i).at), k, what, refused})
	}
	member := func(object, name string) bool {
		return s.is(i, object) && s.is(i+1, ".") && s.is(i+2, name) && s.is(i+3, "(") && !s.is(i-1, ".")
	}
	switch {
	case member("Date", "now"):
		add(EffectTime, "Date.now()")
	case s.is(i, "new") && s.is(i+1, "Date") && (!s.is(i+2, "(") || s.is(i+3, ")")):
		add(EffectTime, "new Date()")
	case member("Math", "random"):
		add(EffectRandom, "Math.random()")
	case member("crypto", "randomUUID"), member("crypto", "randomBytes"), member("crypto", "getRandomValues"):
		add(EffectRandom, "crypto."+s.tok(i+2).value+"()")
	case s.is(i, "fetch") && s.is(i+1, "(") && (!s.is(i-1, ".") || s.is(i-2, "api")):
		add(EffectCall, "fetch()")
	case s.is(i, "storage") && s.is(i+1, ".") && s.is(i+3, "("), s.is(i, "kvs") && s.is(i+1, ".") && s.is(i+3, "("):
		add(EffectCall, s.tok(i).value+"."+s.tok(i+2).value+"()")
	case (s.is(i, "setTimeout") || s.is(i, "setInterval")) && s.is(i+1, "("):
		add(EffectTimer, s.tok(i).value+"()")
	}
}

// origins say where a name comes from that module scope may not use.
type origins struct {
	modules []string
	global  bool // or from nowhere
}

var refusedOf = map[string]origins{
	"crypto":  {[]string{"crypto", "node:crypto"}, true},
	"fetch":   {[]string{"@forge/api", "@annex/api"}, true},
	"kvs":     {[]string{"@forge/kvs", "@annex/kvs"}, false},
	"storage": {[]string{"@forge/api", "@annex/api", "@forge/storage", "@annex/storage"}, false},
}

// begins reports whether a token begins a statement, or the value of a declaration.
func (s *scanner) begins(i int) bool {
	if s.is(i-1, "=") && s.tok(i-2).kind == tokIdent {
		return s.is(i-3, "const") || s.is(i-3, "let") || s.is(i-3, "var")
	}
	return i == 0 || s.is(i-1, ";") || s.is(i-1, "}")
}

// means reports whether a name is what it is where it comes from, in the whole source.
func (s *scanner) means(name string, of origins) bool {
	imported := false
	for i := 0; i < len(s.toks); i++ {
		if s.is(i, "import") && !s.is(i+1, "(") && !s.is(i+1, ".") {
			has := false
			for i++; i < len(s.toks) && s.toks[i].kind != tokString; i++ {
				has = has || s.is(i, name) && !s.is(i+1, "as")
			}
			if has && !slices.Contains(of.modules, s.tok(i).value) {
				return false
			}
			imported = imported || has
			continue
		}
		if s.is(i, name) && !s.is(i-1, ".") && (!s.is(i+1, ".") && !s.is(i+1, "(") || s.is(i-1, "function")) {
			return false // declared here, or handed on
		}
	}
	return imported || of.global
}

// position maps an offset of the printed source to the app's file.
func (s *scanner) position(at int) Position {
	line := 1 + strings.Count(s.src[:at], "\n")
	column := at - strings.LastIndexByte(s.src[:at], '\n') - 1
	if p, ok := s.places.Lookup(line, column); ok {
		return Position{s.file, p.Line, p.Column + 1}
	}
	return Position{s.file, line, column + 1}
}

// scope follows whether a token runs at module scope. Blocks behind a parenthesis or
// an arrow count as functions: a missed `if` at module scope only loses advice.
type scope struct {
	braces []bool // true: a function's or class's body
	inner  int    // how many of them are
	arrow  bool   // behind "=>" or "function" in this statement, without a brace
	depth  int    // parentheses and brackets since the arrow
}

func newScope() *scope { return &scope{} }

func (c *scope) module() bool { return c.inner == 0 && !c.arrow }

func (c *scope) step(s *scanner, i int) {
	t := s.toks[i]
	if t.kind != tokPunct {
		return
	}
	switch t.value {
	case "=>":
		if !s.is(i+1, "{") && !c.arrow {
			c.arrow, c.depth = true, 0
		}
	case "(", "[":
		c.depth++
	case ")", "]", ",", ";":
		if t.value == ")" || t.value == "]" {
			c.depth--
		}
		if c.arrow && (c.depth < 0 || c.depth == 0 && (t.value == "," || t.value == ";")) {
			c.arrow = false
		}
	case "{":
		before := s.tok(i - 1)
		literal := before.kind == tokPunct && before.value != ")" && before.value != "=>" && before.value != ";" && before.value != "}" && before.value != "{"
		c.braces = append(c.braces, !literal)
		if !literal {
			c.inner++
		}
	case "}":
		if n := len(c.braces); n > 0 {
			if c.braces[n-1] {
				c.inner--
			}
			c.braces = c.braces[:n-1]
		}
	}
}
