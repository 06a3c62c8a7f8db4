package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/webpage"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/manifest"
)

// Resource is a front end of a version: a folder of files that browsers load.
type Resource struct {
	Files   map[string]ResourceFile // by path below the folder
	Entries map[string]string       // name → file, for KEY/NAME
}

// ResourceFile is one of its files.
type ResourceFile struct {
	Hash blob.Hash
	Size int
}

// Resources are the front ends of a version, by key, and the version's hash. What is
// rendered on the server is not among them: its source never goes to a browser.
func (s *Service) Resources(ctx context.Context, version id.Version) (hash string, _ map[string]Resource, err error) {
	v, err := s.version(ctx, versionByID, version)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil, noVersion()
	}
	if err != nil {
		return "", nil, fault.Op("registry.Resources", err)
	}
	m, err := s.parsed(version, v.manifest)
	if err != nil {
		return "", nil, fault.Op("registry.Resources", err)
	}
	var list []file
	if err := json.Unmarshal([]byte(v.files), &list); err != nil {
		return "", nil, fault.Op("registry.Resources", err)
	}
	out := map[string]Resource{}
	for _, r := range hosted(m) {
		folder := folderOf(r)
		res := Resource{Files: map[string]ResourceFile{}, Entries: r.Entry}
		for _, f := range list {
			if rest, ok := strings.CutPrefix(f.Path, folder); ok {
				res.Files[rest] = ResourceFile{f.Hash, f.Size}
			}
		}
		if len(res.Files) > 0 {
			out[r.Key] = res
		}
	}
	return v.Hash, out, nil
}

// hosted are the resources that are served as they are.
func hosted(m *manifest.Manifest) []manifest.Resource {
	native := map[string]bool{}
	for _, u := range m.UIModules() {
		if u.Render == "native" {
			key, _, _ := strings.Cut(u.Resource, "/")
			native[key] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(m.Resources), func(r manifest.Resource) bool { return native[r.Key] })
}

// folderOf is what the paths of a resource's files begin with.
func folderOf(r manifest.Resource) string {
	if folder := path.Clean(r.Path); folder != "." {
		return folder + "/"
	}
	return ""
}

// checkPages looks at the documents of front ends. One that can never be shown is refused
// here, where its author reads why; what may be meant so is a warning.
func checkPages(m *manifest.Manifest, files map[string][]byte, declared perm.Set) (manifest.Diagnostics, error) {
	var found manifest.Diagnostics
	for _, r := range hosted(m) {
		folder := folderOf(r)
		if !slices.ContainsFunc(slices.Collect(maps.Keys(files)), func(name string) bool { return strings.HasPrefix(name, folder) }) {
			continue // an entry source file, or nothing was uploaded for it
		}
		entries := []string{"index.html"}
		for _, name := range slices.Sorted(maps.Keys(r.Entry)) {
			entries = append(entries, r.Entry[name])
		}
		for _, entry := range entries {
			text, ok := files[folder+entry]
			if !ok {
				if len(r.Entry) == 0 {
					found = append(found, manifest.Diagnostic{File: folder + entry, Line: 1, Column: 1, Rule: "resource-index", Severity: manifest.Warning,
						Message: "the front end " + r.Key + " has no " + entry + ": nothing can be shown", Fix: "build the front end into " + r.Path + " first"})
				}
				continue
			}
			if isHTML(entry) {
				found = append(found, checkPage(folder, entry, text, files, declared)...)
			}
		}
	}
	if found.HasErrors() {
		return nil, &Findings{fault.New(fault.Invalid, "PAGE_INVALID", "the app's pages have %d error(s)", len(found.Errors())).WithFix("mend each"), found}
	}
	return found, nil
}

func isHTML(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm":
		return true
	}
	return false
}

func checkPage(folder, entry string, text []byte, files map[string][]byte, declared perm.Set) (found manifest.Diagnostics) {
	say := func(line int, severity manifest.Severity, rule, message, fix string) {
		found = append(found, manifest.Diagnostic{File: folder + entry, Line: line, Column: 1, Rule: rule, Severity: severity, Message: message, Fix: fix})
	}
	d := webpage.Read(text)
	if n := len(d.Hashes); n > csp.MaxHashes {
		say(1, manifest.Error, "page-inline-scripts", fmt.Sprintf("the document has %d inline scripts, at most %d are taken", n, csp.MaxHashes), "move scripts into files")
	}
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		say(1, manifest.Error, "page-encoding", "the document is UTF-16, and is served as UTF-8", "save it as UTF-8")
	}
	policy, err := csp.Compose(declared, csp.Place{})
	for _, l := range d.Links {
		switch {
		case strings.HasPrefix(l.URL, "/") && !strings.HasPrefix(l.URL, "//"):
			severity := manifest.Warning
			target, _, _ := strings.Cut(strings.TrimPrefix(l.URL, "/"), "?")
			if _, mine := files[folder+target]; mine && (l.Kind == "script" || l.Kind == "style") {
				severity = manifest.Error // without it the page stays empty
			}
			say(l.Line, severity, "page-absolute-path", "the address "+clip(l.URL)+" begins at the root of the origin, and the app's files lie below a path of their own",
				"only relative addresses work; build with base: './' (Vite) or homepage: '.' (Create React App)")
		case err == nil && (strings.HasPrefix(l.URL, "https:") || strings.HasPrefix(l.URL, "http:") || strings.HasPrefix(l.URL, "//")):
			where := map[string][2]string{"script": {"script-src", "scripts"}, "style": {"style-src", "styles"}, "image": {"img-src", "images"}, "frame": {"frame-src", "frames"}}[l.Kind]
			url := l.URL
			if strings.HasPrefix(url, "//") {
				url = "https:" + url
			}
			if where[0] != "" && !csp.Match(policy, where[0], url, "https://app.invalid") {
				say(l.Line, manifest.Warning, "page-undeclared-host", "the browser will not load "+clip(l.URL)+": the manifest does not declare it",
					"declare the host in permissions.external."+where[1]+", or put the file into the app's folder")
			}
		}
	}
	return found
}
