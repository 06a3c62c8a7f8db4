package settings

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/annexhq/annex/internal/core/fault"
)

// load reads the settings of a command line, an environment and a configuration file.
func load(t *testing.T, file string, env map[string]string, args ...string) (*Values, error) {
	t.Helper()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	Flags(flags)
	dir := t.TempDir()
	if file != "" {
		if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "etc", "annex.yaml"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", "etc/annex.yaml")
	}
	if err := os.WriteFile(filepath.Join(dir, "url"), []byte("postgres://u:hunter2@db/annex\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	v, err := Load(Sources{Flags: flags, Getenv: func(k string) string { return env[k] }, Dir: dir})
	if v != nil {
		for name, x := range v.values {
			x.text = strings.Replace(x.text, dir, "DIR", 1)
			v.values[name] = x
		}
	}
	return v, err
}

func TestFlagOverEnvironmentOverFileOverDefault(t *testing.T) {
	file := "listen: 127.0.0.1:1\nlog-level: warn\nshutdown-grace: 1m # a comment\nworkers: 3\ndata: store\nblobs: /srv/blobs\n"
	env := map[string]string{"ANNEX_LISTEN": "127.0.0.1:2", "ANNEX_WORKERS": "4", "ANNEX_LOG_LEVEL": "", "ANNEX_KEY_RING": "keys"}
	v, err := load(t, file, env, "--listen", "127.0.0.1:3")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{
		"listen": {"127.0.0.1:3", "--listen"}, "workers": {"4", "ANNEX_WORKERS"}, "log-level": {"warn", "etc/annex.yaml:2:1"},
		"shutdown-grace": {"1m", "etc/annex.yaml:3:1"}, "log-format": {"auto", "default"},
		// A path is meant from where it was written.
		"data": {"DIR/etc/store", "etc/annex.yaml:5:1"}, "key-ring": {"DIR/keys", "ANNEX_KEY_RING"}, "blobs": {"/srv/blobs", "etc/annex.yaml:6:1"},
	} {
		if v.Text(name) != want[0] || v.Source(name) != want[1] {
			t.Errorf("%s is %q by %q, want %q", name, v.Text(name), v.Source(name), want)
		}
	}
	if v.Number("workers") != 4 || v.Duration("shutdown-grace") != time.Minute {
		t.Error(v)
	}
}

func TestMistakesHaveAPlaceAndAWayOut(t *testing.T) {
	for _, c := range []struct {
		file string
		env  map[string]string
		args []string
		want string
		fix  string
	}{
		{file: "listen: 127.0.0.1:1\nlissten: x\n", want: `etc/annex.yaml:2:1: there is no setting "lissten"`, fix: "write listen"},
		{file: "a: 1\n", want: `annex.yaml:1:1: there is no setting "a"`, fix: "--help"},
		{file: "data: x\n\ndata: y\n", want: "annex.yaml:3:1: data stands there twice"},
		{file: "data: [x]\n", want: "annex.yaml:1:7: data is one value", fix: "data: directory"},
		{file: "data:\n", want: "data is one value"},
		{file: "- data\n", want: "annex.yaml:1:1: the file holds no settings"},
		{file: "data: 'x\n", want: "etc/annex.yaml: "},
		{file: "workers: many\n", want: `annex.yaml:1:1: "many" is not a whole number`},
		{args: []string{"--workers", "1000000"}, want: "a whole number from 0 to 512"},
		{args: []string{"--worker-memory", "1"}, want: "0, or 128 and more"},
		{env: map[string]string{"ANNEX_SHUTDOWN_GRACE": "soon"}, want: `ANNEX_SHUTDOWN_GRACE: "soon" is not a duration`},
		{args: []string{"--log-format", "xml"}, want: `--log-format: "xml" is not auto, text or json`},
		{args: []string{"--config", "none.yaml"}, want: "none.yaml cannot be read: no such file"},
		{args: []string{"--database-file", "none"}, want: "none cannot be read"},
		{args: []string{"--database-file", "url"}, env: map[string]string{"ANNEX_DATABASE_FILE": "url"}}, // the same setting twice is no mistake
		{env: map[string]string{"ANNEX_DATABASE_FILE": "url", "ANNEX_DATABASE": "postgres://x/y"}, want: "both say what the database is"},
	} {
		_, err := load(t, c.file, c.env, c.args...)
		f, ok := fault.As(err)
		if c.want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if !ok || f.Kind != fault.Usage || !strings.Contains(f.Public, c.want) || !strings.Contains(f.Fix, c.fix) {
			t.Errorf("%q %v %v: %v (%+v)", c.file, c.env, c.args, err, f)
		}
	}
}

// A password is taken where others cannot read it, and never shown: neither in what is
// printed nor in what is refused.
func TestSecrets(t *testing.T) {
	const secret = "postgres://u:hunter2@db/annex"
	for name, c := range map[string]struct {
		file string
		env  map[string]string
		args []string
		ok   bool
	}{
		"file":        {file: "database: " + secret + "\n"},
		"parameter":   {file: "database: postgres://u@db/annex?password=hunter2\n"},
		"flag":        {args: []string{"--database", secret}},
		"environment": {env: map[string]string{"ANNEX_DATABASE": secret}, ok: true},
		"of a file":   {file: "database-file: ../url\n", ok: true},
		"misspelt":    {env: map[string]string{"ANNEX_DATABASE": "postgre://u:hunter2@db/annex"}},
	} {
		v, err := load(t, c.file, c.env, c.args...)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err != nil {
			if f, _ := fault.As(err); strings.Contains(err.Error()+f.Fix, "hunter2") {
				t.Errorf("%s: the refusal shows the password: %v", name, err)
			}
			continue
		}
		if v.Text("database") != secret {
			t.Errorf("%s: %q", name, v.Text("database"))
		}
		if out := v.String(); strings.Contains(out, "hunter2") || !strings.Contains(out, "postgres://u@db/annex") || !strings.Contains(out, "not shown") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}

// What is printed is a configuration file that says the same.
func TestPrintedConfigurationIsOne(t *testing.T) {
	v, err := load(t, "data: \"/a b#c\"\n", nil, "--workers", "2", "--apps-domain", "apps.example.net")
	if err != nil {
		t.Fatal(err)
	}
	again, err := load(t, strings.ReplaceAll(v.String(), "DIR", "/dir"), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, v)
	}
	for _, s := range Table {
		if got, want := again.Text(s.Name), strings.Replace(v.Text(s.Name), "DIR", "/dir", 1); got != want {
			t.Errorf("%s: %q, want %q", s.Name, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Table {
		if seen[s.Name] || strings.ToLower(s.Name) != s.Name || s.Words == "" || s.Value() == "" && !s.Switch {
			t.Errorf("%+v", s)
		}
		seen[s.Name] = true
		if s.check != nil && s.Default != "" && s.check(s.Default) != "" {
			t.Errorf("%s: the default %q is not %s", s.Name, s.Default, s.check(s.Default))
		}
		if of, ok := find(Table, s.FileOf); s.FileOf != "" && (!ok || of.Secret == nil || of.check == nil) {
			t.Errorf("%s holds the value of %q, which is no secret setting", s.Name, s.FileOf)
		}
	}
}

var update = flag.Bool("update", false, "write the generated part of docs/operate.md")

// docs/operate.md has the table as it is.
func TestDocs(t *testing.T) {
	const file = "../../../docs/operate.md"
	const begin, end = "<!-- settings: written by `go test ./internal/edge/settings -update` -->\n", "<!-- end of settings -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	got, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table of settings", file)
	}
	switch {
	case *update:
		if err := os.WriteFile(file, []byte(head+begin+Markdown()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	case got != Markdown():
		t.Errorf("%s does not list the settings as they are: run go test ./internal/edge/settings -update", file)
	}
}
