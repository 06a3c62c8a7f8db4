package manifest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/perm"
)

// TestProve holds what perm.Covers says of random pairs of manifests against the oracle,
// which asks the decisions one by one. `make prove PAIRS=1000000` is the long run;
// PROVE_SEED repeats one.
func TestProve(t *testing.T) {
	pairs := 4000
	if v := os.Getenv("PROVE_PAIRS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			t.Fatalf("PROVE_PAIRS=%q is no number of pairs", v)
		}
		pairs = n
	}
	seed := uint64(time.Now().UnixNano())
	if v := os.Getenv("PROVE_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("PROVE_SEED=%q is no number", v)
		}
		seed = n
	}
	began := time.Now()
	workers := runtime.GOMAXPROCS(0)
	provers := make([]*prover, workers)
	var wg sync.WaitGroup
	for i := range provers {
		provers[i] = &prover{oracle: newOracle(), draw: drawer{rand.New(rand.NewPCG(seed, uint64(i)))}}
		wg.Go(func() { provers[i].run((pairs + workers - 1) / workers) })
	}
	wg.Wait()
	var total prover
	for _, p := range provers {
		total.pairs += p.pairs
		total.grew += p.grew
		total.equal += p.equal
		total.refused += p.refused
		if p.fault != "" {
			t.Fatalf("PROVE_SEED=%d: %s", seed, p.fault)
		}
	}
	t.Logf("%d pairs, seed %d, in %s: authority grew in %d, both permitted the same in %d; the oracle and Covers agree on all",
		total.pairs, seed, time.Since(began).Round(time.Millisecond), total.grew, total.equal)
	// A run that only saw trivial pairs shows nothing.
	if total.grew < total.pairs/4 || total.pairs-total.grew < total.pairs/10 || total.equal < total.pairs/50 || total.refused > total.pairs/50 {
		t.Errorf("of %d pairs %d grew, %d were equal, and %d drawn manifests were refused: the pairs are too much alike", total.pairs, total.grew, total.equal, total.refused)
	}
}

// prover is one thread of the run: a walk from manifest to manifest, each a relative of
// the one before or drawn anew, and compared with the last four.
type prover struct {
	oracle *oracle
	draw   drawer

	pairs, grew, equal, refused int
	fault                       string
}

// said is a manifest with what both sides make of it.
type said struct {
	model   model
	set     perm.Set
	answers answers
}

func (p *prover) run(pairs int) {
	recent := []*said{p.load(nil)}
	for n := 0; p.pairs < pairs; n++ {
		next := p.draw.change(recent[0].model)
		if p.draw.chance(10) {
			next = p.draw.model()
		}
		after := p.load(next)
		if after == nil {
			p.refused++
			continue
		}
		if n%500 == 0 {
			if wrong := p.oracle.meaning(after); wrong != "" {
				p.fault = wrong + "\n" + string(after.model.text())
				return
			}
		}
		for _, before := range recent {
			p.pairs++
			if p.compare(before, after, p.pairs%5 == 0) != "" {
				p.fault = p.smallest(before, after)
				return
			}
		}
		if recent = append([]*said{after}, recent...); len(recent) > 4 {
			recent = recent[:4]
		}
	}
}

// load reads the model's text as a deploy would; nil when the text is refused.
func (p *prover) load(m model) *said {
	loaded, ds := Load("manifest.yml", m.text(), Options{})
	if ds.HasErrors() {
		return nil
	}
	return &said{m, loaded.Permissions(), p.oracle.ask(loaded)}
}

// compare says how the two sides disagree about a pair, or "".
// whole compares the words and the example too.
func (p *prover) compare(before, after *said, whole bool) string {
	beyond, back := p.oracle.beyond(before.answers, after.answers), p.oracle.beyond(after.answers, before.answers)
	if beyond != "" {
		p.grew++
	} else if back == "" {
		p.equal++
	}
	if perm.Covers(before.set, after.set) != (beyond == "") {
		return fmt.Sprintf("Covers says %v, and the oracle finds %q", beyond != "", beyond)
	}
	if perm.Covers(after.set, before.set) != (back == "") {
		return fmt.Sprintf("Covers says %v of the way back, and the oracle finds %q", back != "", back)
	}
	if !whole {
		return ""
	}
	if same := perm.Digest(before.set) == perm.Digest(after.set); same != (beyond == "" && back == "") {
		return fmt.Sprintf("the digests are equal: %v, and the oracle finds %q and %q", same, beyond, back)
	}
	c := perm.Compare(before.set, after.set)
	if c.Grows != (beyond != "") || c.Grows != (len(c.Grown) > 0) || c.Grows != (c.Example != nil) || (len(c.Shrunk) > 0) != (back != "") {
		return fmt.Sprintf("Compare says %+v, and the oracle finds %q and %q", c, beyond, back)
	}
	if c.Example != nil {
		return p.oracle.example(before.answers, after.answers, *c.Example)
	}
	return ""
}

// example checks that an example is one, and the least: no request of an earlier way of
// leaving is one, and none of its own that is shorter.
func (o *oracle) example(have, want answers, e perm.Example) string {
	if e.New == "" || e.Before == "" || e.Text == "" || e.Kind == "" {
		return fmt.Sprintf("the example %+v lacks words", e)
	}
	scope := false
	for q := range want.rest {
		scope = scope || strings.HasPrefix(q, "scope ") && !have.rest[q]
	}
	if scope != (e.Kind == "scope") {
		return fmt.Sprintf("the example %+v is not of the first kind", e)
	}
	if e.Kind == "scope" {
		return ""
	}
	for _, t := range perm.EgressTypes {
		for _, c := range circumstances {
			i := o.first(have.requests[string(t)+c.name], want.requests[string(t)+c.name])
			least := ""
			if i >= 0 {
				least = o.urls[i].String()
			}
			switch {
			case i < 0:
			case e.Type != t:
				return fmt.Sprintf("the example %+v comes after %s to %s", e, t, least)
			case c.name == "" && e.URL != least:
				return fmt.Sprintf("the example %+v is not %s", e, least)
			default:
				return ""
			}
		}
	}
	if e.URL != "" || e.Type != "" {
		return fmt.Sprintf("the example %+v is permitted by both", e)
	}
	return ""
}

// meaning holds the declared set against the manifest itself, question by question.
func (o *oracle) meaning(s *said) string {
	for _, t := range perm.EgressTypes {
		for _, c := range circumstances {
			set := perm.Set{}
			for _, e := range s.set.Egress {
				if (!c.analyticsOff || e.Category == "") && (!c.userData || e.InScopeEUD) {
					set.Egress = append(set.Egress, e)
				}
			}
			have := s.answers.requests[string(t)+c.name]
			for i, u := range o.urls {
				if got := perm.AllowsURL(set, t, u).Allow; got != (have != nil && have.has(i)) {
					return fmt.Sprintf("the declared set says %v of %s to %s%s, and the manifest the opposite", got, t, u, c.name)
				}
			}
		}
		have := s.answers.requests["ask for "+string(t)]
		for i, u := range o.urls {
			if got := perm.MayAsk(s.set, t, u); got != (have != nil && have.has(i)) {
				return fmt.Sprintf("the declared set says %v of asking for %s to %s, and the manifest the opposite", got, t, u)
			}
		}
	}
	return ""
}

// smallest takes away from both manifests what the disagreement does not need.
func (p *prover) smallest(before, after *said) string {
	wrong := p.compare(before, after, true)
	for again := true; again; {
		again = false
		try := func(b, a *said) bool {
			if b == nil || a == nil {
				return false
			}
			w := p.compare(b, a, true)
			if w != "" {
				before, after, wrong, again = b, a, w, true
			}
			return w != ""
		}
		before.model.smaller(func(m model) bool { return !try(p.load(m), after) })
		after.model.smaller(func(m model) bool { return !try(before, p.load(m)) })
	}
	return fmt.Sprintf("%s\n--- old.yml\n%s--- new.yml\n%s", wrong, before.model.text(), after.model.text())
}

// TestProveDrawsEveryField: a field that the pairs never differ in is a field of which
// the proof says nothing.
func TestProveDrawsEveryField(t *testing.T) {
	draw := drawer{rand.New(rand.NewPCG(1, 2))}
	values := map[string]map[string]bool{}
	for range 3000 {
		var m *Manifest
		// Before older spellings are replaced by present ones, so that those count too.
		var ds Diagnostics
		text := draw.model().text()
		if m, ds = Load("manifest.yml", text, Options{}); ds.HasErrors() {
			continue
		}
		seen := map[string]bool{}
		walkValues(reflect.ValueOf(m).Elem(), "", func() {}, func(path string, v reflect.Value, _ func()) {
			seen[path] = true
			note(values, path, fmt.Sprint(v.Interface()))
		})
		for path := range values {
			if !seen[path] {
				note(values, path, "(absent)")
			}
		}
		for _, spelling := range []string{"configurable", "userConfiguration"} {
			note(values, "remotes[]."+spelling+".domainPatterns[]", fmt.Sprint(bytes.Contains(text, []byte("domainPatterns"))))
		}
		if bytes.Contains(text, []byte("userConfiguration")) {
			note(values, "remotes[].userConfiguration.default", fmt.Sprint(bytes.Contains(text, []byte("default: https"))))
			note(values, "remotes[].userConfiguration.supportedPatterns[]", fmt.Sprint(bytes.Contains(text, []byte("supportedPatterns"))))
		}
		if bytes.Contains(text, []byte("allowDataEgress")) {
			note(values, "modules.webtrigger[].security.egress.allowDataEgress", fmt.Sprint(bytes.Contains(text, []byte("allowDataEgress: true"))))
		}
	}
	var missing []string
	for path, place := range authority {
		if place == inSet && len(values[path]) < 2 {
			missing = append(missing, fmt.Sprintf("%s is always %v", path, values[path]))
		}
	}
	slices.Sort(missing)
	for _, m := range missing {
		t.Error(m)
	}
}

func note(values map[string]map[string]bool, path, value string) {
	if values[path] == nil {
		values[path] = map[string]bool{}
	}
	if len(values[path]) < 4 {
		values[path][value] = true
	}
}

// TestProveShrinks plants a disagreement and demands the smallest pair that shows it.
func TestProveShrinks(t *testing.T) {
	p := &prover{oracle: newOracle(), draw: drawer{rand.New(rand.NewPCG(3, 4))}}
	p.oracle.blind = true // it knows of no actions
	var m model
	for _, k := range []string{"scope", "webtrigger", "runtime", "remote", "event"} {
		m = append(m, piece{k, p.draw.of(k)})
	}
	got := p.smallest(p.load(m), p.load(append(slices.Clone(m), piece{"action", p.draw.of("action")})))
	if strings.Count(got, "actionVerb") != 1 || strings.Contains(got, "permissions") || strings.Contains(got, "remotes") {
		t.Errorf("the pair is not small:\n%s", got)
	}
}
