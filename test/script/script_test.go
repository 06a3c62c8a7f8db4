// Package script tells what developers, admins and operators do with the annex
// command, as scripts that run it: testdata/*.txtar against a server of canned answers,
// for the command's own words, testdata/real/*.txtar against a whole deployment.
package script

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/edge/cli"
)

func TestMain(m *testing.M) {
	annex.Child() // this binary is the workers of the real server too
	testscript.Main(m, map[string]func(){
		"annex": func() { cli.Main(cli.Hooks{Version: "test", ChildCommand: annex.ChildCommand}) },
	})
}

func TestScripts(t *testing.T) {
	if _, err := assets.SDKTable(); err != nil {
		t.Skip(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			s := newFake(t)
			e.Setenv("SERVER", s.URL)
			e.Setenv("ANNEX_URL", s.URL)
			e.Setenv("ANNEX_TOKEN", "anx_developer_alice")
			e.Setenv("XDG_CONFIG_HOME", e.WorkDir+"/config")
			e.Setenv("TZ", "UTC")
			e.Setenv("CI", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// exits CODE annex ARGS… runs the command and compares its exit code.
			"exits": exits,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}
