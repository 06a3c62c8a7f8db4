package bundle

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"
)

const (
	sdkSpace     = "annex-sdk"     // a module of the base image, imported
	requireSpace = "annex-require" // a Node module of the base image, required: its value itself
	typesSpace   = "annex-types"   // holds types only: each name of it is undefined
	metaURL      = "__annex_meta_url"
)

// resolver is the plugin: it sends imports of the SDK and of Node's modules to the
// base image, whoever asks and whatever is installed, and prepares sources that
// depend on where they lie. esbuild calls it from several goroutines.
type resolver struct {
	b *builder
	// lenient puts an empty module where one is missing.
	lenient bool
	mu      sync.Mutex
	shifted map[string]int
	found   []fileRef
}

func (r *resolver) setup(build api.PluginBuild) {
	build.OnResolve(api.OnResolveOptions{Filter: `^[^./]`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		if a.PluginData == trying || a.Kind == api.ResolveEntryPoint {
			return api.OnResolveResult{}, nil
		}
		if r.b.Table.typesOnly(a.Path) {
			return stub(a.Path), nil
		}
		if target, ok := r.b.Table.lookup(a.Path); ok {
			space := sdkSpace
			if strings.HasPrefix(target, "node:") && (a.Kind == api.ResolveJSRequireCall || a.Kind == api.ResolveJSRequireResolve) {
				space = requireSpace
			}
			return api.OnResolveResult{Path: a.Path, Namespace: space, SideEffects: api.SideEffectsFalse}, nil
		}
		if sdkPackage(a.Path) != "" {
			if r.lenient {
				return stub(a.Path), nil
			}
			return api.OnResolveResult{Errors: []api.Message{{Text: notOffered + quote(a.Path)}}}, nil
		}
		if strings.HasPrefix(a.Path, "src/") {
			return r.fromRoot(build, a), nil
		}
		if r.b.absent[absentKey(r.b.rel(a.Importer), a.Path)] {
			return api.OnResolveResult{Path: a.Path, Namespace: absentSpace}, nil
		}
		if nodeForm[a.Path] {
			if res, ok := inNodeForm(build, a); ok {
				return res, nil
			}
		}
		// What Node has and the base image lacks is left to esbuild: an npm package of
		// that name, a package's own replacement, a require inside try, or its error.
		return api.OnResolveResult{}, nil
	})
	if r.lenient {
		build.OnResolve(api.OnResolveOptions{Filter: `.*`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			if a.PluginData == trying || a.Kind == api.ResolveEntryPoint {
				return api.OnResolveResult{}, nil
			}
			if len(try(build, a).Errors) > 0 {
				return stub(a.Path), nil
			}
			return api.OnResolveResult{}, nil
		})
	}
	build.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: sdkSpace}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		return script(r.b.Table.shim(a.Path)), nil
	})
	build.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: requireSpace}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		target, _ := r.b.Table.lookup(a.Path)
		return script(fmt.Sprintf("const m = __annex_require(%s);\nmodule.exports = m.default !== undefined ? m.default : m;\n", quote(target))), nil
	})
	build.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: typesSpace}, func(api.OnLoadArgs) (api.OnLoadResult, error) {
		return script("module.exports = {};\n"), nil
	})
	build.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: absentSpace}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
		return script(absentModule(a.Path)), nil
	})
	build.OnLoad(api.OnLoadOptions{Filter: `\.([cm]?[jt]s|[jt]sx)$`, Namespace: "file"}, r.load)
}

type marker int

const trying marker = 1

// try resolves as esbuild would without this plugin.
func try(build api.PluginBuild, a api.OnResolveArgs) api.ResolveResult {
	return build.Resolve(a.Path, api.ResolveOptions{Importer: a.Importer, Namespace: a.Namespace,
		ResolveDir: a.ResolveDir, Kind: a.Kind, PluginData: trying})
}

// stub is a module of which every name is undefined.
func stub(spec string) api.OnResolveResult {
	return api.OnResolveResult{Path: spec, Namespace: typesSpace, SideEffects: api.SideEffectsFalse}
}

// fromRoot resolves "src/…" from the app's folder when no tsconfig does.
func (r *resolver) fromRoot(build api.PluginBuild, a api.OnResolveArgs) api.OnResolveResult {
	if len(try(build, a).Errors) == 0 {
		return api.OnResolveResult{}
	}
	rooted := build.Resolve("./"+a.Path, api.ResolveOptions{ResolveDir: r.b.dir, Kind: a.Kind, PluginData: trying})
	if len(rooted.Errors) > 0 {
		return api.OnResolveResult{}
	}
	return api.OnResolveResult{Path: rooted.Path, Namespace: rooted.Namespace, Suffix: rooted.Suffix}
}

func script(source string) api.OnLoadResult {
	return api.OnLoadResult{Contents: &source, Loader: api.LoaderJS}
}

// shim is the ES module that stands for a module of the base image. Each name is
// taken in a call marked pure, so that what an app does not use leaves no trace.
func (t *Table) shim(spec string) string {
	target, _ := t.lookup(spec)
	names := slices.Clone(t.Modules[target])
	slices.Sort(names)
	names = slices.Compact(names)
	var s strings.Builder
	fmt.Fprintf(&s, "const m = /* @__PURE__ */ __annex_require(%s);\n", quote(target))
	node := strings.HasPrefix(target, "node:")
	if node {
		fmt.Fprintf(&s, "export default /* @__PURE__ */ (() => m.default !== undefined ? m.default : m)();\n")
	}
	for i, n := range names {
		if n == "default" && node {
			continue
		}
		if isIdentifier(n) && !slices.Contains(reserved, n) && n != "m" { // the engine's messages then name it: "storage.sett is not a function"
			fmt.Fprintf(&s, "export const %[1]s = /* @__PURE__ */ (() => m.%[1]s)();\n", n)
			continue
		}
		fmt.Fprintf(&s, "const e%d = /* @__PURE__ */ (() => m[%s])();\nexport { e%d as %s };\n", i, quote(n), i, exportName(n))
	}
	return s.String()
}

// reserved are the words that cannot name a constant.
var reserved = strings.Fields(`arguments await break case catch class const continue debugger default delete do
	else enum eval export extends false finally for function if implements import in instanceof interface let new
	null package private protected public return static super switch this throw true try typeof undefined var void
	while with yield`)

var (
	forgeUI      = regexp.MustCompile(`\bimport\s+([A-Za-z_$][\w$]*)\s*(?:,\s*\{[^}]*\}\s*)?from\s*['"]@(?:forge|annex)/ui['"]`)
	tsFactory    = regexp.MustCompile(`"jsxFactory"\s*:\s*"([A-Za-z_$][\w$]*)`)
	jsxFactory   = regexp.MustCompile(`@jsx\s+[\w$.]+`)
	jsxRuntime   = regexp.MustCompile(`@jsxRuntime\s`)
	jsxPragma    = regexp.MustCompile(`@jsx(Runtime|ImportSource|Frag)?\s`)
	ownDirname   = regexp.MustCompile(`\b(?:const|let|var)\s+__dirname\b`)
	ownFilename  = regexp.MustCompile(`\b(?:const|let|var)\s+__filename\b`)
	usesDirname  = []byte("__dirname")
	usesFilename = []byte("__filename")
	usesMetaURL  = []byte("import.meta")
	needsPage    = []byte("new DOMParser(")
	anyExport    = regexp.MustCompile(`(?m)^export\b`)
	assigned     = regexp.MustCompile(`(?m)^exports\.([A-Za-z_$][\w$]*)\s*=[^=]`)
)

// load gives a source file what depends on its place. Most files need nothing and
// are left to esbuild.
func (r *resolver) load(a api.OnLoadArgs) (api.OnLoadResult, error) {
	text, err := os.ReadFile(a.Path)
	if err != nil {
		return api.OnLoadResult{}, err
	}
	rel := r.b.rel(a.Path)
	own := !inNodeModules(rel)
	replaced := false
	if !own && bytes.Contains(text, needsPage) {
		// A package's form for browsers may want more of them than a worker has.
		if other, err := os.ReadFile(strings.Replace(a.Path, ".browser.", ".", 1)); err == nil {
			replaced, text = !bytes.Equal(other, text), other
		}
	}
	place := path.Join("/app", rel) // where the sandbox's file system has the app's folder
	var before strings.Builder
	if bytes.Contains(text, usesDirname) && !ownDirname.Match(text) {
		fmt.Fprintf(&before, "var __dirname=%s;", quote(path.Dir(place)))
	}
	if bytes.Contains(text, usesFilename) && !ownFilename.Match(text) {
		fmt.Fprintf(&before, "var __filename=%s;", quote(place))
	}
	if bytes.Contains(text, usesMetaURL) {
		fmt.Fprintf(&before, "var %s=%s;", metaURL, quote("file://"+place))
	}
	after := ""
	if own && anyExport.Match(text) {
		after = exportAssigned(text, &before)
	}
	if jsxFactory.Match(text) && !jsxRuntime.Match(text) {
		after += "\n/** @jsxRuntime classic */\n" // a factory of its own means the classic transform
	} else if m := forgeUI.FindSubmatch(text); own && m != nil && !jsxPragma.Match(text) {
		// UI Kit 1 apps write JSX for ForgeUI without saying so.
		after += fmt.Sprintf("\n/** @jsxRuntime classic @jsx %[1]s.createElement @jsxFrag %[1]s.Fragment */\n", m[1])
	} else if own && !jsxPragma.Match(text) && r.b.namesOtherFactory(rel, text) {
		// tsconfig.json was written for another kit of the app's: it names what this file has not.
		after += "\n/** @jsxRuntime automatic @jsxImportSource react */\n"
	}
	if own {
		if refs := dirnameRefs(rel, text); len(refs) > 0 {
			r.mu.Lock()
			r.found = append(r.found, refs...)
			r.mu.Unlock()
		}
	}
	if before.Len() == 0 && after == "" && !replaced {
		return api.OnLoadResult{}, nil
	}
	head := before.String()
	contents := head + string(text) + after
	if bytes.HasPrefix(text, []byte("#!")) {
		line, rest, _ := strings.Cut(string(text), "\n")
		contents, head = line+"\n"+head+rest+after, ""
	}
	if head != "" {
		r.mu.Lock()
		if r.shifted == nil {
			r.shifted = map[string]int{}
		}
		r.shifted[rel] = len(head)
		r.mu.Unlock()
	}
	return api.OnLoadResult{Contents: &contents, Loader: loaderFor(a.Path), ResolveDir: filepath.Dir(a.Path)}, nil
}

// namesOtherFactory reports whether the tsconfig.json that counts for a file has JSX made by
// a name that does not stand in the file.
func (b *builder) namesOtherFactory(rel string, text []byte) bool {
	for dir := path.Dir(rel); ; dir = path.Dir(dir) {
		config, err := os.ReadFile(filepath.Join(b.dir, filepath.FromSlash(dir), "tsconfig.json"))
		if err == nil {
			m := tsFactory.FindSubmatch(config)
			return m != nil && !regexp.MustCompile(`(^|[^\w$])`+regexp.QuoteMeta(string(m[1]))+`($|[^\w$])`).Match(text)
		}
		if dir == "." || dir == "/" || strings.HasPrefix(dir, "..") {
			return false
		}
	}
}

// exportAssigned exports what an ES module assigns to `exports`, as webpack lets it: some
// apps mix both in one file.
func exportAssigned(text []byte, before *strings.Builder) string {
	var after strings.Builder
	seen := map[string]bool{}
	for _, m := range assigned.FindAllSubmatch(text, -1) {
		name := string(m[1])
		if seen[name] {
			continue
		}
		if len(seen) == 0 {
			before.WriteString("var exports={};")
		}
		fmt.Fprintf(&after, "\nvar __annex_export_%[1]s=exports.%[1]s;export{__annex_export_%[1]s as %[1]s};", name)
		seen[name] = true
	}
	return after.String()
}

func (r *resolver) refs() []fileRef {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.found
}

func (r *resolver) copyShifts(to map[string]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(to, r.shifted)
}

func loaderFor(file string) api.Loader {
	switch filepath.Ext(file) {
	case ".ts", ".mts", ".cts":
		return api.LoaderTS
	case ".tsx":
		return api.LoaderTSX
	}
	return api.LoaderJSX
}

// rel is a file's path below the app's folder, with slashes.
func (b *builder) rel(file string) string {
	rel, err := filepath.Rel(b.dir, file)
	if err != nil {
		return filepath.ToSlash(file)
	}
	return filepath.ToSlash(rel)
}

func inNodeModules(rel string) bool {
	return strings.HasPrefix(rel, "node_modules/") || strings.Contains(rel, "/node_modules/")
}
