// Package intl answers ECMA-402's questions: how dates, numbers, lists and names are
// written in a locale, and how its texts are compared and cut.
//
// Every operation is a function of its arguments and of Unicode's CLDR, which the program
// carries: it has no effect, keeps nothing of an app, and reads no clock. What it learns
// about a locale is remembered for later calls, whoever makes them, since it is the same
// for all; how much is remembered is bounded.
//
// The sandbox's half, web/packages/runtime/src/intl, reads options and keeps the classes.
package intl

import (
	"encoding/json"
	"errors"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

// RangeError is what an app is told of an argument that nothing can be made of.
type RangeError struct{ Message string }

func (r *RangeError) Error() string { return r.Message }

func rangeError(format string, args ...any) error { return &RangeError{fmt.Sprintf(format, args...)} }

const (
	maxSections = 256  // of locales, some 50 KB each
	maxPrepared = 1024 // formats
	// maxRemembered is how long a configuration may be that is remembered; longer ones are
	// no format that anybody uses twice.
	maxRemembered = 1 << 10
)

// Engine answers. It is not safe for concurrent use.
type Engine struct {
	open func() ([]byte, error)
	file *cldr.File
	sup  *cldr.Supplemental
	err  error

	sections *lru.Cache[string, any]
	prepared *lru.Cache[string, any]
	zones    *zoneTable
	pairs    map[string][]string // of variants
}

// New makes an engine that reads its data, an internal/assets/cldr file, when it is first
// asked something.
func New(open func() ([]byte, error)) *Engine {
	sections, err := lru.New[string, any](maxSections)
	if err != nil {
		panic(err) // the size is a constant
	}
	prepared, err := lru.New[string, any](maxPrepared)
	if err != nil {
		panic(err) // the same
	}
	return &Engine{open: open, sections: sections, prepared: prepared}
}

// ready reads the data's index, once.
func (e *Engine) ready() error {
	if e.sup != nil || e.err != nil {
		return e.err
	}
	e.err = func() error {
		if e.open == nil {
			return errors.New("this program carries no locales")
		}
		b, err := e.open()
		if err != nil {
			return err
		}
		if e.file, err = cldr.Open(b); err != nil {
			return err
		}
		sup := &cldr.Supplemental{}
		if _, err := e.file.Read("und", "s", sup); err != nil {
			return err
		}
		e.zones, e.pairs = newZoneTable(sup), variantPairs(sup.Languages)
		e.sup = sup
		return nil
	}()
	return e.err
}

// section reads a section of a locale, of which there is data, or of what it inherits from.
func section[T any](e *Engine, locale, name string) (*T, error) {
	data := e.sup.Locales[locale]
	if data == "" {
		data = "en"
	}
	key := name + ":" + data
	if v, ok := e.sections.Get(key); ok {
		return v.(*T), nil
	}
	out := new(T)
	if _, err := e.file.Read(data, name, out); err != nil {
		return nil, err
	}
	e.sections.Add(key, out)
	return out, nil
}

// prepare remembers what is made of a configuration.
func prepare[T any](e *Engine, kind, config string, make func() (*T, error)) (*T, error) {
	key := kind + config
	if len(key) > maxRemembered {
		return make()
	}
	if v, ok := e.prepared.Get(key); ok {
		return v.(*T), nil
	}
	out, err := make()
	if err != nil {
		return nil, err
	}
	e.prepared.Add(key, out)
	return out, nil
}

// Call answers an operation. Texts are valid UTF-8. What comes back is a text, or JSON
// where an operation has several values.
func (e *Engine) Call(op string, args ...string) (answer string, err error) {
	// The arguments are an app's. What they bring about must not end other calls.
	defer func() {
		if r := recover(); r != nil {
			answer, err = "", fmt.Errorf("intl: %s failed: %v", op, r)
		}
	}()
	if err := e.ready(); err != nil {
		return "", fmt.Errorf("intl: %w", err)
	}
	fn, ok := ops[op]
	if !ok || len(args) < fn.args {
		return "", fmt.Errorf("intl: no operation %s with %d arguments", op, len(args))
	}
	return fn.do(e, args)
}

type operation struct {
	args int
	do   func(*Engine, []string) (string, error)
}

var ops map[string]operation

func init() {
	ops = map[string]operation{
		"canon":      {1, (*Engine).opCanonical},
		"resolve":    {1, (*Engine).opResolve},
		"lookup":     {1, (*Engine).opLookup},
		"likely":     {2, (*Engine).opLikely},
		"locale":     {2, (*Engine).opLocaleInfo},
		"number":     {2, (*Engine).opNumber},
		"parts":      {2, (*Engine).opNumberParts},
		"range":      {3, (*Engine).opNumberRange},
		"currency":   {1, (*Engine).opCurrencyDigits},
		"plural":     {2, (*Engine).opPlural},
		"pluralof":   {3, (*Engine).opPluralRange},
		"categories": {1, (*Engine).opCategories},
		"zone":       {1, (*Engine).opZone},
		"date":       {2, (*Engine).opDate},
		"dateparts":  {2, (*Engine).opDateParts},
		"daterange":  {3, (*Engine).opDateRange},
		"datefields": {1, (*Engine).opDateFields},
		"relative":   {3, (*Engine).opRelative},
		"list":       {3, (*Engine).opList},
		"name":       {2, (*Engine).opName},
		"case":       {3, (*Engine).opCase},
		"compare":    {3, (*Engine).opCompare},
		"segments":   {2, (*Engine).opSegments},
		"values":     {1, (*Engine).opValues},
	}
}

// part is one of formatToParts.
type part struct {
	Type   string `json:"type"`
	Value  string `json:"value"`
	Source string `json:"source,omitempty"`
	Unit   string `json:"unit,omitempty"`
}

func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

func joined(parts []part) string {
	n := 0
	for _, p := range parts {
		n += len(p.Value)
	}
	b := make([]byte, 0, n)
	for _, p := range parts {
		b = append(b, p.Value...)
	}
	return string(b)
}
