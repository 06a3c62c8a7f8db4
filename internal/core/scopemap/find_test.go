package scopemap

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/core/fault"
)

// document has one operation per "METHOD /path"; each needs a scope that is its own name.
func document(all ...string) (Document, Rules) {
	doc := Document{Schemes: map[string]Scheme{"app": {Type: "oauth2"}}}
	rules := Rules{Words: map[string]bool{}}
	for _, one := range all {
		method, path, _ := strings.Cut(one, " ")
		doc.Described = append(doc.Described, Described{ID: one, Method: method, Path: path, Security: []map[string][]string{{"app": {one}}}})
		rules.Words[one] = true
	}
	return doc, rules
}

func compile(t testing.TB, rules func(*Rules), all ...string) *Table {
	t.Helper()
	doc, r := document(all...)
	if rules != nil {
		rules(&r)
	}
	table, _, err := Compile(doc, r)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestFind(t *testing.T) {
	table := compile(t, func(r *Rules) { r.Rest = map[string]string{"/repos/{owner}/contents/{path}": "path"} },
		"GET /issue/{issue}", "PUT /issue/{issue}", "GET /issue/picker", "GET /issue/{issue}/comment/{id}", "GET /issue/{issue}/comment", "GET /",
		"GET /repos/{owner}/contents/{path}", "GET /repos/{owner}/compare/{base}...{head}", "GET /archive/{id}.{ext}", "GET /archive/{id}", "GET /slash/",
		"GET /things({id})", "GET /a/{x}/c", "GET /a/b/d", "GET /@{user}", "GET /na me/{x}")
	for path, want := range map[string]string{
		"/issue/TRK-1":                      "GET /issue/{issue} issue=TRK-1",
		"/issue/picker":                     "GET /issue/picker",
		"/issue/caf%C3%A9":                  "GET /issue/{issue} issue=café",
		"/issue/a%40b":                      "GET /issue/{issue} issue=a@b",
		"/issue/100%25":                     "GET /issue/{issue} issue=100%",
		"/issue/1/comment":                  "GET /issue/{issue}/comment issue=1",
		"/issue/1/comment/2":                "GET /issue/{issue}/comment/{id} id=2 issue=1",
		"/":                                 "GET /",
		"/repos/alice/contents/src/main.go": "GET /repos/{owner}/contents/{path} owner=alice path=src/main.go",
		"/repos/alice/compare/v1...v2":      "GET /repos/{owner}/compare/{base}...{head} base=v1 head=v2 owner=alice",
		"/archive/5.zip":                    "GET /archive/{id}.{ext} ext=zip id=5",
		"/archive/5":                        "GET /archive/{id} id=5",
		"/slash/":                           "GET /slash/",
		"/things(7)":                        "GET /things({id}) id=7",
		"/a/b/c":                            "GET /a/{x}/c x=b",
		"/a/b/d":                            "GET /a/b/d",
		"/@bob":                             "GET /@{user} user=bob",
		"/na%20me/1":                        "GET /na me/{x} x=1",
		// Unknown.
		"/issue": "OPERATION_UNKNOWN", "/issue/": "OPERATION_UNKNOWN", "/issue/1/": "OPERATION_UNKNOWN", "/slash": "OPERATION_UNKNOWN",
		"/other": "OPERATION_UNKNOWN", "/issue/1/comment/2/3": "OPERATION_UNKNOWN", "/repos/alice/contents": "OPERATION_UNKNOWN",
		// Refused: two programs could read these differently.
		"": "PATH_REFUSED", "issue/1": "PATH_REFUSED", "//issue/1": "PATH_REFUSED", "/issue//1": "PATH_REFUSED",
		"/issue/1/../2": "PATH_REFUSED", "/issue/.": "PATH_REFUSED", "/issue/%2E%2E": "PATH_REFUSED", "/issue/%2e%2e/x": "PATH_REFUSED",
		"/issue/1%2F2": "PATH_REFUSED", "/issue/1%2f2": "PATH_REFUSED", "/issue/1%5C2": "PATH_REFUSED", `/issue/1\2`: "PATH_REFUSED",
		"/issue/%252E%252E": "PATH_REFUSED", "/issue/%252F": "PATH_REFUSED", "/issue/1%00": "PATH_REFUSED", "/issue/1%0A": "PATH_REFUSED",
		"/issue/1\n": "PATH_REFUSED", "/issue/é": "PATH_REFUSED", "/issue/%C3": "PATH_REFUSED", "/issue/%C0%AF": "PATH_REFUSED",
		"/issue/%61": "PATH_REFUSED", "/issue/%c3%a9": "PATH_REFUSED", "/issue/%4": "PATH_REFUSED", "/issue/%zz": "PATH_REFUSED",
		"/issue/1;a=b": "PATH_REFUSED", "/issue/1%3Ba": "PATH_REFUSED", "/issue/..;/x": "PATH_REFUSED", "/issue/1?x=1": "PATH_REFUSED",
		"/issue/1#x": "PATH_REFUSED", "/issue/a b": "PATH_REFUSED", "/issue/%E2%80%A8": "PATH_REFUSED", "/issue/%C2%85": "PATH_REFUSED",
		// Nearly another operation.
		"/issue/PICKER": "PATH_REFUSED", "/issue/Picker.json": "PATH_REFUSED", "/issue/picker.": "PATH_REFUSED", "/issue/picker%20": "PATH_REFUSED",
		"/issue/picker.a.b":                             "PATH_REFUSED",
		"/issue/" + strings.Repeat("a", maxPath):        "PATH_REFUSED",
		"/repos/a/contents" + strings.Repeat("/x", 100): "PATH_REFUSED",
	} {
		op, err := table.Find("GET", path)
		got := fault.CodeOf(err)
		if err == nil {
			got = op.ID
			for _, k := range slices.Sorted(func(yield func(string) bool) {
				for k := range op.Values(path) {
					if !yield(k) {
						return
					}
				}
			}) {
				got += " " + k + "=" + op.Values(path)[k]
			}
		}
		if got != want {
			t.Errorf("%q: got %s (%v), want %s", path, got, err, want)
		}
	}
	for _, method := range []string{"POST", "get", "DELETE", "HEAD", ""} {
		if _, err := table.Find(method, "/issue/1"); fault.CodeOf(err) != "OPERATION_UNKNOWN" {
			t.Errorf("%s: %v", method, err)
		}
	}
	if _, err := new(Table).Find("GET", "/"); fault.CodeOf(err) != "OPERATION_UNKNOWN" {
		t.Errorf("an empty table knows an operation: %v", err)
	}
}

// Where a document leaves open which of two operations a path is, a call needs what both
// need.
func TestAmbiguousPathNeedsBoth(t *testing.T) {
	table := compile(t, nil, "GET /a/{x}/c", "GET /a/b/{y}", "GET /u/{x}", "GET /u/{y}")
	op, err := table.Find("GET", "/a/b/c")
	if err != nil || len(op.Scopes) != 1 || !slices.Equal(op.Scopes[0], []string{"GET /a/b/{y}", "GET /a/{x}/c"}) {
		t.Errorf("%+v, %v", op, err)
	}
	if op, err := table.Find("GET", "/u/1"); err != nil || len(op.Scopes) != 1 || len(op.Scopes[0]) != 2 {
		t.Errorf("%+v, %v", op, err)
	}
	if op, err := table.Find("GET", "/a/x/c"); err != nil || len(op.Scopes[0]) != 1 {
		t.Errorf("%+v, %v", op, err)
	}
	table = compile(t, func(r *Rules) { r.Decisions = []Decision{{ID: "GET /a/b/{y}", Reason: "no"}} }, "GET /a/{x}/c", "GET /a/b/{y}")
	if op, err := table.Find("GET", "/a/b/c"); err != nil || op.Closed == "" {
		t.Errorf("%+v, %v", op, err)
	}
}

// A parameter of several segments is not a way to another operation.
func TestRestOfPathIsNoOtherOperation(t *testing.T) {
	table := compile(t, func(r *Rules) { r.Rest = map[string]string{"/branches/{branch}": "branch"} },
		"GET /branches/{branch}", "GET /branches/{branch}/protection", "GET /branches/{branch}/protection/teams")
	for path, want := range map[string]string{
		"/branches/main": "GET /branches/{branch}", "/branches/feature/one": "GET /branches/{branch}",
		"/branches/main/protection": "GET /branches/{branch}/protection", "/branches/main/protection/teams": "GET /branches/{branch}/protection/teams",
		"/branches/feature/one/protection": "PATH_REFUSED", "/branches/feature/one/Protection/teams": "PATH_REFUSED", "/branches/main/protection/x": "OPERATION_UNKNOWN",
	} {
		op, err := table.Find("GET", path)
		got := fault.CodeOf(err)
		if err == nil {
			got = op.ID
		}
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// naive matches as the definition says: every template is tried.
func naive(all []string, method string, segments []string) []string {
	var fits []string
	for _, one := range all {
		m, path, _ := strings.Cut(one, " ")
		parts := strings.Split(path, "/")[1:]
		ok := m == method && len(parts) == len(segments)
		for i := 0; ok && i < len(parts); i++ {
			ok = parts[i] == segments[i] || strings.HasPrefix(parts[i], "{") && segments[i] != ""
		}
		if ok {
			fits = append(fits, one)
		}
	}
	// Those than which no other one says more.
	var best []string
	for _, a := range fits {
		if !slices.ContainsFunc(fits, func(b string) bool { return b != a && literalWhere(b, a) && !literalWhere(a, b) }) {
			best = append(best, a)
		}
	}
	slices.Sort(best)
	return best
}

func literalWhere(a, b string) bool {
	x, y := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range x {
		if strings.HasPrefix(x[i], "{") && !strings.HasPrefix(y[i], "{") {
			return false
		}
	}
	return true
}

func TestFindIsTheNaiveMatcher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"a", "b", "ab", "{x}", "{y}", "c d"})
		var all []string
		for range rapid.IntRange(1, 12).Draw(t, "operations") {
			parts := rapid.SliceOfN(part, 1, 4).Draw(t, "template")
			all = append(all, rapid.SampledFrom([]string{"GET", "PUT"}).Draw(t, "method")+" /"+strings.Join(parts, "/"))
		}
		slices.Sort(all)
		all = slices.Compact(all)
		doc, rules := document(all...)
		table, _, err := Compile(doc, rules)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			segments := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "c d", "z", "q@1"}), 1, 5).Draw(t, "path")
			method := rapid.SampledFrom([]string{"GET", "PUT", "POST"}).Draw(t, "method")
			var raw strings.Builder
			for _, s := range segments {
				raw.WriteString("/" + url.PathEscape(s))
			}
			want := naive(all, method, segments)
			op, err := table.Find(method, raw.String())
			var got []string
			if err == nil {
				got = op.Scopes[0]
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s %s in %q: got %q (%v), want %q", method, raw.String(), all, got, err, want)
			}
		}
	})
}

func FuzzFind(f *testing.F) {
	table := compile(f, func(r *Rules) { r.Rest = map[string]string{"/c/{p}": "p"} },
		"GET /a/{x}", "GET /a/b", "GET /c/{p}", "GET /d/{x}.{y}", "GET /d/{x}...{y}", "GET /e/{x}/f", "GET /")
	for _, s := range []string{"/a/b", "/a/%62", "/c/x/y", "/d/1.2", "/e/../f", "//", "/%2e%2E/", "/a/%E2%80%AE"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		op, err := table.Find("GET", raw)
		if err != nil {
			if code := fault.CodeOf(err); code != "PATH_REFUSED" && code != "OPERATION_UNKNOWN" {
				t.Fatal(err)
			}
			return
		}
		// What was found is what the path says: written out again it is the same path.
		back := op.Template
		for k, v := range op.Values(raw) {
			if v == "" || v == "." || v == ".." || strings.ContainsAny(v, "\\\x00") || strings.Contains(v, "/") && op.Template != "/c/{p}" {
				t.Fatalf("%q gives %s=%q", raw, k, v)
			}
			back = strings.Replace(back, "{"+k+"}", v, 1)
		}
		decoded, err := url.PathUnescape(raw)
		if err != nil || decoded != back {
			t.Fatalf("%q is found as %q (%v)", raw, back, err)
		}
	})
}

// many is a document like the large published ones.
func many(n int) []string {
	var all []string
	for i := range n / 5 {
		base := fmt.Sprintf("/repos/{owner}/{repo}/kind%d", i)
		all = append(all, "GET "+base, "POST "+base, "GET "+base+"/{id}", "PATCH "+base+"/{id}", "GET "+base+"/{id}/comments/{comment}")
	}
	return all
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		table := compile(b, nil, many(n)...)
		b.Run(fmt.Sprintf("operations=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := table.Find("GET", "/repos/alice/annex/kind1/12345/comments/678"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The path of a look-up is as long as the request's path, whatever the document's size: a
// step is one state, and a state is reached by one look in a map.
func TestStepsDoNotGrowWithTheDocument(t *testing.T) {
	allocations := func(n int) float64 {
		table := compile(t, nil, many(n)...)
		return testing.AllocsPerRun(100, func() { _, _ = table.Find("GET", "/repos/alice/annex/kind1/12345/comments/678") })
	}
	if small, large := allocations(10), allocations(5_000); small != large || large > 4 {
		t.Errorf("a look-up allocates %v times in a small document and %v in a large one", small, large)
	}
}

// A document cannot be written that makes the table explode.
func TestHostileTemplatesAreBounded(t *testing.T) {
	var all []string
	for i := range 4000 { // each choice of literal or parameter at 12 levels
		path := "GET "
		for bit := range 12 {
			if i>>bit&1 == 1 {
				path += "/a"
			} else {
				path += "/{x}"
			}
		}
		all = append(all, path)
	}
	doc, rules := document(all...)
	if table, _, err := Compile(doc, rules); err == nil {
		if op, err := table.Find("GET", strings.Repeat("/a", 12)); err != nil || op == nil {
			t.Error(err)
		}
	} else if fault.CodeOf(err) != "DOCUMENT_TOO_LARGE" {
		t.Error(err)
	}
	if _, _, err := Compile(Document{Described: make([]Described, maxOperations+1)}, Rules{}); fault.CodeOf(err) != "DOCUMENT_TOO_LARGE" {
		t.Error(err)
	}
}
