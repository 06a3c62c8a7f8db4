package apps

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// face is an app whose pages are opened in a browser; what is done there is said in
// test/browser/apps.js. Its front ends are built by its own build step.
type face struct {
	name   string
	fronts []front
}

// front is the folder of a front end and the folder within it that its build step fills.
type front struct{ dir, out string }

var faces = []face{
	{"Forge-ToDo-List-Example", []front{{"static/to-do-ui", "dist"}}},
	{"issue-status-helper", []front{{"static/admin-page", "build"}}},
	{"cvefeedio-jira-forge-app", []front{{"static/admin-page", "build"}, {"static/issue-panel", "build"}, {"static/dashboard-gadget", "build"}}},
	{"forge-jira-plugin", nil},
	{"jira-app", nil},
	{"forge-jira-checklist", nil},
	{"forge-scheduled-trigger-lab", nil},
	{"jira-forge-remote-demo", nil},
}

// faced is what the browser's part is told of an app, and what it says of it.
type faced struct {
	Repo         string `json:"repo"`
	Commit       string `json:"commit"`
	Installation string `json:"installation"`
	Kind         string `json:"kind,omitempty"`
	Place        string `json:"place,omitempty"`
	Steps        []struct {
		What   string `json:"what"`
		Why    string `json:"why,omitempty"` // it did not work
		Beyond bool   `json:"beyond,omitempty"`
	} `json:"steps,omitempty"`
}

// facesVariable names the folder of the apps, onlyVariable some of them.
const (
	facesVariable = "ANNEX_APPS_UI"
	onlyVariable  = "ANNEX_APPS_UI_ONLY"
)

// family is the kind without what it was made with.
func (f faced) family() string {
	name, _, _ := strings.Cut(f.Kind, " (")
	return name
}

// TestRealAppsFaces opens public apps in the product's pages in a real browser and does what
// a user of theirs would do: `make apps-ui`.
func TestRealAppsFaces(t *testing.T) {
	folder := os.Getenv(facesVariable)
	if folder == "" {
		t.Skipf("%s names no folder of apps", facesVariable)
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	internet := netguardtest.New(t)
	know := fakes(t, internet)
	network := internet.Network()
	env, err := testenv.Start(t.Context(), testenv.Setup{Dir: t.TempDir(), Listen: "127.0.0.1:0", Workers: 2, Network: &network, Log: slog.New(slog.DiscardHandler),
		ChildCommand: annex.ChildCommand, Version: "apps"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
	know(env.Access.URL)
	told := []faced{}
	var unbuilt string              // rows of apps whose front ends this machine cannot build
	others := map[string][]string{} // what was not to be had as locked
	for _, f := range faces {
		if only := os.Getenv(onlyVariable); only != "" && !strings.Contains(","+only+",", ","+f.name+",") {
			continue
		}
		s, err := readSource(f.name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		if s.find(folder) == "" {
			t.Errorf("%s is not in %s", s.Repo, folder)
			continue
		}
		a := &app{env: env, source: s, result: &result{Repo: s.Repo}}
		if a.dir, err = s.copyTo(t.Context(), folder, filepath.Join(t.TempDir(), "app")); err == nil {
			other, berr := f.build(t, s, a.dir)
			if other != "" {
				others[s.Repo] = strings.Fields(other)
			}
			if berr != nil {
				t.Logf("%s: %v", s.Repo, berr)
				why, passing := missing(berr)
				if !passing {
					t.Errorf("%s: %s", s.Repo, why)
				}
				unbuilt += fmt.Sprintf("| %s | `%.7s` | custom UI | | | not opened, for its front end cannot be built: %s |\n", s.Repo, s.Commit, why)
				continue
			}
		}
		if err == nil {
			err = a.deploy(nil, nil)
		}
		if err != nil {
			t.Errorf("%s: %v", s.Repo, err)
			continue
		}
		told = append(told, faced{Repo: s.Repo, Commit: s.Commit, Installation: a.installation})
	}
	said, err := browse(t, env, told)
	if err != nil {
		t.Fatal(err)
	}
	const head = "| app | commit | kind of UI | where | worked | did not, and why |\n|---|---|---|---|---|---|\n"
	rows := head
	ran := map[string]int{}
	for _, f := range said {
		ran[f.family()]++
		if o := others[f.Repo]; len(o) > 0 {
			f.Kind += ", built with a later `" + strings.Join(o, "`, `") + "`: the locked one was withdrawn"
		}
		rows += f.row()
		for _, s := range f.Steps {
			if s.Why != "" && !s.Beyond {
				t.Errorf("%s: %s: %s", f.Repo, s.What, s.Why)
			}
		}
	}
	rows += unbuilt
	for _, family := range []string{"custom UI", "UI Kit", "UI Kit 1"} {
		if ran[family] < 2 && os.Getenv(onlyVariable) == "" {
			t.Errorf("%d apps of %s ran; of each kind at least two have to", ran[family], family)
		}
	}
	t.Logf("\n%s", rows)
	if *update && !t.Failed() {
		intoDocs(t, "faces", "make apps-ui", rows)
	}
}

// browse runs the browser's part.
func browse(t *testing.T, env *testenv.Env, told []faced) (said []faced, err error) {
	text, err := json.Marshal(object{"access": env.Access, "apps": told, "pictures": os.Getenv("PICTURES")})
	if err != nil {
		return nil, err
	}
	var out, errs bytes.Buffer
	node := exec.CommandContext(t.Context(), "node", "apps.js")
	node.Dir, node.Stdin, node.Stdout, node.Stderr = "../browser", bytes.NewReader(text), &out, &errs
	if err := node.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, errs.Bytes())
	}
	t.Logf("%s", errs.Bytes())
	return said, json.Unmarshal(out.Bytes(), &said)
}

func (f faced) row() string {
	var worked, not []string
	for _, s := range f.Steps {
		if s.Why == "" {
			worked = append(worked, s.What)
		} else {
			not = append(not, s.What+": "+s.Why)
		}
	}
	if len(not) == 0 {
		not = []string{"none"}
	}
	plain := strings.NewReplacer("|", "\\|", "\n", " ")
	return fmt.Sprintf("| %s | `%.7s` | %s | %s | %s | %s |\n", f.Repo, f.Commit, f.Kind, f.Place, plain.Replace(strings.Join(worked, "; ")), plain.Replace(strings.Join(not, "; ")))
}
