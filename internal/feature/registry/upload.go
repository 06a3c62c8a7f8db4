package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/sourcemap"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/manifest"
)

// The limits of an upload. They hold for each reader of one: whoever takes it from
// the network checks them on the way in, Deploy checks them again.
const (
	MaxManifest   = manifest.MaxSize
	MaxBundle     = 25 << 20
	MaxSourceMap  = sourcemap.MaxText
	MaxFiles      = 5000
	MaxFilesBytes = 100 << 20
	maxPath       = 512
	maxDepth      = 32
	maxMessage    = 1000
	maxGlobs      = 100
)

// Upload is what a developer deploys. All of it is hostile.
type Upload struct {
	App         id.App // the manifest's app.id when empty
	Environment string
	Name        string // for an app whose manifest has none
	Manifest    []byte
	Bundle      []byte
	SourceMap   []byte
	Files       map[string][]byte // resources and extra files, by their path below the app's folder
	Message     string
	// StopAtGrowth refuses the deploy when the version asks for more than the one before.
	StopAtGrowth bool
}

// AddFile adds a file while an upload is read, and refuses the one that goes too far.
func (u *Upload) AddFile(path string, data []byte) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if _, twice := u.Files[path]; twice {
		return fault.New(fault.Invalid, "FILE_PATH", "the file %q is uploaded twice", path)
	}
	if u.Files == nil {
		u.Files = map[string][]byte{}
	}
	u.Files[path] = data
	return u.checkFileSizes()
}

func (u *Upload) checkFileSizes() error {
	if len(u.Files) > MaxFiles {
		return tooLarge("files", len(u.Files), MaxFiles, "files")
	}
	total := 0
	for _, data := range u.Files {
		total += len(data)
	}
	if total > MaxFilesBytes {
		return tooLarge("files", total, MaxFilesBytes, "bytes")
	}
	return nil
}

func (u *Upload) check() error {
	for _, part := range []struct {
		name      string
		size, max int
	}{{"manifest", len(u.Manifest), MaxManifest}, {"bundle", len(u.Bundle), MaxBundle}, {"source map", len(u.SourceMap), MaxSourceMap}} {
		if part.size > part.max {
			return tooLarge(part.name, part.size, part.max, "bytes")
		}
	}
	if err := u.checkFileSizes(); err != nil {
		return err
	}
	if !utf8.Valid(u.Bundle) {
		return fault.New(fault.Invalid, "BUNDLE_TEXT", "the bundle is not UTF-8 text")
	}
	if len(u.SourceMap) > 0 {
		if _, err := sourcemap.Parse(u.SourceMap); err != nil {
			return fault.New(fault.Invalid, "SOURCE_MAP", "the source map cannot be read: %v", err).
				WithFix("upload the map of version 3 that the bundler made, or none")
		}
	}
	if !utf8.ValidString(u.Message) || strings.ContainsRune(u.Message, 0) || utf8.RuneCountInString(u.Message) > maxMessage {
		return fault.New(fault.Invalid, "DEPLOY_MESSAGE", "a deploy's message has at most %d characters", maxMessage)
	}
	return checkPaths(slices.Sorted(maps.Keys(u.Files)))
}

// checkPaths refuses paths that mean something else to somebody: paths that leave the
// folder, that differ in letter case only, or one of which is the folder of another.
func checkPaths(sorted []string) error {
	taken := make(map[string]string, len(sorted)) // folded path → path, of files and folders
	for _, path := range sorted {
		if err := checkPath(path); err != nil {
			return err
		}
		if other, ok := taken[strings.ToLower(path)]; ok {
			return fault.New(fault.Invalid, "FILE_PATH", "the files %q and %q have the same place", strings.TrimSuffix(other, "/"), path).
				WithFix("give each a path of its own; letter case does not count")
		}
		taken[strings.ToLower(path)] = path
		for i, c := range path {
			if c != '/' {
				continue
			}
			folder := path[:i+1]
			if file, ok := taken[strings.ToLower(path[:i])]; ok && !strings.HasSuffix(file, "/") {
				return fault.New(fault.Invalid, "FILE_PATH", "%q is a file and the folder of %q", file, path)
			}
			taken[strings.ToLower(path[:i])] = folder
		}
	}
	return nil
}

func checkPath(path string) error {
	bad := func(what string) error {
		return fault.New(fault.Invalid, "FILE_PATH", "the file path %q %s", clip(path), what).
			WithFix("use relative paths with slashes, below the app's folder")
	}
	switch {
	case path == "" || len(path) > maxPath:
		return bad("is empty or too long")
	case !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl):
		return bad("holds a control character or is not UTF-8")
	case strings.ContainsAny(path, `\:`):
		return bad("holds a backslash or a colon")
	case strings.HasPrefix(path, "/"):
		return bad("is absolute")
	}
	parts := strings.Split(path, "/")
	if len(parts) > maxDepth {
		return bad("has too many folders")
	}
	for _, part := range parts {
		if part == "" || part == "." || part == ".." {
			return bad("has an empty part, . or ..")
		}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

func tooLarge(what string, have, limit int, unit string) error {
	return fault.New(fault.Limit, "LIMIT_UPLOAD", "the %s: %d %s, at most %d are taken", what, have, unit, limit).
		With("limit", limit).With("figure", have)
}

// file is a stored file of a version.
type file struct {
	Path string    `json:"path"`
	Hash blob.Hash `json:"hash"`
	Size int       `json:"size"`
}

// Hash names a version's content: SHA-256 over the canonical manifest and the sorted
// list of paths and hashes. It knows no time and no place, so the same source has the
// same hash everywhere. A source map is a tool, not content.
func Hash(canonical, bundle []byte, files map[string][]byte) string {
	list := [][2]string{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		list = append(list, [2]string{path, string(blob.Sum(files[path]))})
	}
	text, err := json.Marshal(struct {
		Manifest blob.Hash   `json:"manifest"`
		Bundle   blob.Hash   `json:"bundle"`
		Files    [][2]string `json:"files"`
	}{blob.Sum(canonical), blob.Sum(bundle), list})
	if err != nil {
		panic("registry: strings have no JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
