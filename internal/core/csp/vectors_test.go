package csp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// TestVectors decides each vector of kind csp of the file in ANNEX_EGRESS_VECTORS, or of
// our own sample: one subtest per vector, named by its id.
func TestVectors(t *testing.T) {
	path := os.Getenv("ANNEX_EGRESS_VECTORS")
	if path == "" {
		path = "testdata/csp.jsonl"
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decided := 0
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		line := bytes.Clone(lines.Bytes())
		var kind struct{ ID, Kind string }
		if err := json.Unmarshal(line, &kind); err != nil {
			t.Fatalf("%s:%d: %v", path, n, err)
		}
		if kind.Kind != "csp" {
			continue
		}
		t.Run(kind.ID, func(t *testing.T) {
			var v struct {
				ID, Kind, Why, Source, Note string
				Patterns                    []string
				URL, Origin                 string
				RedirectCount               int `json:"redirect_count"`
				Allow                       *bool
			}
			dec := json.NewDecoder(bytes.NewReader(line))
			dec.DisallowUnknownFields() // what a vector means beyond this is not guessed
			if err := dec.Decode(&v); err != nil {
				t.Skip(err)
			}
			if v.Allow == nil {
				t.Fatal("the vector states no expected answer")
			}
			if v.Origin == "" {
				v.Origin = "https://app.apps.test"
			}
			decided++
			if got := MatchList(v.Patterns, v.URL, v.Origin, v.RedirectCount); got != *v.Allow {
				t.Errorf("allow = %v\n%s", got, line)
			}
			var told struct {
				ID, Reason, Rule string
				Allow            bool
			}
			if err := json.Unmarshal(ExplainLine(n, line), &told); err != nil || told.ID != kind.ID || told.Allow != *v.Allow || told.Reason == "" || told.Rule == "" {
				t.Errorf("explain egress says %+v, %v", told, err)
			}
		})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if decided == 0 {
		t.Fatal("no vector was decided")
	}
}
