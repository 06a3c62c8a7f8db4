package bundle

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Limits of what is packed beside the bundle; the server has the same.
const (
	MaxFiles     = 5000
	MaxFileBytes = 100 << 20
)

// fileRef is a file that a source names relative to __dirname.
type fileRef struct {
	from Position
	path string // relative to the app's folder
}

var dirnameCall = regexp.MustCompile(`\.?\b(?:join|resolve)\(\s*__dirname\s*((?:,\s*(?:'[^'\n]*'|"[^"\n]*")\s*)+)\)`)
var literal = regexp.MustCompile(`'([^'\n]*)'|"([^"\n]*)"`)

// dirnameRefs finds path.join(__dirname, "…") and path.resolve(__dirname, "…").
func dirnameRefs(rel string, text []byte) []fileRef {
	var refs []fileRef
	for _, m := range dirnameCall.FindAllSubmatchIndex(text, -1) {
		target := path.Dir(rel)
		for _, l := range literal.FindAllSubmatch(text[m[2]:m[3]], -1) {
			target = path.Join(target, string(l[1])+string(l[2]))
		}
		line := 1 + strings.Count(string(text[:m[0]]), "\n")
		column := m[0] - strings.LastIndexByte(string(text[:m[0]]), '\n')
		refs = append(refs, fileRef{Position{rel, line, column}, target})
	}
	return refs
}

// files packs what the app reads at run time: the manifest's extraFiles, and files
// that sources name relative to __dirname.
func (b *builder) files(res *Result) error {
	p := &packer{dir: b.dir, files: map[string][]byte{}}
	for _, glob := range b.ExtraFiles {
		n, err := p.glob(glob)
		if err != nil {
			return err
		}
		if n == 0 {
			b.diags = append(b.diags, Diagnostic{File: "manifest.yml", Rule: "extra-files-empty", Severity: Warning,
				Message: fmt.Sprintf("app.package.extraFiles: %q matches no file", glob), Fix: "correct the pattern, which starts at the app's folder"})
		}
	}
	for _, ref := range b.refs {
		ok, err := p.add(ref.path)
		if err != nil {
			return err
		}
		if !ok {
			b.diags = append(b.diags, Diagnostic{File: ref.from.File, Line: ref.from.Line, Column: ref.from.Column, Rule: "file-missing", Severity: Warning,
				Message: fmt.Sprintf("%q is read at run time and is no file of the app's folder", ref.path),
				Fix:     "correct the path, or list the files under app.package.extraFiles"})
		}
	}
	if p.count > MaxFiles || p.size > MaxFileBytes {
		b.diags = append(b.diags, Diagnostic{File: "manifest.yml", Rule: "extra-files-limit", Severity: Error,
			Message: fmt.Sprintf("%d extra files with %d bytes are more than the %d files and %d bytes allowed", p.count, p.size, MaxFiles, MaxFileBytes),
			Fix:     "list fewer files under app.package.extraFiles"})
		return nil
	}
	if len(p.files) > 0 {
		res.Files = p.files
	}
	return nil
}

// packer gathers files below the app's folder. It follows no link out of it.
type packer struct {
	dir   string
	files map[string][]byte
	count int
	size  int64
}

// add packs a file, or a folder's files. It reports false when there is none such
// inside the app's folder.
func (p *packer) add(rel string) (bool, error) {
	if !filepath.IsLocal(filepath.FromSlash(rel)) {
		return false, nil
	}
	if _, ok := p.files[rel]; ok {
		return true, nil
	}
	full, err := filepath.EvalSymlinks(filepath.Join(p.dir, filepath.FromSlash(rel)))
	if err != nil || !within(p.dir, full) {
		return false, nil
	}
	info, err := os.Stat(full)
	if err != nil {
		return false, nil
	}
	if info.IsDir() {
		if rel == "." || rel == "node_modules" {
			return false, nil // a path built at run time; packing the whole app would hide that
		}
		n, err := p.glob(rel + "/**")
		return n > 0, err
	}
	if !info.Mode().IsRegular() {
		return false, nil
	}
	p.count++
	p.size += info.Size()
	if p.count > MaxFiles || p.size > MaxFileBytes {
		return true, nil // counted, and reported as too much
	}
	data, err := os.ReadFile(full)
	if err != nil {
		return false, err
	}
	p.files[rel] = data
	return true, nil
}

// glob packs what a pattern matches; "*" stays inside a folder, "**" does not.
func (p *packer) glob(pattern string) (int, error) {
	pattern = strings.TrimPrefix(path.Clean(pattern), "/")
	parts := strings.Split(pattern, "/")
	var names []string
	err := filepath.WalkDir(p.dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(p.dir, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == ".annex") && parts[0] != d.Name() {
				return fs.SkipDir
			}
			return nil
		}
		if matchGlob(parts, strings.Split(rel, "/")) {
			names = append(names, rel)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	slices.Sort(names)
	n := 0
	for _, name := range names {
		ok, err := p.add(name)
		if err != nil {
			return n, err
		}
		if ok {
			n++
		}
	}
	return n, nil
}

func matchGlob(pattern, name []string) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == "**" {
		for i := 0; i <= len(name); i++ {
			if (len(pattern) > 1 || i < len(name)) && matchGlob(pattern[1:], name[i:]) {
				return true
			}
		}
		return len(pattern) == 1 && len(name) > 0
	}
	if len(name) == 0 {
		return false
	}
	ok, err := path.Match(pattern[0], name[0])
	return err == nil && ok && matchGlob(pattern[1:], name[1:])
}

func within(dir, file string) bool {
	rel, err := filepath.Rel(dir, file)
	return err == nil && filepath.IsLocal(rel)
}
