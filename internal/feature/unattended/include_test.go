package unattended

import (
	"encoding/json"
	"testing"

	"github.com/annexhq/annex/manifest"
)

// What a trigger has to ask for is told to those that did, by a member's name or by a path to
// one further inside, and nothing else of it.
func TestIncluded(t *testing.T) {
	const data = `{"issue":{"key":"T-1","properties":{"a":1,"b.c":{"x":2},"secret":3}},"changelog":[1],"plain":4}`
	optional := []string{"changelog", "issue.properties", "none.here", "plain.further"}
	for _, c := range []struct {
		fields, paths []string
		want          string
	}{
		{nil, nil, `{"issue":{"key":"T-1"},"plain":4}`},
		{[]string{"changelog"}, nil, `{"changelog":[1],"issue":{"key":"T-1"},"plain":4}`},
		{nil, []string{"issue.properties.a"}, `{"issue":{"key":"T-1","properties":{"a":1}},"plain":4}`},
		{nil, []string{"issue.properties.b.c", "issue.properties.gone"}, `{"issue":{"key":"T-1","properties":{"b.c":{"x":2}}},"plain":4}`},
		{nil, []string{"issue.properties"}, `{"issue":{"key":"T-1","properties":{"a":1,"b.c":{"x":2},"secret":3}},"plain":4}`},
		{nil, []string{"issue", "issue.propertiesx", "properties.a"}, `{"issue":{"key":"T-1"},"plain":4}`},
	} {
		for _, own := range []bool{true, false} { // said of the trigger, or of the event
			include := manifest.TriggerPayload{Include: manifest.PayloadInclude{Fields: c.fields, PropertyPaths: c.paths}}
			m := manifest.Trigger{Events: []manifest.EventRef{{EventType: "made", Payload: include}}}
			if own {
				m = manifest.Trigger{Events: []manifest.EventRef{{EventType: "made"}}, Payload: include}
			}
			got := map[string]json.RawMessage{}
			if err := json.Unmarshal([]byte(data), &got); err != nil {
				t.Fatal(err)
			}
			included(m, "made", optional, got)
			if text, _ := json.Marshal(got); string(text) != c.want {
				t.Errorf("%v %v: %s, want %s", c.fields, c.paths, text, c.want)
			}
		}
	}
}
