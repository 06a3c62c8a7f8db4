package manifest

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// field is one row of the table: what a struct tag says.
type field struct {
	name     string
	index    int
	doc      string
	required bool
	rest     bool
	enum     []string
	pattern  *pattern
	min, max int // 0 for none
	unique   string
}

// pattern is a named regular expression with the words that a person needs.
type pattern struct {
	re    *regexp.Regexp
	words string
}

var patterns = map[string]*pattern{
	"key":      {regexp.MustCompile(`^[a-zA-Z0-9_-]+$`), "letters, digits, _ and -"},
	"entity":   {regexp.MustCompile(`^[a-zA-Z0-9_:.-]+$`), "letters, digits, _, :, . and -"},
	"handler":  {regexp.MustCompile(`^[^\s.\\/][^\s\\]*\.[A-Za-z_$][\w$]*$`), "FILE.EXPORT, for instance index.run"},
	"runtime":  {regexp.MustCompile(`^(nodejs[1-9][0-9]\.x|sandbox)$`), "nodejs22.x, nodejs24.x or sandbox"},
	"variable": {regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`), "letters, digits and _, not starting with a digit"},
	"script": {regexp.MustCompile(`^(unsafe-inline|unsafe-hashes|unsafe-eval|blob:|sha256-[A-Za-z0-9+/]{43}=|sha384-[A-Za-z0-9+/]{64}|sha512-[A-Za-z0-9+/]{86}==)$`),
		"unsafe-inline, unsafe-hashes, unsafe-eval, blob: or the hash of a script"},
	"apipath":     {regexp.MustCompile(`^/?([A-Za-z0-9._~-]+|\*)(/([A-Za-z0-9._~-]+|\*))*(/\*\*)?$|^/?\*\*$`), "segments of letters, digits, . _ ~ -, or *, and ** at the end only"},
	"customscope": {regexp.MustCompile(`^[a-z0-9_.:-]+:custom$`), "lower-case names joined by colons, the last one being custom"},
}

var tables sync.Map // reflect.Type → []field

// tableOf reads the rows of a struct type.
func tableOf(t reflect.Type) []field {
	if f, ok := tables.Load(t); ok {
		return f.([]field)
	}
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name := sf.Tag.Get("json")
		if !sf.IsExported() || name == "" || sf.Tag.Get("rule") == "skip" {
			continue
		}
		out = append(out, parseField(i, name, sf.Tag))
	}
	tables.Store(t, out)
	return out
}

// parseField reads one row. A malformed tag is a programming error, found by any test.
func parseField(index int, name string, tag reflect.StructTag) field {
	f := field{name: name, index: index, doc: tag.Get("doc")}
	for _, r := range strings.Fields(tag.Get("rule")) {
		key, arg, _ := strings.Cut(r, "=")
		switch key {
		case "req":
			f.required = true
		case "rest":
			f.rest = true
		case "enum":
			f.enum = strings.Split(arg, "|")
		case "re":
			if f.pattern = patterns[arg]; f.pattern == nil {
				panic("manifest: no pattern " + arg)
			}
		case "unique":
			f.unique = arg
		case "min":
			f.min = number(arg)
		case "max":
			f.max = number(arg)
		default:
			panic(fmt.Sprintf("manifest: field %s has an unknown rule %q", name, r))
		}
	}
	return f
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("manifest: not a number in a rule: " + s)
	}
	return n
}

// names are the fields of a table that a file may spell out.
func names(fields []field) []string {
	var out []string
	for _, f := range fields {
		if !f.rest {
			out = append(out, f.name)
		}
	}
	return out
}
