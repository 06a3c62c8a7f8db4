package apps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// source says which app a script is about.
type source struct {
	Repo, Commit, Folder string
}

func (s source) name() string { return s.Repo[strings.IndexByte(s.Repo, '/')+1:] }

// readSource reads the first command of a script.
func readSource(file string) (source, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return source{}, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	f := strings.Fields(line)
	if len(f) != 4 || f[0] != "app" || !strings.Contains(f[1], "/") {
		return source{}, fmt.Errorf("%s does not begin with app OWNER/NAME COMMIT FOLDER", file)
	}
	return source{f[1], f[2], f[3]}, nil
}

// find gives the place of the repository in the folder, "" if it is not there.
func (s source) find(folder string) string {
	for _, name := range []string{s.name(), strings.ReplaceAll(s.Repo, "/", "+")} {
		dir := filepath.Join(folder, name)
		for _, at := range []string{dir, filepath.Join(dir, "repo")} {
			if _, err := os.Stat(filepath.Join(at, "HEAD")); err == nil {
				return at
			}
		}
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(s.Folder), "manifest.yml")); err == nil {
			return dir
		}
	}
	return ""
}

// copyTo copies the repository's files, from a bare repository those of the commit, and
// gives the app's folder.
func (s source) copyTo(ctx context.Context, folder, to string) (string, error) {
	from := s.find(folder)
	if _, err := os.Stat(filepath.Join(from, "HEAD")); err == nil {
		if err := os.MkdirAll(to, 0o700); err != nil {
			return "", err
		}
		archive := exec.CommandContext(ctx, "git", "--git-dir", from, "archive", "--format=tar", s.Commit)
		unpack := exec.CommandContext(ctx, "tar", "-x", "-C", to)
		var said bytes.Buffer
		archive.Stderr, unpack.Stderr = &said, &said
		pipe, err := archive.StdoutPipe()
		if err != nil {
			return "", err
		}
		unpack.Stdin = pipe
		if err := errors.Join(unpack.Start(), archive.Run(), unpack.Wait()); err != nil {
			return "", fmt.Errorf("%w: %s", err, said.Bytes())
		}
	} else if err := copyFolder(to, from); err != nil {
		return "", err
	}
	dir := filepath.Join(to, filepath.FromSlash(s.Folder))
	return dir, errors.Join(pages(dir), install(ctx, dir))
}

// copyFolder copies a work tree, following links, without its history; what was installed
// there is linked.
func copyFolder(to, from string) error {
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.Name() == ".git", d.Name() == ".annex":
			return fs.SkipDir
		case d.Name() == "node_modules":
			if err := os.Symlink(path, target); err != nil {
				return err
			}
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
}

// pages puts an empty page where a front end would have been built.
func pages(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "manifest.yml"))
	if err != nil {
		return err
	}
	var m struct{ Resources []struct{ Path string } }
	if err := yaml.Unmarshal(text, &m); err != nil {
		return err
	}
	for _, r := range m.Resources {
		at := filepath.Join(dir, filepath.FromSlash(r.Path))
		if _, err := os.Stat(at); err == nil {
			continue
		}
		if err := os.MkdirAll(at, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(at, "index.html"), []byte("<!doctype html><title>not built</title>"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// install installs what the app's functions import, in the versions of its lock file, and
// runs no script of it. What @forge packages do comes with Annex.
func install(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err == nil {
		return nil
	}
	var p struct{ Dependencies map[string]string }
	if text, err := os.ReadFile(filepath.Join(dir, "package.json")); err != nil || json.Unmarshal(text, &p) != nil {
		return nil // an app without packages
	}
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if text, err := os.ReadFile(filepath.Join(dir, "package-lock.json")); err == nil {
		_ = json.Unmarshal(text, &lock) // without it, what package.json says
	}
	want := map[string]string{}
	for name, version := range p.Dependencies {
		if strings.HasPrefix(name, "@forge/") || name == "forge" || elsewhere.MatchString(version) {
			continue
		}
		if l, ok := lock.Packages["node_modules/"+name]; ok && l.Version != "" {
			version = l.Version
		}
		want[name] = version
	}
	if len(want) == 0 {
		return nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "deps-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	text, err := json.Marshal(map[string]any{"name": "app", "private": true, "dependencies": want})
	if err == nil {
		err = os.WriteFile(filepath.Join(tmp, "package.json"), text, 0o600)
	}
	if err != nil {
		return err
	}
	npm := exec.CommandContext(ctx, "npm", "install", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund", "--silent", "--no-package-lock")
	npm.Dir = tmp
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install of %s: %w: %s", text, err, out)
	}
	return os.Rename(filepath.Join(tmp, "node_modules"), filepath.Join(dir, "node_modules"))
}

var elsewhere = regexp.MustCompile(`^(workspace|file|link|git|github|https?)\b`)

// units are what can be called of an app: the functions of its manifest and, in the place
// of those that dispatch, the definitions of its resolvers.
func units(dir string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "manifest.yml"))
	if err != nil {
		return nil, err
	}
	var m struct {
		Modules struct {
			Function []struct{ Key string }
		}
	}
	if err := yaml.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	var out []string
	for _, f := range m.Modules.Function {
		out = append(out, f.Key)
	}
	err = filepath.WalkDir(filepath.Join(dir, "src"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "__tests__") {
			return fs.SkipDir
		}
		if !slices.Contains([]string{".js", ".jsx", ".ts", ".tsx"}, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, d := range definition.FindAllStringSubmatch(string(text), -1) {
			out = append(out, strings.ReplaceAll(d[1], "${baseUrl}", "/api/todos"))
		}
		return nil
	})
	return out, err
}

var definition = regexp.MustCompile("\\.define\\(\\s*['\"`]([^'\"`]+)['\"`]")
