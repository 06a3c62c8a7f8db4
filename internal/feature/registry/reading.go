package registry

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/manifest"
)

// Findings is a refusal with the problems that explain it, each at its place.
type Findings struct {
	refusal *fault.Error
	found   manifest.Diagnostics
}

// Error is the refusal's text and the problems, one per line.
func (f *Findings) Error() string { return f.refusal.Error() + "\n" + f.found.String() }

// Unwrap gives the refusal itself.
func (f *Findings) Unwrap() error { return f.refusal }

// Diagnostics are the problems.
func (f *Findings) Diagnostics() []manifest.Diagnostic { return f.found }

const appPrefix = "ari:cloud:ecosystem::app/"

// appID is the app that an upload names: the one the deployer says, or the manifest's;
// "" when neither does. What stands in for an id in sample manifests is none.
func appID(said id.App, m *manifest.Manifest) (id.App, error) {
	if said != "" {
		u, err := uuid.Parse(string(said))
		if err != nil || u.String() != strings.ToLower(string(said)) {
			return "", fault.New(fault.Invalid, "APP_ID", "%q is no app id", clip(string(said))).WithFix("an app id is a UUID")
		}
		return id.App(u.String()), nil
	}
	text := strings.ToLower(strings.TrimPrefix(m.App.ID, appPrefix))
	if u, err := uuid.Parse(text); err == nil && u.String() == text {
		return id.App(text), nil
	}
	return "", nil
}

// appName is what the manifest calls the app, or else its deployer, cut to what an
// app's name may be.
func appName(m *manifest.Manifest, otherwise string) string {
	name := strings.Join(strings.Fields(m.App.Name), " ")
	if name == "" {
		name = strings.Join(strings.Fields(otherwise), " ")
	}
	if utf8.RuneCountInString(name) > maxAppName {
		name = string([]rune(name)[:maxAppName])
	}
	if checkAppName(name) != nil {
		return "unnamed app"
	}
	return name
}

// missingHandlers says where the manifest names what the bundle does not export.
func missingHandlers(m *manifest.Manifest, missing []string) error {
	var found manifest.Diagnostics
	for n, f := range m.Functions() {
		if !slices.Contains(missing, f.Handler) {
			continue
		}
		at := m.Position("modules.function[" + strconv.Itoa(n) + "].handler")
		found = append(found, manifest.Diagnostic{
			File: "manifest.yml", Line: max(at.Line, 1), Column: max(at.Column, 1), Rule: "handler-missing", Severity: manifest.Error,
			Message: "the app's code does not export the function " + strconv.Quote(f.Handler),
			Fix:     "export it, or name the file and function that there are",
		})
	}
	for n, r := range m.Resources {
		for _, name := range missing {
			if key, _, _ := strings.Cut(strings.TrimPrefix(name, "ui:"), "/"); !strings.HasPrefix(name, "ui:") || key != r.Key {
				continue
			}
			at := m.Position("resources[" + strconv.Itoa(n) + "].path")
			found = append(found, manifest.Diagnostic{
				File: "manifest.yml", Line: max(at.Line, 1), Column: max(at.Column, 1), Rule: "interface-missing", Severity: manifest.Error,
				Message: "the UI Kit entry " + strconv.Quote(r.Path) + " renders nothing when it is loaded",
				Fix:     "call ForgeReconciler.render at the end of the file",
			})
		}
	}
	return &Findings{fault.New(fault.Invalid, "HANDLER_MISSING", "the bundle lacks %s", strings.Join(missing, ", ")).
		WithFix("export each from its file"), found}
}

// readAtRunTime reports whether app code may read an uploaded file: what
// app.package.extraFiles names. Resources go to browsers and are no part of what runs.
func readAtRunTime(m *manifest.Manifest, file string) bool {
	for _, glob := range m.App.Package.ExtraFiles {
		if globMatch(strings.Split(strings.TrimPrefix(glob, "./"), "/"), strings.Split(file, "/")) {
			return true
		}
	}
	return false
}

// globMatch matches path parts; "**" stands for any number of them. It goes through
// the parts once for each part of the glob, so that no glob makes it slow.
func globMatch(glob, parts []string) bool {
	reached := make([]bool, len(parts)+1) // reached[n]: the glob so far matches the first n parts
	reached[0] = true
	for _, g := range glob {
		next := make([]bool, len(parts)+1)
		for n := range reached {
			switch {
			case g == "**":
				next[n] = reached[n] || (n > 0 && next[n-1])
			case n > 0 && reached[n-1]:
				ok, err := path.Match(g, parts[n-1])
				next[n] = err == nil && ok
			}
		}
		reached = next
	}
	return reached[len(parts)]
}

func runtimeFiles(m *manifest.Manifest, files map[string][]byte) map[string][]byte {
	var out map[string][]byte
	for name, data := range files {
		if readAtRunTime(m, name) {
			if out == nil {
				out = map[string][]byte{}
			}
			out[name] = data
		}
	}
	return out
}
