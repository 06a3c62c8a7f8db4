package condition_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/condition"
)

const event = `{"issue": {"key": "ANX-1", "fields": {"issueType": {"name": "Bug"}, "labels": ["a", "b"], "votes": 3, "parent": null}},
	"changelog": {"items": [{"field": "status", "toString": "Done"}, {"field": "labels", "toString": "x"}]}, "text": "Grüße 🦊!", "empty": []}`

func holds(t testing.TB, expression string, steps int) (bool, int, error) {
	t.Helper()
	e, err := condition.Parse(expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	var v any
	if err := json.Unmarshal([]byte(event), &v); err != nil {
		t.Fatal(err)
	}
	return e.Holds(map[string]any{"event": v}, steps)
}

func TestHolds(t *testing.T) {
	for expression, want := range map[string]bool{
		"event.issue.fields?.issueType.name == 'Bug'":                                              true,
		"event.issue.fields.issueType.name != \"Bug\"":                                             false,
		"event.nothing?.very.far.away == null":                                                     true,
		"event.nothing?.items.some(i => i.x) == null":                                              true,
		"event.nothing?.['x'] == null && true":                                                     true,
		"event['issue']['key'].startsWith('ANX-')":                                                 true,
		"event.changelog.items.some(item => item.field == 'status' && item['toString'] == 'Done')": true,
		"event.changelog.items.every(i => i.field == 'status')":                                    false,
		"event.changelog.items.filter(i => i.field == 'labels').length === 1":                      true,
		"event.changelog.items.map(i => i.field).includes('labels')":                               true,
		"event.changelog.items.find(i => i.field == 'none') == null":                               true,
		"event.issue.fields.labels == ['a', 'b']":                                                  true,
		"{a: 1, 'b': [2]} == {b: [2], a: 1}":                                                       true,
		"event.issue.fields.labels[2] == null":                                                     true,
		"event.issue.fields.labels.concat('c').join('-') == 'a-b-c'":                               true,
		"event.issue.fields.labels.reduce((x, y) => x + y) == 'ab'":                                true,
		"[1, 2, 3].reduce((x, y) => x + y, 0) == 6":                                                true,
		"[[1], [2, 3]].flatten().length == 3 && [1,2].flatMap(x => [x, x]).length == 4":            true,
		"1 + 2 * 3 - 4 / 2 % 3 == 5":                                                               true,
		"-event.issue.fields.votes < -2 && event.issue.fields.votes >= 3":                          true,
		"event.issue.fields.parent == null ? true : false":                                         true,
		"event.issue.fields.parent ?? 'none' == 'none' ? true : false":                             true,
		"!(1 == '1') && 1 != null":                                                                 true,
		"typeof event.text == 'string' && typeof 1 == 'number' && typeof null == 'null'":           true,
		"event.text.length == 9 && event.text.indexOf('!') == 8":                                   true,
		"event.text.slice(0, 5).toUpperCase().endsWith('SSE') || event.text.slice(-1) == '!'":      true,
		"'a,b,,c'.split(',').length == 4 && ' x '.trim() == 'x' && 'aab'.replace('a', '') == 'ab'": true,
		"let items = event.changelog.items; let n = items.length; n == 2;":                         true,
		"Object.keys(event.issue.fields).includes('votes')":                                        true,
		"Object.entries({a: 1})[0][1] == 1":                                                        true,
		"false || false && true":                                                                   false,
		"() => 1 == 1 == true ? true : false":                                                      false,
	} {
		got, _, err := holds(t, expression, condition.MaxSteps)
		if strings.HasPrefix(expression, "()") {
			var f *condition.Failure
			if !errors.As(err, &f) {
				t.Errorf("%s: %v", expression, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", expression, got, err)
		}
	}
}

func TestFailures(t *testing.T) {
	for expression, why := range map[string]string{
		"event.nothing.more == 1":                           "null",
		"event.issue.fields.parent?.a == null && event.b.c": "null",
		"event.issue.fields.votes":                          "no boolean",
		"event.issue.fields.votes > '2'":                    "compared",
		"event && true":                                     "no boolean",
		"missing == 1":                                      "missing",
		"1 / 0 == 1":                                        "zero",
		"'a' - 1 == 1":                                      "no result",
		"event.text.map(x => x) == 1":                       "no method",
		"[1].filter(x => x) == []":                          "no boolean",
		"let f = g => [g].map(g); [f].map(f) == 1":          "deep",
		"(x => x) == 1":                                     "functions",
	} {
		_, _, err := holds(t, expression, condition.MaxSteps)
		var f *condition.Failure
		if !errors.As(err, &f) || !strings.Contains(f.Why, why) {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

func TestSyntax(t *testing.T) {
	for expression, at := range map[string]int{
		"": 0, "event.": 6, "1 +": 3, "event.x ==": 10, "'abc": 0, "a b": 2, "event.constructor()": 17, "f(1)": 1, "[1, 2": 5, "let x 1; x": 6,
		"a = 1": 2, "{a}": 2, "1.2.3 == 1": 0, "x => ": 5, "@": 0, "'\\q'": 2, "while": -1,
		strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200): -1,
		strings.Repeat("!", 200) + "true":                         -1,
		strings.Repeat("x", condition.MaxLength+1):                0,
	} {
		_, err := condition.Parse(expression)
		var s *condition.SyntaxError
		if expression == "while" { // no word of this language: a name
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if !errors.As(err, &s) || at >= 0 && s.Offset != at {
			t.Errorf("%.40s: %v", expression, err)
		}
	}
}

// What writes every letter of a text anew, or sorts, costs by the size of what it is given.
func TestLargeValuesCostMore(t *testing.T) {
	members := make([]string, 1000)
	for i := range members {
		members[i] = fmt.Sprint("m", i, ": 1")
	}
	text, object := "'"+strings.Repeat("x", 8000)+"'", "{"+strings.Join(members, ", ")+"}"
	for expression, want := range map[string]int{
		text + ".toUpperCase() == ''": 1000, text + ".toLowerCase() == ''": 1000, text + ".charAt(1) == ''": 1000,
		text + ".slice(1) == ''": 1000, text + ".substring(1) == ''": 1000, "Object.keys(" + object + ").length == 0": 4000,
	} {
		if _, steps, err := holds(t, expression, condition.MaxSteps); err != nil || steps < want {
			t.Errorf("%.10s…%s takes %d steps, want %d at least: %v", expression, expression[max(0, len(expression)-20):], steps, want, err)
		}
	}
}

// What an expression may cost does not depend on what it does.
func TestStepsAreCounted(t *testing.T) {
	for _, expression := range []string{
		"[1,2,3,4,5,6,7,8,9,10].flatMap(a => [1,2,3,4,5,6,7,8,9,10].flatMap(b => [1,2,3,4,5,6,7,8,9,10].flatMap(c => [1,2,3,4,5,6,7,8,9,10].map(d => a * b * c * d)))).length == 10000 && [1,2,3,4,5,6,7,8,9,10].flatMap(a => [1,2,3,4,5,6,7,8,9,10].flatMap(b => [1,2,3,4,5,6,7,8,9,10].flatMap(c => [1,2,3,4,5,6,7,8,9,10].map(d => a * b * c * d)))).length == 10000",
		"[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9].reduce((t, i) => t + t, 'xxxxxxxx') == ''",
		"[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9].reduce((t, i) => t.concat(t), [1]) == []",
		"[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9].reduce((t, i) => t.split('').join('xxxxxxxx'), 'xxxxxxxx') == ''",
		"[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9].reduce((t, i) => t.map(x => t), [1, 1]) == [1]",
	} {
		_, steps, err := holds(t, expression, condition.MaxSteps)
		if expression == "" || steps > condition.MaxSteps {
			t.Errorf("%.60s: %d steps", expression, steps)
		}
		if err == nil || !strings.Contains(err.Error(), "steps") {
			if !strings.Contains(expression, "t.map") { // its result is small: two lists of lists
				t.Errorf("%.60s: %v after %d steps", expression, err, steps)
			}
		}
	}
}

func FuzzHolds(f *testing.F) {
	for _, s := range []string{
		"event.issue.fields?.issueType.name == 'Bug'", "let x = [1,2].map((a, b) => a + b); x.length > 1 && !false", "{a: {b: [1, 'x']}}.a?.b[0] ?? -1 == 1 ? true : false",
		"event.changelog.items.some(i => i.field.toLowerCase().includes('st'))", "Object.keys(event)", "(x => x(x))(x => x(x))", "'\\u00e9'.length", "a?.5:1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		e, err := condition.Parse(expression)
		if err != nil {
			var s *condition.SyntaxError
			if !errors.As(err, &s) {
				t.Fatal(err)
			}
			return
		}
		var v any
		if err := json.Unmarshal([]byte(event), &v); err != nil {
			t.Fatal(err)
		}
		_, steps, err := e.Holds(map[string]any{"event": v}, 5000)
		var fail *condition.Failure
		if err != nil && !errors.As(err, &fail) || steps > 5000 {
			t.Fatalf("%v after %d", err, steps)
		}
		var after any
		if json.Unmarshal([]byte(event), &after) != nil {
			return
		}
		if a, _ := json.Marshal(v); string(a) != func() string { b, _ := json.Marshal(after); return string(b) }() {
			t.Fatal("the event was changed")
		}
	})
}
