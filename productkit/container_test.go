package productkit

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestContainersOfEvents(t *testing.T) {
	all := []Container{{"project", "10001"}, {"project", "A&B=C"}, {"space", "für alle"}}
	read := func(text string) ([]Container, error) {
		raw, _ := json.Marshal(text)
		r := &reader{claims: claims{"containers": raw}}
		out := r.containers()
		return out, r.err
	}
	if got, err := read(written(all)); err != nil || !slices.Equal(got, all) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"project", "=1", "project=", "project=%zz", "project=1&&project=2"} {
		if got, err := read(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
	if got, err := (&reader{}).containers(), error(nil); got != nil || err != nil {
		t.Errorf("none: %v", got)
	}
}

func TestBlocked(t *testing.T) {
	read := func(text string) (*Access, error) {
		a, r := &Access{}, &reader{claims: claims{"blocked": json.RawMessage(text)}}
		a.rules(r)
		return a, r.err
	}
	a, err := read(`{"project":["DEMO","10002","OTHER."],"space":["x"]}`)
	if err != nil || !a.Blocked("project", "10001", "demo") || !a.Blocked("project", "10002") || !a.Blocked("project", "other") || !a.Blocked("project", "Demo. ") || a.Blocked("project", "x") || a.Blocked("space") || a.Blocked("team", "x") {
		t.Errorf("%+v, %v", a, err)
	}
	for _, bad := range []string{`[]`, `null`, `"DEMO"`, `{"project":"DEMO"}`, `{"project":[]}`, `{"project":[null]}`, `{"project":[1]}`, `{"project":null}`} {
		if a, err := read(bad); err == nil {
			t.Errorf("%s is read as %+v", bad, a)
		}
	}
	if (&Access{}).Blocked("project", "DEMO") {
		t.Error("a call that no rule is about")
	}
}
