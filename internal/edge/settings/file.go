package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	yaml "go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/near"
)

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// readFile reads the configuration file, if one is named.
func (v *Values) readFile(src Sources) error {
	name, by := src.Getenv("ANNEX_CONFIG"), "ANNEX_CONFIG"
	if f := src.Flags.Lookup(ConfigFlag); f != nil && f.Changed {
		name, by = f.Value.String(), "--"+ConfigFlag
	}
	if name == "" {
		return nil
	}
	v.File = v.path(Setting{Path: true}, name, src.Dir)
	text, err := os.ReadFile(v.File)
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	if err != nil {
		return bad("CONFIG_FILE", "%s: the configuration file %s cannot be read: %v", by, v.File, reason(err)).Because(err).
			WithFix("name a file that this user may read")
	}
	return v.parse(name, text)
}

func reason(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// parse takes the values of a configuration file: one mapping, without nesting. name is
// the file as people wrote it.
func (v *Values) parse(name string, text []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return bad("CONFIG_FILE", "%s: %v", name, err).WithFix("write one setting a line, such as listen: 127.0.0.1:8480")
	}
	if len(doc.Content) == 0 { // nothing but comments
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return at(name, root, "the file holds no settings").WithFix("write one setting a line, such as listen: 127.0.0.1:8480")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, val := root.Content[i], root.Content[i+1]
		s, known := find(Table, key.Value)
		if !known {
			return unknown(name, key)
		}
		if seen[s.Name] {
			return at(name, key, "%s stands there twice", s.Name)
		}
		seen[s.Name] = true
		if val.Kind != yaml.ScalarNode || val.Tag == "!!null" {
			return at(name, val, "%s is one value", s.Name).WithFix("write %s: %s", s.Name, s.Value())
		}
		// From the file, a path is meant from the file's folder.
		if err := v.set(s, value{val.Value, fmt.Sprintf("%s:%d:%d", name, key.Line, key.Column), fromFile}, filepath.Dir(v.File)); err != nil {
			return err
		}
	}
	return nil
}

func unknown(name string, key *yaml.Node) error {
	names := []string{}
	for _, s := range Table {
		names = append(names, s.Name)
	}
	err := at(name, key, "there is no setting %q", key.Value)
	if n := near.Name(key.Value, names); n != "" {
		return err.WithFix("write %s", n)
	}
	return err.WithFix("`annex serve --help` lists the settings")
}

func at(name string, n *yaml.Node, format string, args ...any) *fault.Error {
	return bad("CONFIG_FILE", "%s:%d:%d: %s", name, n.Line, n.Column, fmt.Sprintf(format, args...))
}
