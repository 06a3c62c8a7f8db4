// Package apps checks that public apps written for Forge answer under Annex with their
// source unchanged: `make apps`. Their code is not here; APPS names the folder that they
// were fetched into, one folder each, named as the repository (or OWNER+NAME); what is
// missing there is left out.
//
// Each .txtar of this folder is one app: what is called, in a fake internet that knows the
// hosts of its manifest, and what has to be answered. The table of docs/compat.md is
// made from what happened.
//
// The commands of such a script:
//
//	app OWNER/NAME COMMIT FOLDER      the app, first line; FOLDER is where its manifest is
//	variable KEY VALUE                sets a variable of the app
//	deploy                            deploys and installs it
//	fn FUNCTION JSON EXPECTED         calls a function of the manifest
//	ask [FUNCTION:]KEY JSON EXPECTED  calls a definition of a resolver
//	as USER MODULE:KEY JSON EXPECTED  the same for a user of the product who is present
//	agree USER                        the user signs in and agrees, on the platform's page, that the app acts as them
//	hook MODULE BODY [HEADER]... EXPECTED
//	tick MODULE FUNCTION              has a schedule's time come, and waits for its run
//	settle                            lets time pass until everything that is queued has run, and nothing was given up
//	person USER METHOD PATH [JSON]    a user does something in the product, which tells its apps
//	ran [FUNCTION:]KEY PART...        demands lines of the app's log of a function that nobody here called
//	logged PART                       demands a line of the app's log
//	take NAME REGEXP                  keeps a part of the last answer as a variable
//	token NAME [CHANGE]...            keeps a signed token as a variable
//	sign NAME SECRET TEXT             keeps an HMAC as a variable
//	ui FUNCTION... | product FUNCTION...   what is not called, since it draws UI Kit 1 or is about a product only
//
// EXPECTED is `=> PART...`, what the answer holds (for a hook the status first), `!> PART...`,
// what the thrown error says, or `later MEMBER`: it ends by NOT_OFFERED for a member of
// the SDK that is not built.
package apps

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// The test binary is the worker too: a deployment starts it again.
func TestMain(m *testing.M) {
	annex.Child()
	os.Exit(m.Run())
}

const folderVariable = "ANNEX_REAL_APPS"

func TestRealApps(t *testing.T) {
	folder := os.Getenv(folderVariable)
	if folder == "" {
		t.Skipf("%s names no folder of apps", folderVariable)
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	internet := netguardtest.New(t)
	know := fakes(t, internet)
	network := internet.Network()
	said := newGate()
	env, err := testenv.Start(t.Context(), testenv.Setup{Dir: t.TempDir(), Listen: "127.0.0.1:0", Workers: 2, Network: &network, Log: slog.New(said),
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
	all, err := filepath.Glob("*.txtar")
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	results := &results{}
	var files []string
	for _, file := range all {
		s, err := readSource(file)
		if err != nil {
			t.Fatal(err)
		}
		r := results.of(s)
		if s.find(folder) == "" {
			r.Missing = true
			t.Logf("%s is not in %s", s.Repo, folder)
			continue
		}
		files = append(files, file)
	}
	t.Run("apps", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Files: files, ContinueOnError: true, RequireExplicitExec: true,
			Setup: func(e *testscript.Env) error {
				s, err := readSource(strings.TrimPrefix(filepath.Base(e.WorkDir), "script-") + ".txtar")
				if err != nil {
					return err
				}
				e.Values[appKey{}] = &app{env: env, source: s, folder: folder, work: e.WorkDir, result: results.of(s)}
				return nil
			},
			Cmds: commands,
		})
	})
	for _, r := range results.all {
		r.Product = said.of(r.installation)
	}
	results.write(t)
}
