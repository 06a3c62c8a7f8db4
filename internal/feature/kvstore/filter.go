package kvstore

import (
	"encoding/json"
	"slices"
	"strings"
)

const maxConditions = 100

// Condition is what an attribute is held against.
type Condition struct {
	Field     string          `json:"field"`
	Condition string          `json:"condition"`
	Value     json.RawMessage `json:"value"`
	Operator  string          `json:"operator"` // "and" or "or"; all of a Filter's are the same
}

// Filter is all or any of its conditions; an empty one lets everything pass.
type Filter []Condition

// term is a condition that was checked against its kind.
type term struct {
	field, condition string
	values           []any
}

type terms struct {
	all []term
	any bool
}

// parse checks a filter.
func (k *Kind) parse(f Filter) (terms, error) {
	var out terms
	if len(f) > maxConditions {
		return out, refuse("INVALID_FILTER_LIMIT", "the filter has %d conditions, the limit is %d", len(f), maxConditions).
			With("limit", maxConditions).With("figure", len(f))
	}
	for i, c := range f {
		if c.Operator != f[0].Operator || c.Operator != "and" && c.Operator != "or" {
			return out, refuse("INVALID_FILTER_COMBINATION", "condition %d of the filter mixes and with or", i+1).
				WithFix("use and for all conditions, or or for all")
		}
		kind, ok := k.attributes[c.Field]
		if !ok {
			return out, refuse("INVALID_FILTER_ATTRIBUTE", "the entity %s has no attribute %.100q", k.Name, c.Field)
		}
		t, err := parseTerm(c, kind)
		if err != nil {
			return out, err
		}
		out.all, out.any = append(out.all, t), c.Operator == "or"
	}
	return out, nil
}

// takes is how many values each condition is held against.
var takes = map[string]int{
	"EQUAL_TO": 1, "NOT_EQUAL_TO": 1, "GREATER_THAN": 1, "GREATER_THAN_EQUAL_TO": 1, "LESS_THAN": 1, "LESS_THAN_EQUAL_TO": 1,
	"BEGINS_WITH": 1, "CONTAINS": 1, "NOT_CONTAINS": 1, "BETWEEN": 2, "EXISTS": 0, "NOT_EXISTS": 0,
}

func parseTerm(c Condition, kind string) (term, error) {
	n, ok := takes[c.Condition]
	if !ok {
		return term{}, refuse("INVALID_FILTER_CONDITION", "there is no condition %.40q", c.Condition)
	}
	values, err := scalars(c.Value, n)
	if err != nil {
		return term{}, err
	}
	for _, v := range values {
		if !isOf(kind, v) {
			return term{}, refuse("INVALID_FILTER_VALUE", "%s is declared as %s, and the condition's value is not", c.Field, kind)
		}
		if _, text := v.(string); !text && c.Condition == "BEGINS_WITH" {
			return term{}, refuse("INVALID_FILTER_VALUE", "only texts begin with something")
		}
	}
	return term{c.Field, c.Condition, values}, nil
}

// scalars reads n values of a condition: one as it is, two as a list.
func scalars(raw json.RawMessage, n int) ([]any, error) {
	var out []any
	var err error
	switch n {
	case 0:
		return nil, nil
	case 1:
		out = []any{nil}
		err = json.Unmarshal(raw, &out[0])
	default:
		err = json.Unmarshal(raw, &out)
	}
	if err != nil || len(out) != n {
		return nil, refuse("INVALID_FILTER_VALUE", "the condition takes %d value(s)", n)
	}
	for _, v := range out {
		switch v.(type) {
		case string, float64, bool:
		default:
			return nil, refuse("INVALID_FILTER_VALUE", "a condition's value is a text, a number or a truth value")
		}
	}
	return out, nil
}

// match holds an entity's attributes against the filter.
func (f terms) match(attrs map[string]any) bool {
	if len(f.all) == 0 {
		return true
	}
	for _, t := range f.all {
		if t.match(attrs) == f.any {
			return f.any
		}
	}
	return !f.any
}

// match of an attribute that is missing is true only for what denies.
func (t term) match(attrs map[string]any) bool {
	v, have := attrs[t.field]
	switch t.condition {
	case "EXISTS":
		return have
	case "NOT_EXISTS":
		return !have
	case "NOT_EQUAL_TO":
		order, same := compare(v, t.values[0])
		return !have || !same || order != 0
	case "CONTAINS", "NOT_CONTAINS":
		return have && contains(v, t.values[0]) == (t.condition == "CONTAINS") || !have && t.condition == "NOT_CONTAINS"
	}
	if !have {
		return false
	}
	if t.condition == "BEGINS_WITH" {
		text, ok := v.(string)
		return ok && strings.HasPrefix(text, t.values[0].(string))
	}
	low, ok := compare(v, t.values[0])
	if !ok {
		return false
	}
	switch t.condition {
	case "EQUAL_TO":
		return low == 0
	case "GREATER_THAN":
		return low > 0
	case "GREATER_THAN_EQUAL_TO":
		return low >= 0
	case "LESS_THAN":
		return low < 0
	case "LESS_THAN_EQUAL_TO":
		return low <= 0
	}
	high, ok := compare(v, t.values[1]) // BETWEEN
	return ok && low >= 0 && high <= 0
}

// contains is of texts within texts and of members of lists.
func contains(v, what any) bool {
	switch v := v.(type) {
	case string:
		text, ok := what.(string)
		return ok && strings.Contains(v, text)
	case []any:
		return slices.ContainsFunc(v, func(member any) bool {
			order, ok := compare(member, what)
			return ok && order == 0
		})
	}
	return false
}

// compare orders two values of one type.
func compare(a, b any) (int, bool) {
	if tagOf(a) != tagOf(b) {
		return 0, false
	}
	x, ok := appendScalar(nil, a)
	y, ok2 := appendScalar(nil, b)
	return strings.Compare(string(x), string(y)), ok && ok2
}
