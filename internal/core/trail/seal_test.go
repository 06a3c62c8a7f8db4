package trail_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/annexhq/annex/internal/core/trail"
)

// A sealed entry is the one that would have been written with its detail as JSON: the same
// line, hash and detail, whatever the texts hold.
func TestSeal(t *testing.T) {
	for _, tc := range []struct {
		e      trail.Entry
		detail any
	}{
		{trail.Entry{Segment: "s", Seq: 1, Site: "site", Install: "i", At: 5, Actor: "user:alice", Act: "sent"}, map[string]int{"a": 1}},
		{trail.Entry{Segment: `","detail":1,"prev":""}`, Actor: `,"detail":`, Act: "<&>", Prev: "0123456789abcdef"}, struct {
			Text string `json:"detail"`
			List []any  `json:"prev"`
		}{`,"prev":"" } <b> é ` + "\u2028\x00\xff", []any{nil, 1.5, `"`}}},
		{trail.Entry{}, "text"},
	} {
		text, err := json.Marshal(tc.detail)
		if err != nil {
			t.Fatal(err)
		}
		want := tc.e
		want.Detail = text
		if want.Hash, err = want.Digest(); err != nil {
			t.Fatal(err)
		}
		line, err := want.Line()
		if err != nil {
			t.Fatal(err)
		}
		got := tc.e
		sealed, err := got.Seal(tc.detail)
		if err != nil || string(sealed) != string(line) || string(got.Detail) != string(text) || got.Hash != want.Hash {
			t.Errorf("%s %v: %s, want %s", sealed, err, got.Detail, line)
		}
		read, ok := trail.ReadEntry(sealed)
		if !ok || !reflect.DeepEqual(read, got) {
			t.Errorf("read again: %+v %v", read, ok)
		}
	}
	var e trail.Entry
	if _, err := e.Seal(func() {}); err == nil {
		t.Error("what has no JSON was sealed")
	}
}
