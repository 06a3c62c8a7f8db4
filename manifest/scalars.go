package manifest

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/internal/core/near"
)

// scalar is a scalar's text with variables put in place, and its tag after that.
func (l *loader) scalar(n *yaml.Node) (text, tag string) {
	if n.Kind != yaml.ScalarNode {
		return "", ""
	}
	s := n.Value
	if strings.Contains(s, "${") {
		s = l.substitute(n, s)
	}
	if s == n.Value || n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0 {
		return s, n.ShortTag()
	}
	// An unquoted ${PORT} is the number that the variable holds.
	if _, err := parseInt(s); err == nil {
		return s, "!!int"
	}
	if s == "true" || s == "false" {
		return s, "!!bool"
	}
	return s, "!!str"
}

func (l *loader) text(n *yaml.Node) (string, bool) {
	s, tag := l.scalar(n)
	switch tag {
	case "!!str", "!!timestamp":
		return s, true
	case "!!int", "!!float", "!!bool":
		l.edit(n, Error, "wrong-type", fmt.Sprintf("%s is read as a %s, and a text is expected", quote(s), kindName(tag)),
			fmt.Sprintf("put it in quotes: %q", s), strconv.Quote(s))
		return "", false
	}
	l.wrongType(n, "a text")
	return "", false
}

func (l *loader) boolean(n *yaml.Node) (value, ok bool) {
	s, tag := l.scalar(n)
	if tag == "!!bool" {
		return strings.EqualFold(s, "true"), true
	}
	switch strings.ToLower(s) {
	case "true", "yes", "on":
		l.edit(n, Error, "wrong-type", quote(s)+" is a text, and true or false is expected", "write true", "true")
	case "false", "no", "off":
		l.edit(n, Error, "wrong-type", quote(s)+" is a text, and true or false is expected", "write false", "false")
	default:
		l.wrongType(n, "true or false")
	}
	return false, false
}

func (l *loader) integer(n *yaml.Node) (int, bool) {
	s, tag := l.scalar(n)
	i, err := parseInt(s)
	switch {
	case tag == "!!int" && err == nil:
		return int(i), true
	case tag == "!!str" && err == nil:
		l.edit(n, Error, "wrong-type", quote(s)+" is a text, and a number is expected", "remove the quotes", s)
	default:
		l.wrongType(n, "a whole number")
	}
	return 0, false
}

// parseInt reads the whole numbers of YAML that fit 53 bits, so that JSON holds them.
func parseInt(s string) (int64, error) {
	base, digits := 10, strings.ReplaceAll(s, "_", "")
	if strings.HasPrefix(digits, "0") && len(digits) > 1 {
		base = 0 // 0x, 0o, 0b, and YAML 1.1's leading 0
	}
	i, err := strconv.ParseInt(digits, base, 54)
	return i, err
}

func kindName(tag string) string {
	switch tag {
	case "!!int", "!!float":
		return "number"
	case "!!bool":
		return "truth value"
	}
	return "text"
}

// wrongType reports a node of another kind than expected.
func (l *loader) wrongType(n *yaml.Node, want string) {
	if l.partial && n.Kind == yaml.ScalarNode {
		return // a name whose colon is lost with the rest of the text
	}
	got := "a text"
	switch n.Kind {
	case yaml.MappingNode:
		got = "a map"
	case yaml.SequenceNode:
		got = "a list"
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!int", "!!float":
			got = "a number"
		case "!!bool":
			got = "true or false"
		}
	}
	fix := "write " + want
	switch {
	case want == "a list" && got == "a text":
		fix = "write it as a list: a new line that starts with a dash"
	case want == "a map" && got == "a list":
		fix = "remove the dash"
	}
	l.node(n, Error, "wrong-type", got+" stands where "+want+" is expected", fix)
}

func (l *loader) checkText(n *yaml.Node, s string, f field) {
	switch {
	case len(f.enum) > 0 && !slices.Contains(f.enum, s):
		fix := "write one of: " + strings.Join(f.enum, ", ")
		if alike := near.Name(s, f.enum); strings.EqualFold(alike, s) && alike != "" {
			l.edit(n, Error, "bad-value", quote(s)+" is not a value of this field", "write "+alike, alike)
			return
		} else if alike != "" {
			fix = "write " + alike
		}
		l.node(n, Error, "bad-value", quote(s)+" is not a value of this field", fix)
	case f.pattern != nil && !f.pattern.re.MatchString(s):
		l.node(n, Error, "bad-value", quote(s)+" has not the form of this field", "use "+f.pattern.words)
	case f.max > 0 && utf8.RuneCountInString(s) > f.max:
		l.node(n, Error, "too-long", fmt.Sprintf("the text has %d characters; the limit is %d", utf8.RuneCountInString(s), f.max), "shorten it")
	case f.min > 0 && utf8.RuneCountInString(s) < f.min:
		l.node(n, Error, "too-short", fmt.Sprintf("the text has %d characters; at least %d are needed", utf8.RuneCountInString(s), f.min), "write more")
	}
}

func (l *loader) checkNumber(n *yaml.Node, i int, f field) {
	if (f.min != 0 && i < f.min) || (f.max != 0 && i > f.max) {
		l.node(n, Error, "out-of-range", fmt.Sprintf("%d is out of range", i), fmt.Sprintf("write a number from %d to %d", f.min, f.max))
	}
}

func (l *loader) checkSize(n *yaml.Node, size int, path string, f field, what string) {
	if f.max > 0 && size > f.max {
		l.node(n, Error, "too-many", fmt.Sprintf("%s has %d %s; the limit is %d", spoken(path), size, what, f.max), "remove some")
	}
	if f.min > 0 && size < f.min {
		l.node(n, Error, "too-few", fmt.Sprintf("%s has %d %s; at least %d needed", spoken(path), size, what, f.min), "add some, or remove the field")
	}
}

// checkUnique reports elements of a list that share a key.
func (l *loader) checkUnique(list reflect.Value, path, name string) {
	seen := map[string]int{}
	for i := range list.Len() {
		e := list.Index(i)
		at := slices.IndexFunc(tableOf(e.Type()), func(f field) bool { return f.name == name })
		key := e.Field(tableOf(e.Type())[at].index).String()
		if first, dup := seen[key]; dup && key != "" {
			l.path(fmt.Sprintf("%s[%d].%s", path, i, name), Error, "duplicate-key",
				fmt.Sprintf("%s %s is used twice in %s; the first is in line %d", name, quote(key), path, l.positions[fmt.Sprintf("%s[%d]", path, first)].Line),
				"give each its own "+name)
			continue
		}
		seen[key] = i
	}
}

var variableRef = regexp.MustCompile(`\$\{([a-zA-Z_][a-zA-Z0-9_]*)\}`)

// substitute puts declared variables in place of ${NAME}; other names stay as they are.
func (l *loader) substitute(n *yaml.Node, s string) string {
	return variableRef.ReplaceAllStringFunc(s, func(ref string) string {
		name := ref[2 : len(ref)-1]
		v, declared := l.variables[name]
		if !declared {
			return ref
		}
		if v == nil {
			if !l.partial {
				l.node(n, Error, "variable-unset", "the variable "+name+" has no value", "set it in the environment, or give it a default in environment.variables")
			}
			return ref
		}
		return *v
	})
}

// unresolved reports a text in which a variable has no value, once for each place.
func (l *loader) unresolved(path, text string) bool {
	ref := variableRef.FindStringSubmatch(text)
	if ref == nil {
		return false
	}
	if _, declared := l.variables[ref[1]]; !declared {
		l.path(path, Error, "variable-undeclared", ref[0]+" stands for nothing: the manifest declares no variable "+ref[1], "add "+ref[1]+" to environment.variables")
	}
	return true // one that is declared and has no value has been reported
}

// readVariables finds environment.variables before anything else is read, since any
// value may use them. What is wrong there is reported when the section is read.
func (l *loader) readVariables(root *yaml.Node) {
	for _, v := range sequence(member(member(root, "environment"), "variables")) {
		name, def := resolve(v), (*yaml.Node)(nil)
		if name != nil && name.Kind == yaml.MappingNode {
			name, def = member(name, "key"), member(name, "default")
		}
		if name == nil || name.Kind != yaml.ScalarNode {
			continue
		}
		var value *string
		if def != nil && def.Kind == yaml.ScalarNode && !isNull(def) {
			value = &def.Value
		}
		if l.opts.Lookup != nil {
			if s, ok := l.opts.Lookup(name.Value); ok {
				value = &s
			}
		}
		if value != nil && (strings.Contains(*value, "${") || len(*value) > MaxSize || !utf8.ValidString(*value)) {
			l.node(name, Error, "variable-value", "the variable "+name.Value+" has a value that cannot stand in a manifest", "give it a short text without ${")
			value = new(string)
		}
		l.variables[name.Value] = value
	}
}

func resolve(n *yaml.Node) *yaml.Node {
	for hops := 0; n != nil && n.Kind == yaml.AliasNode && hops < maxDepth; hops++ {
		n = n.Alias
	}
	return n
}

func member(n *yaml.Node, name string) *yaml.Node {
	if n = resolve(n); n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return resolve(n.Content[i+1])
		}
	}
	return nil
}

func sequence(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}
