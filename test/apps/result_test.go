package apps

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	yaml "go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the table of docs/compat.md")

// results is what happened to all apps.
type results struct {
	mu  sync.Mutex
	all []*result
}

// result is what happened to one app.
type result struct {
	Repo    string    `json:"repo"`
	Commit  string    `json:"commit"`
	Shown   bool      `json:"shown"`
	Missing bool      `json:"missing,omitempty"` // it was not fetched
	Units   []unit    `json:"functions"`
	Fails   []failure `json:"failures"`
	Stopped bool      `json:"-"`
	// Product is what the server said of the app's requests to the product, Consents the
	// users who agreed that it acts as them.
	Product  []productCall `json:"product,omitempty"`
	Consents []string      `json:"consents,omitempty"`

	mu           sync.Mutex
	dispatch     []string
	installation string
}

// unit is a function of the manifest or a definition of a resolver.
type unit struct {
	Name   string   `json:"name"`
	Called bool     `json:"called"`
	Right  bool     `json:"answeredRightly"`
	Later  []string `json:"notOffered,omitempty"` // members that are not built, which some call of it ends with
	Left   string   `json:"notCalled,omitempty"`  // why it is not called
}

type failure struct {
	Function string `json:"function,omitempty"`
	Reason   string `json:"reason"`
}

// shown are the apps of the list that the project is measured by.
var shown = []string{
	"HCL-TECH-SOFTWARE/appscan-native-jira-integration", "CircleCI-Public/circleci-for-jira", "atlassian-labs/issue-status-helper",
	"dugaldmorrow/forge-spotify", "SaneQQQQ/forge-jira-plugin", "growthbook/jira-app", "kannonboy/unsplash-rovo-agent-example",
	"dugaldmorrow/forge-data-handling-demo", "IdoBruker/Forge-ToDo-List-Example", "AtomOpera/forge-scheduled-trigger-lab",
	"dpashkevich/forge-jira-checklist", "shiftpi/jira-forge-remote-demo",
}

func (rs *results) of(s source) *result {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range rs.all {
		if r.Repo == s.Repo {
			return r
		}
	}
	r := &result{Repo: s.Repo, Commit: s.Commit, Shown: slices.Contains(shown, s.Repo), Units: []unit{}, Fails: []failure{}}
	rs.all = append(rs.all, r)
	return r
}

func (r *result) expect(all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Compact(slices.Sorted(slices.Values(all))) {
		r.Units = append(r.Units, unit{Name: name})
	}
}

// unit finds a unit; a name that the app does not have is an error of the script.
func (r *result) unit(name string) *unit {
	for i := range r.Units {
		if r.Units[i].Name == name {
			return &r.Units[i]
		}
	}
	r.Fails = append(r.Fails, failure{name, "the app has no such function"})
	return &unit{}
}

func (r *result) right(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := r.unit(name)
	u.Called, u.Right = true, true
}

func (r *result) later(name, member string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := r.unit(name)
	u.Called = true
	if !slices.Contains(u.Later, member) {
		u.Later = append(u.Later, member)
	}
}

// asked says that a unit ended by asking for the user's agreement.
func (r *result) asked(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unit(name).Called = true
}

func (r *result) consents(user string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Consents = append(r.Consents, user)
}

func (r *result) leave(why string, names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range names {
		r.unit(n).Left = why
	}
}

// dispatches says that a function only calls a resolver's definitions, which count.
func (r *result) dispatches(function string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.dispatch, function) {
		r.dispatch = append(r.dispatch, function)
	}
}

func (r *result) fail(name, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(reason) > 400 {
		reason = reason[:400] + "…"
	}
	r.Fails = append(r.Fails, failure{name, reason})
	if name != "" {
		r.unit(name).Called = true
	}
}

// finish leaves out what only dispatches, and notes what was forgotten.
func (r *result) finish() {
	r.Units = slices.DeleteFunc(r.Units, func(u unit) bool { return slices.Contains(r.dispatch, u.Name) && !u.Called })
	for i := range r.Units {
		u := &r.Units[i]
		if r.Shown && !r.Stopped && !r.Missing && !u.Called && u.Left == "" {
			r.Fails = append(r.Fails, failure{u.Name, "is not called, and nothing says why"})
		}
		u.Right = u.Right && !slices.ContainsFunc(r.Fails, func(f failure) bool { return f.Function == u.Name })
	}
}

func (r *result) count(of func(unit) bool) int {
	n := 0
	for _, u := range r.Units {
		if of(u) {
			n++
		}
	}
	return n
}

// row is the app's line of the table.
func (r *result) row() string {
	if r.Missing {
		return fmt.Sprintf("| %s | `%.7s` | not fetched | | | |\n", r.Repo, r.Commit)
	}
	later := map[string][]string{}
	var members []string
	for _, u := range r.Units {
		for _, m := range u.Later {
			if later[m] == nil {
				members = append(members, m)
			}
			later[m] = append(later[m], u.Name)
		}
	}
	var not, fails []string
	for _, m := range members {
		not = append(not, fmt.Sprintf("`%s` (%s)", m, strings.Join(later[m], ", ")))
	}
	for _, f := range r.Fails {
		fails = append(fails, strings.TrimSpace(f.Function+": "+f.Reason))
	}
	if len(fails) == 0 {
		fails = []string{"none"}
	}
	return fmt.Sprintf("| %s | `%.7s` | %d of %d | %d | %s | %s |\n", r.Repo, r.Commit, r.count(func(u unit) bool { return u.Called }), len(r.Units),
		r.count(func(u unit) bool { return u.Right }), strings.ReplaceAll(strings.Join(not, "; "), "|", "\\|"),
		strings.ReplaceAll(strings.Join(fails, "; "), "|", "\\|"))
}

// write prints the table, as JSON into APPS_JSON, and with -update into docs/compat.md.
func (rs *results) write(t *testing.T) {
	const head = "| app | commit | functions called | answered rightly | ends at what is not built (`NOT_OFFERED`) | failures |\n|---|---|---|---|---|---|\n"
	table := [2]strings.Builder{}
	slices.SortStableFunc(rs.all, func(a, b *result) int {
		rank := func(r *result) int {
			if i := slices.Index(shown, r.Repo); i >= 0 {
				return i
			}
			return len(shown)
		}
		return rank(a) - rank(b)
	})
	for _, r := range rs.all {
		r.finish()
		if len(r.Fails) > 0 {
			t.Errorf("%s: %+v", r.Repo, r.Fails)
		}
		table[map[bool]int{true: 0, false: 1}[r.Shown]].WriteString(r.row())
	}
	table[0].WriteString(rs.sum())
	text := head + table[0].String() + "\nBeyond that list:\n\n" + head + table[1].String() +
		"\nWhat they asked of the product, by the server's own log: operations with the product's status, and refusals.\n\n" +
		"| app | as itself | as a user | who had agreed | refused |\n|---|---|---|---|---|\n"
	for _, r := range rs.all {
		text += r.productRow()
	}
	t.Logf("\n%s", text)
	if file := os.Getenv("APPS_JSON"); file != "" {
		raw, err := json.MarshalIndent(rs.all, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(raw, '\n'), 0o644)
		}
		if err != nil {
			t.Error(err)
		}
	}
	if *update {
		intoDocs(t, "apps", "make apps", text)
	}
}

// sum is the line under the apps of the list.
func (rs *results) sum() string {
	apps, all, called, right := 0, 0, 0, 0
	for _, r := range rs.all {
		if !r.Shown || r.Missing || r.Stopped {
			continue
		}
		apps++
		all += len(r.Units)
		called += r.count(func(u unit) bool { return u.Called })
		right += r.count(func(u unit) bool { return u.Right })
	}
	rest := "none"
	if called > right {
		rest = fmt.Sprintf("the other %d", called-right)
	}
	return fmt.Sprintf("| **%d of %d** | | **%d of %d** | **%d** | %s | |\n", apps, len(shown), called, all, right, rest)
}

// intoDocs writes a table to its place in docs/compat.md.
func intoDocs(t *testing.T, name, by, table string) {
	const file = "../../docs/compat.md"
	begin, end := fmt.Sprintf("<!-- %s: written by `%s` -->\n", name, by), fmt.Sprintf("<!-- end of %s -->\n", name)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	if err := os.WriteFile(file, []byte(head+begin+table+end+tail), 0o644); err != nil {
		t.Error(err)
	}
}

// webTriggers are the functions of an app's web triggers.
func webTriggers(dir string) map[string]string {
	out := map[string]string{}
	text, err := os.ReadFile(filepath.Join(dir, "manifest.yml"))
	if err != nil {
		return out
	}
	var m struct {
		Modules struct {
			WebTrigger []struct{ Key, Function string } `yaml:"webtrigger"`
		}
	}
	if yaml.Unmarshal(text, &m) != nil {
		return out
	}
	for _, w := range m.Modules.WebTrigger {
		out[w.Key] = w.Function
	}
	return out
}
