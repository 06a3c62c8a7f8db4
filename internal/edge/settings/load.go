package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/annexhq/annex/internal/core/fault"
)

// Sources are where values come from, the strongest first.
type Sources struct {
	// Flags are those that Flags added.
	Flags *pflag.FlagSet
	// Getenv reads the environment; an empty variable counts as not set.
	Getenv func(string) string
	// Dir is the working directory.
	Dir string
}

// ConfigFlag names the configuration file; ANNEX_CONFIG does the same.
const ConfigFlag = "config"

// Flags adds the flags of the named settings, of all without names, and --config.
func Flags(flags *pflag.FlagSet, names ...string) {
	flags.String(ConfigFlag, "", "configuration `file` (environment: ANNEX_CONFIG)")
	for _, s := range Table {
		switch {
		case len(names) > 0 && !slices.Contains(names, s.Name):
		case s.Switch:
			flags.Bool(s.Name, s.Default == "true", s.Words)
		default:
			flags.String(s.Name, s.Default, s.Words)
		}
	}
}

// Values are the settings as they count, each with where it comes from.
type Values struct {
	values map[string]value
	// File is the configuration file that was read, "" for none.
	File string
}

type value struct {
	text   string
	source string // for people: "--listen", "ANNEX_LISTEN", "annex.yaml:3", "default"
	rank   int
}

const (
	fromDefault = iota
	fromFile
	fromEnvironment
	fromFlag
)

// Load reads all sources.
func Load(src Sources) (*Values, error) {
	v := &Values{values: map[string]value{}}
	for _, s := range Table {
		v.values[s.Name] = value{text: v.path(s, s.Default, src.Dir), source: "default"}
	}
	if err := v.readFile(src); err != nil {
		return nil, err
	}
	for _, s := range Table {
		if text := src.Getenv(s.Env()); text != "" {
			if err := v.set(s, value{text, s.Env(), fromEnvironment}, src.Dir); err != nil {
				return nil, err
			}
		}
		if f := src.Flags.Lookup(s.Name); f != nil && f.Changed {
			if err := v.set(s, value{f.Value.String(), "--" + s.Name, fromFlag}, src.Dir); err != nil {
				return nil, err
			}
		}
	}
	return v, v.readFiles()
}

func bad(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Usage, code, format, args...)
}

// set takes a value of a stronger source than those before it.
func (v *Values) set(s Setting, val value, dir string) error {
	if s.Switch && s.check == nil {
		s.check = truth
	}
	if s.check != nil && val.text != "" {
		if want := s.check(val.text); want != "" {
			shown := strconv.Quote(val.text)
			if s.Secret != nil {
				shown = "the value" // it may be a secret that is spelt wrongly
			}
			return bad("SETTING", "%s: %s is not %s", val.source, shown, want).WithFix("`annex serve --help` lists the settings")
		}
	}
	if s.Secret != nil && val.rank != fromEnvironment && s.Secret(val.text) {
		return bad("SECRET_EXPOSED", "%s holds a password, which others could read there", val.source).
			WithFix("write it into a file of its own and name that by %s-file, or set %s", s.Name, s.Env())
	}
	val.text = v.path(s, val.text, dir)
	v.values[s.Name] = val
	return nil
}

func (v *Values) path(s Setting, text, dir string) string {
	if !s.Path || text == "" || filepath.IsAbs(text) {
		return text
	}
	return filepath.Join(dir, text)
}

// readFiles reads the values that are kept in files. Of a setting and its file the one
// from the stronger source counts.
func (v *Values) readFiles() error {
	for _, s := range Table {
		file := v.values[s.Name]
		if s.FileOf == "" || file.text == "" {
			continue
		}
		direct := v.values[s.FileOf]
		if direct.text != "" && direct.rank > file.rank {
			continue
		}
		if direct.text != "" && direct.rank == file.rank {
			return bad("SETTING", "%s and %s both say what the %s is", direct.source, file.source, s.FileOf).WithFix("give one of them")
		}
		text, err := os.ReadFile(file.text)
		if err != nil {
			return bad("SETTING", "%s: the file %s cannot be read", file.source, file.text).Because(err).
				WithFix("name a file that this user may read")
		}
		of, _ := find(Table, s.FileOf)
		val := value{strings.TrimSpace(string(text)), file.source + " (" + file.text + ")", file.rank}
		if val.text == "" {
			return bad("SETTING", "%s: the file %s is empty", file.source, file.text)
		}
		if want := of.check(val.text); want != "" {
			return bad("SETTING", "%s: what the file holds is not %s", val.source, want)
		}
		v.values[s.FileOf] = val
	}
	return nil
}

// Text is a setting's value.
func (v *Values) Text(name string) string { return v.get(name).text }

// Source says where a setting's value comes from.
func (v *Values) Source(name string) string { return v.get(name).source }

// Number is the value of a setting that is a number.
func (v *Values) Number(name string) int {
	n, _ := strconv.Atoi(v.get(name).text) // checked when it was set
	return n
}

// Duration is the value of a setting that is a duration.
func (v *Values) Duration(name string) time.Duration {
	d, _ := time.ParseDuration(v.get(name).text) // checked when it was set
	return d
}

// On is the value of a switch.
func (v *Values) On(name string) bool { return v.get(name).text == "true" }

func (v *Values) get(name string) value {
	x, ok := v.values[name]
	if !ok {
		panic("settings: no setting " + name)
	}
	return x
}

// String is the effective configuration as a configuration file, with the source of each
// value and without secrets.
func (v *Values) String() string {
	var b strings.Builder
	b.WriteString("# What counts, and where it comes from: flag > environment > file > default.\n")
	for _, s := range Table {
		val := v.values[s.Name]
		text, hidden := redacted(s, val.text)
		note := val.source
		if hidden {
			note += "; the password is not shown"
		}
		line := s.Name + ": " + scalar(text)
		fmt.Fprintf(&b, "%-44s # %s\n", line, note)
	}
	return b.String()
}

// scalar writes a value so that YAML reads it as that text.
func scalar(text string) string {
	if text == "" {
		return `""`
	}
	if strings.ContainsAny(text, "#\"'{}[]&*!|>%@`\n\t\\") || strings.Contains(text, ": ") || strings.TrimSpace(text) != text {
		return strconv.Quote(text)
	}
	return text
}
