package hostrule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// maxRedirects is how many redirects a fetch follows.
const maxRedirects = 20

// Vector is one question about the rules, as `annex explain egress` reads it: does a
// list of patterns admit a URL (kind "backend", or "resource" with a type), or is a
// pattern valid (kind "pattern").
type Vector struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// Patterns are the declared entries; one that is refused admits nothing.
	Patterns []string `json:"patterns"`
	// URL is the exact string that the app passes.
	URL string `json:"url"`
	// Redirects are Location values in order: all hops must be admitted.
	Redirects []string `json:"redirects"`
	// RedirectCount says how many redirects were followed before the URL.
	RedirectCount int `json:"redirect_count"`
	// Pattern is what kind "pattern" asks about.
	Pattern string `json:"pattern"`
	// Context is "", "remote.baseUrl" or "remote.supportedPatterns".
	Context string `json:"context"`
	// Type is an egress type, for kinds "resource" and "pattern".
	Type string `json:"type"`
}

const (
	remoteBaseURL           = "remote.baseUrl"
	remoteSupportedPatterns = "remote.supportedPatterns"
)

// fields are those that each kind understands, beside what describes the vector
// (why, source) or states the expected answer (allow, valid, rule). Another field might
// change the question, so a vector that has one is not answered.
var fields = map[string][]string{
	"backend":  {"patterns", "url", "redirects", "redirect_count", "context"},
	"resource": {"patterns", "url", "redirects", "redirect_count", "type"},
	"pattern":  {"pattern", "context", "type"},
}

var commonFields = []string{"id", "kind", "why", "source", "allow", "valid", "rule"}

// needed are the fields without which there is no question.
var needed = map[string][]string{
	"backend":  {"patterns", "url"},
	"resource": {"patterns", "url", "type"},
	"pattern":  {"pattern"},
}

var typeUses = map[string]Use{
	"FETCH_BACKEND_SIDE": Backend,
	"FETCH_CLIENT_SIDE":  Resource, "IMAGES": Resource, "MEDIA": Resource, "FONTS": Resource, "NAVIGATION": Resource,
	"SCRIPTS": Code, "STYLES": Code, "FRAMES": Code,
}

// Answer is what Explain says about a vector: a decision with its rule, or Skipped
// with the reason, or Error for a line that is no vector.
type Answer struct {
	ID      string
	Allow   bool
	Reason  string
	Rule    string
	Skipped bool
	Error   string
	Line    int
}

// MarshalJSON writes one of the three forms {id, allow, reason, rule},
// {id, skipped, reason} and {id, error, line}.
func (a Answer) MarshalJSON() ([]byte, error) {
	switch {
	case a.Error != "":
		return json.Marshal(struct {
			ID    string `json:"id,omitempty"`
			Error string `json:"error"`
			Line  int    `json:"line"`
		}{a.ID, a.Error, a.Line})
	case a.Skipped:
		return json.Marshal(struct {
			ID      string `json:"id"`
			Skipped bool   `json:"skipped"`
			Reason  string `json:"reason"`
		}{a.ID, true, a.Reason})
	default:
		return json.Marshal(struct {
			ID     string `json:"id"`
			Allow  bool   `json:"allow"`
			Reason string `json:"reason"`
			Rule   string `json:"rule"`
		}{a.ID, a.Allow, a.Reason, a.Rule})
	}
}

// ExplainLine answers one line of input, numbered from 1, with one line of JSON
// without its end; nil for a blank line.
func ExplainLine(number int, line []byte) []byte {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	v, a, ok := readVector(line)
	if ok {
		a = Explain(v)
	}
	return a.Encode(number)
}

// Encode is the answer to the line of that number, as JSON on one line without its end.
func (a Answer) Encode(number int) []byte {
	if a.Error != "" {
		a.Line = number
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(a); err != nil {
		// Strings, a bool and a number always encode.
		panic("hostrule: an answer has no JSON: " + err.Error())
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// readVector decodes strictly: names by their exact spelling, and none that the kind
// does not know. Where it returns false, the answer says why.
func readVector(line []byte) (Vector, Answer, bool) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return Vector{}, Answer{Error: "not a JSON object: " + inWords(err)}, false
	}
	if members == nil {
		return Vector{}, Answer{Error: "not a JSON object"}, false
	}
	var v Vector
	read := func(name string, into any) error {
		raw, ok := members[name]
		if !ok {
			return nil
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return fmt.Errorf("%s: %s", name, inWords(err))
		}
		return nil
	}
	if err := read("id", &v.ID); err != nil {
		return v, Answer{Error: err.Error()}, false
	}
	if err := read("kind", &v.Kind); err != nil {
		return v, Answer{ID: v.ID, Error: err.Error()}, false
	}
	known, ok := fields[v.Kind]
	if !ok {
		return v, skip(v, "vectors of kind "+quote(v.Kind)+" are not decided here"), false
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(known, name) && !slices.Contains(commonFields, name) {
			return v, skip(v, "the field "+quote(name)+" is not known for kind "+v.Kind), false
		}
	}
	for _, name := range needed[v.Kind] {
		if _, ok := members[name]; !ok {
			return v, Answer{ID: v.ID, Error: "a vector of kind " + v.Kind + " needs the field " + name}, false
		}
	}
	for _, f := range []struct {
		name string
		into any
	}{
		{"patterns", &v.Patterns}, {"url", &v.URL}, {"redirects", &v.Redirects}, {"redirect_count", &v.RedirectCount},
		{"pattern", &v.Pattern}, {"context", &v.Context}, {"type", &v.Type},
	} {
		if err := read(f.name, f.into); err != nil {
			return v, Answer{ID: v.ID, Error: err.Error()}, false
		}
	}
	return v, Answer{}, true
}

// inWords says what is wrong with JSON without the names of Go's types.
func inWords(err error) string {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err.Error()
	}
	kinds := map[reflect.Kind]string{reflect.String: "a text", reflect.Slice: "a list", reflect.Int: "a whole number", reflect.Map: "an object"}
	return wrong.Value + " in the place of " + kinds[wrong.Type.Kind()]
}

func skip(v Vector, reason string) Answer { return Answer{ID: v.ID, Skipped: true, Reason: reason} }

// Explain answers a vector by the rules of this package.
func Explain(v Vector) Answer {
	if v.Context != "" && v.Context != remoteBaseURL && v.Context != remoteSupportedPatterns {
		return skip(v, "the context "+quote(v.Context)+" is not known")
	}
	use := Backend
	if v.Kind != "backend" && v.Type != "" {
		if use = typeUses[v.Type]; use == 0 {
			return skip(v, "the type "+quote(v.Type)+" is not known")
		}
	}
	var verdict Verdict
	switch v.Kind {
	case "pattern":
		if v.Type == "" {
			use = Resource
		}
		verdict = explainPattern(v, use)
	case "backend", "resource":
		verdict = explainURL(v, use)
	default:
		return skip(v, "vectors of kind "+quote(v.Kind)+" are not decided here")
	}
	return Answer{ID: v.ID, Allow: verdict.Allow, Reason: verdict.Reason, Rule: verdict.Rule}
}

func explainPattern(v Vector, use Use) Verdict {
	if v.Context == remoteBaseURL {
		u, err := ParseBaseURL(v.Pattern)
		if err != nil {
			return refusal(err)
		}
		return Verdict{Allow: true, Rule: "remote-url-valid", Reason: "kept as " + u.String()}
	}
	if v.Context == remoteSupportedPatterns {
		use = Remote
	}
	p, warnings, err := Lint(v.Pattern, use)
	if err != nil {
		return refusal(err)
	}
	reason := "kept as " + p.String()
	for _, w := range warnings {
		reason += "; " + w.Rule + ": " + w.Reason
	}
	return Verdict{Allow: true, Rule: "pattern-valid", Reason: reason}
}

func explainURL(v Vector, use Use) Verdict {
	if v.RedirectCount+len(v.Redirects) > maxRedirects {
		return Verdict{Rule: "redirect-limit", Reason: fmt.Sprintf("more than %d redirects", maxRedirects)}
	}
	decide := decider(v, use)
	u, err := ParseURL(v.URL)
	if err != nil {
		return refusal(err)
	}
	verdict := decide(u, v.RedirectCount)
	for i, location := range v.Redirects {
		if !verdict.Allow {
			break
		}
		if u, err = ParseRef(u, location); err != nil {
			verdict = refusal(err)
		} else {
			verdict = decide(u, v.RedirectCount+i+1)
		}
		if !verdict.Allow {
			verdict.Reason = fmt.Sprintf("redirect %d: %s", i+1, verdict.Reason)
		}
	}
	return verdict
}

// decider gives the decision about a hop, with the number of redirects before it.
func decider(v Vector, use Use) func(URL, int) Verdict {
	if v.Context == remoteBaseURL {
		return func(u URL, _ int) Verdict { return belowAny(v.Patterns, u) }
	}
	if v.Context == remoteSupportedPatterns {
		use = Remote
	}
	var patterns, pathless []Pattern
	var invalid *Verdict
	for _, text := range v.Patterns {
		p, err := ParsePattern(text, use)
		if err != nil {
			if invalid == nil {
				r := refusal(err)
				r.Reason = "the pattern " + quote(text) + " is refused and admits nothing: " + r.Reason
				invalid = &r
			}
			continue
		}
		patterns = append(patterns, p)
		p.Path = ""
		pathless = append(pathless, p)
	}
	all, withoutPath := NewIndex(patterns, use), NewIndex(pathless, use)
	return func(u URL, followed int) Verdict {
		var verdict Verdict
		switch {
		case v.Context == remoteSupportedPatterns && len(v.Patterns) == 0:
			verdict = MatchEndpoint(nil, v.URL)
		case v.Context == remoteSupportedPatterns && followed == v.RedirectCount && len(patterns) > 0:
			verdict = MatchEndpoint(patterns, v.URL)
		case followed > 0:
			// A path stops counting after a redirect, as in content security policies:
			// otherwise a page could learn where another site redirects to.
			verdict = withoutPath.Decide(u)
		default:
			verdict = all.Decide(u)
		}
		if !verdict.Allow && invalid != nil && verdict.Rule == "egress-not-declared" {
			return *invalid
		}
		return verdict
	}
}

// belowAny decides about a request to a remote: its URL lies below a base URL.
func belowAny(bases []string, u URL) Verdict {
	for _, text := range bases {
		base, err := ParseBaseURL(text)
		if err != nil {
			continue
		}
		if u.SameOrigin(base) && (u.Path == base.Path || strings.HasPrefix(u.Path, strings.TrimSuffix(base.Path, "/")+"/")) {
			return Verdict{Allow: true, Rule: "remote-declared", Reason: "below " + base.String()}
		}
	}
	return Verdict{Rule: "remote-not-declared", Reason: u.String() + " is not below the remote's URL"}
}
