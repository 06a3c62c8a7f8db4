package hostrule

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// TestVectors decides each vector of the file in ANNEX_EGRESS_VECTORS, or of our own
// sample: one subtest per vector, named by its id.
func TestVectors(t *testing.T) {
	path := os.Getenv("ANNEX_EGRESS_VECTORS")
	if path == "" {
		path = "testdata/egress.jsonl"
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
		var expect struct {
			ID    string `json:"id"`
			Allow *bool  `json:"allow"`
			Valid *bool  `json:"valid"`
			Rule  string `json:"rule"` // in our own sample
		}
		if err := json.Unmarshal(lines.Bytes(), &expect); err != nil {
			t.Fatalf("%s:%d: %v", path, n, err)
		}
		line := bytes.Clone(lines.Bytes())
		t.Run(expect.ID, func(t *testing.T) {
			v, answer, ok := readVector(line)
			if ok {
				answer = Explain(v)
			}
			if answer.Skipped {
				t.Skip(answer.Reason)
			}
			if answer.Error != "" {
				t.Fatal(answer.Error)
			}
			want := expect.Allow
			if v.Kind == "pattern" {
				want = expect.Valid
			}
			if want == nil {
				t.Fatal("the vector states no expected answer")
			}
			decided++
			if answer.Allow != *want {
				t.Errorf("allow = %v by %s (%s)\n%s", answer.Allow, answer.Rule, answer.Reason, line)
			}
			if answer.Rule == "" || answer.Reason == "" {
				t.Errorf("no rule or reason: %+v", answer)
			}
			if expect.Rule != "" && answer.Rule != expect.Rule {
				t.Errorf("rule %s, want %s\n%s", answer.Rule, expect.Rule, line)
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
