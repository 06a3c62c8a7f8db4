package conformance

import (
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

//go:embed testdata/icu.js
var icu string

var (
	icuSeed  = flag.Int("icu-seed", 1, "what TestICU makes its questions from")
	icuCount = flag.Int("icu-count", 13000, "how many questions TestICU asks")
	icuShow  = flag.Int("icu-show", 3, "how many disagreements of a kind TestICU shows")
	icuWrite = flag.Bool("icu-write", false, "write the answers that TestLocales expects anew, from Node.js's where the engine agrees")
)

// asked is a question with its answer.
type asked struct {
	Case   json.RawMessage
	Answer string
}

// TestLocales asks the engine what Node.js was asked once. Only answers are kept that the
// engine gave too: what it can, it goes on doing.
func TestLocales(t *testing.T) {
	text, err := os.ReadFile("testdata/icu.answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var want []asked
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) < 500 {
		t.Fatalf("only %d answers", len(want))
	}
	for i, got := range answers(t, want) {
		if got != want[i].Answer {
			t.Errorf("%s\n  engine %s\n  node   %s", want[i].Case, got, want[i].Answer)
		}
	}
}

// write keeps the answers that the engine gives too, one on a line.
func write(t *testing.T, want []asked, got []string) {
	t.Helper()
	var b strings.Builder
	for i, w := range want {
		if got[i] != w.Answer {
			continue
		}
		line, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		if b.Len() > 0 {
			b.WriteString(",\n")
		}
		b.Write(line)
	}
	if err := os.WriteFile("testdata/icu.answers.json", []byte("["+b.String()+"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestICU asks Node.js, whose Intl is ICU, and the engine the same questions. The two know
// CLDR in different releases and so never agree in all; the least that they must agree in
// stands in testdata/icu.json, for each kind of question.
func TestICU(t *testing.T) {
	node := os.Getenv("ANNEX_NODE")
	if node == "" {
		t.Skip("ANNEX_NODE names no Node.js (24 or later, with full ICU)")
	}
	script := icu + fmt.Sprintf(`
process.stdout.write(JSON.stringify(icuCases(%d, %d).map((c) => ({ Case: c, Answer: icuAnswer(c) }))));`, *icuSeed, *icuCount)
	out, err := exec.CommandContext(t.Context(), node, "--input-type=commonjs", "-e", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []asked
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	got := answers(t, want)
	if *icuWrite {
		write(t, want, got)
		return
	}
	type count struct{ same, all int }
	kinds, places := map[string]*count{}, map[string]int{}
	for i, w := range want {
		var c []any
		if err := json.Unmarshal(w.Case, &c); err != nil {
			t.Fatal(err)
		}
		kind := c[0].(string)
		if kinds[kind] == nil {
			kinds[kind] = &count{}
		}
		n := kinds[kind]
		n.all++
		if got[i] == w.Answer {
			n.same++
			continue
		}
		places[kind+" "+c[1].(string)]++
		if n.all-n.same <= *icuShow {
			t.Logf("%s\n  engine %s\n  node   %s", w.Case, got[i], w.Answer)
		}
	}
	var floor map[string]float64
	text, err := os.ReadFile("testdata/icu.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &floor); err != nil {
		t.Fatal(err)
	}
	var names []string
	for k := range kinds {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		rate := 100 * float64(kinds[k].same) / float64(kinds[k].all)
		var where []string
		for p, n := range places {
			if l, ok := strings.CutPrefix(p, k+" "); ok && n > 2 {
				where = append(where, fmt.Sprintf("%s %d", l, n))
			}
		}
		slices.Sort(where)
		t.Logf("%-12s %5d of %5d  %.1f %%  %s", k, kinds[k].same, kinds[k].all, rate, strings.Join(where, ", "))
		if rate < floor[k] {
			t.Errorf("%s: %.1f %% agree, at least %.1f %% should", k, rate, floor[k])
		}
	}
}

// answers lets the engine answer questions.
func answers(t *testing.T, questions []asked) []string {
	t.Helper()
	w := newWorld(t, "")
	const run = `(function (_, register) { register({ t: { run: (cases) => cases.map(icuAnswer) } }); })`
	var all []string
	for some := range slices.Chunk(questions, 500) {
		list := make([]json.RawMessage, len(some))
		for i, q := range some {
			list[i] = q.Case
		}
		payload, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		o, logs, err := w.run(payload, icu+test262End, run)
		if err != nil {
			t.Fatal(err, logs)
		}
		var out []string
		if !o.OK || json.Unmarshal(o.Body, &out) != nil {
			t.Fatalf("%s %v", o.Head, o.Fault)
		}
		all = append(all, out...)
	}
	return all
}
