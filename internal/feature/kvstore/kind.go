package kvstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"math"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/manifest"
)

// Manifests gives the manifest of a version, which never changes.
type Manifests interface {
	Manifest(ctx context.Context, version id.Version) (*manifest.Manifest, error)
}

// byKey is the index that every kind has: by the entities' keys.
const byKey = "by-key"

// Kind is an entity that a version declares: its attributes and what queries go by.
type Kind struct {
	Name       string
	attributes map[string]string // name → type
	indexes    map[string]*index
}

// attribute is an attribute of an index, as [name, type] in JSON.
type attribute [2]string

func (a attribute) name() string { return a[0] }
func (a attribute) kind() string { return a[1] }

// index orders the entities of a kind within each value of its partition. What it is of
// is all that it is: two with the same attributes are one, whatever their names.
type index struct {
	Partition []attribute `json:"partition"`
	Range     *attribute  `json:"range"`
	id        []byte      // begins the paths of its entries
}

func newIndex(kind string, partition []attribute, by *attribute) *index {
	x := &index{Partition: partition, Range: by}
	sum := sha256.Sum256(append([]byte(kind+"\x00"), x.definition()...))
	x.id = sum[:8]
	return x
}

func (x *index) definition() string {
	b, _ := json.Marshal(x) // texts always have a form
	return string(b)
}

func parseIndex(kind, definition string) (*index, error) {
	var x index
	if err := json.Unmarshal([]byte(definition), &x); err != nil {
		return nil, fault.Op("kvstore.parseIndex", err)
	}
	return newIndex(kind, x.Partition, x.Range), nil
}

// NewKind reads a declaration, which the manifest's own check has passed.
func NewKind(e manifest.Entity) *Kind {
	k := &Kind{Name: e.Name, attributes: map[string]string{}, indexes: map[string]*index{}}
	for name, a := range e.Attributes {
		k.attributes[name] = a.Type
	}
	at := func(name string) attribute { return attribute{name, k.attributes[name]} }
	for _, x := range e.Indexes {
		if len(x.Partition)+len(x.Range) == 0 {
			x.Range = []string{x.Name} // an index that is the name of an attribute
		}
		var partition []attribute
		for _, name := range x.Partition {
			partition = append(partition, at(name))
		}
		var by *attribute
		if len(x.Range) > 0 {
			by = new(at(x.Range[0]))
		}
		k.indexes[x.Name] = newIndex(e.Name, partition, by)
	}
	return k
}

// kind is the declaration of an entity in the version that runs.
func (s *Store) kind(ctx context.Context, version id.Version, name string) (*Kind, error) {
	if s.manifests == nil {
		return nil, undeclared(name)
	}
	kinds, ok := s.kinds.Get(version)
	if !ok {
		m, err := s.manifests.Manifest(ctx, version)
		if err != nil {
			return nil, fault.Op("kvstore.kind", err)
		}
		kinds = map[string]*Kind{}
		for _, e := range m.App.Storage.Entities {
			kinds[e.Name] = NewKind(e)
		}
		s.kinds.Add(version, kinds)
	}
	if k := kinds[name]; k != nil {
		return k, nil
	}
	return nil, undeclared(name)
}

func undeclared(name string) error {
	return refuse("ENTITY_NOT_DECLARED", "the manifest declares no entity %.60q", name).
		WithFix("declare it under app.storage.entities, with its attributes, and deploy")
}

// check reads an entity's value: an object of declared attributes, each of its type.
func (k *Kind) check(value []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(value))
	var out map[string]any
	if err := d.Decode(&out); err != nil || out == nil {
		return nil, refuse("INVALID_ENTITY_VALUE", "the value of an entity has to be an object").
			WithFix("store an object of the attributes that %s declares", k.Name)
	}
	for name, v := range out {
		kind, ok := k.attributes[name]
		if !ok {
			return nil, refuse("ATTRIBUTE_NOT_DECLARED", "the entity %s has no attribute %.100q", k.Name, name).
				WithFix("declare it in the manifest, or leave it out")
		}
		if !isOf(kind, v) {
			says := kind
			if kind == "integer" {
				says = "integer (-2147483648 to 2147483647)" // or a time in milliseconds would seem to be one
			}
			return nil, refuse("ATTRIBUTE_TYPE", "the attribute %s of %s is declared as %s, and the value is not", name, k.Name, says).
				WithFix("store a value of that type, or declare the attribute as another one")
		}
	}
	for _, x := range k.indexes {
		if err := x.checkSize(out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// isOf says whether a JSON value is of a declared type.
func isOf(kind string, v any) bool {
	switch v := v.(type) {
	case string:
		return kind == "string" || kind == "any"
	case bool:
		return kind == "boolean" || kind == "any"
	case float64:
		return kind == "float" || kind == "any" ||
			kind == "integer" && v == math.Trunc(v) && v >= math.MinInt32 && v <= math.MaxInt32
	}
	return kind == "any"
}

func (k *Kind) definitions() []string {
	var out []string
	for _, x := range k.indexes {
		out = append(out, x.definition())
	}
	slices.Sort(out)
	return slices.Compact(out)
}
