package bundle

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// absentSpace holds what stands for modules that are not there. Packages often import
// what they use in one of many ways only: sockets beside fetch, an optional driver.
const absentSpace = "annex-absent"

// nodeForm are packages whose form for browsers is nothing but a name for something that
// browsers have, or needs a page: apps that use them want the form for Node.js. turndown
// leaves out, for browsers, the parser of pages that it then misses.
var nodeForm = map[string]bool{"form-data": true, "turndown": true, "@mixmark-io/domino": true}

// leaveOut notes the imports that dependencies can do without until they use them, and
// says whether there were new ones: a module of Node.js that the sandbox has not, and a
// package that is asked for by require and not installed. The app's own imports stay
// errors.
func (b *builder) leaveOut(errors []api.Message) bool {
	more := false
	for _, m := range errors {
		if m.Location == nil || !inNodeModules(m.Location.File) || !unresolved.MatchString(m.Text) {
			continue
		}
		spec := unresolved.FindStringSubmatch(m.Text)[1]
		if strings.HasPrefix(spec, ".") || strings.HasPrefix(spec, "/") || !isBuiltin(spec) && !strings.Contains(m.Location.LineText, "require(") {
			continue
		}
		key := absentKey(m.Location.File, spec)
		if b.absent[key] {
			continue
		}
		if b.absent == nil {
			b.absent = map[string]bool{}
		}
		b.absent[key], more = true, true
		d := b.place(m, Warning)
		d.Rule = "module-absent"
		if isBuiltin(spec) {
			d.Message = fmt.Sprintf("a dependency imports the Node.js module %q, which the sandbox has not", spec)
			d.Fix = "test what uses it: a call of it fails with NOT_OFFERED"
		} else {
			d.Message = fmt.Sprintf("a dependency requires the package %q, which is not installed", packageName(spec))
			d.Fix = fmt.Sprintf("if it is needed, run: npm install %s", packageName(spec))
		}
		b.diags = append(b.diags, d)
	}
	return more
}

func absentKey(file, spec string) string { return file + "\x00" + spec }

// absentModule is the script that stands for a module which is not there. A Node.js
// module gives members that fail when they are called; a package fails when it is asked
// for, as it would in Node.js.
func absentModule(spec string) string {
	if !isBuiltin(spec) {
		return fmt.Sprintf(`throw Object.assign(new Error(%s), { code: "MODULE_NOT_FOUND" });`, quote(fmt.Sprintf("Cannot find module '%s'", spec)))
	}
	return fmt.Sprintf(`var name = %s;
function member(path) {
  function absent() {
    var err = new Error(path + " is not offered by this version of Annex");
    err.name = "NotOfferedError";
    err.code = "NOT_OFFERED";
    err.member = path;
    throw err;
  }
  return new Proxy(absent, { get: function (target, key) {
    if (key in target || typeof key === "symbol" || key === "then") return key === "name" ? path : target[key];
    return member(path + "." + key);
  } });
}
module.exports = new Proxy({}, {
  get: function (target, key) { return key in target ? target[key] : typeof key === "symbol" || key === "__esModule" || key === "then" ? undefined : key === "default" ? module.exports : target[key] = member(name + "." + key); },
});
`, quote(strings.TrimPrefix(spec, "node:")))
}

// inNodeForm resolves a package by its main file instead of its form for browsers.
func inNodeForm(build api.PluginBuild, a api.OnResolveArgs) (api.OnResolveResult, bool) {
	at := build.Resolve(a.Path+"/package.json", api.ResolveOptions{Importer: a.Importer, Namespace: a.Namespace,
		ResolveDir: a.ResolveDir, Kind: a.Kind, PluginData: trying})
	if len(at.Errors) > 0 {
		return api.OnResolveResult{}, false
	}
	text, err := os.ReadFile(at.Path)
	if err != nil {
		return api.OnResolveResult{}, false
	}
	var p struct{ Main string }
	if err := json.Unmarshal(text, &p); err != nil || p.Main == "" {
		return api.OnResolveResult{}, false
	}
	main := filepath.Join(filepath.Dir(at.Path), filepath.FromSlash(p.Main))
	for _, file := range []string{main, main + ".js", filepath.Join(main, "index.js")} {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return api.OnResolveResult{Path: file}, true
		}
	}
	return api.OnResolveResult{}, false
}
