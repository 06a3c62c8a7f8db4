package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What `annex create` makes type-checks as it is, and its types are the SDK's: a member
// that does not exist is an error.
func TestCreatedAppTypeChecks(t *testing.T) {
	tsc, err := filepath.Abs("../../../web/node_modules/.bin/tsc")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tsc); err != nil {
		t.Skip("the TypeScript compiler is not installed:", err)
	}
	dir := t.TempDir()
	if got := run(t, dir, "", nil, Hooks{}, "create", "hello"); got.code != 0 {
		t.Fatal(got)
	}
	app := filepath.Join(dir, "hello")
	compile := func() ([]byte, error) {
		return exec.CommandContext(t.Context(), tsc, "--noEmit", "-p", app).CombinedOutput()
	}
	more := `import api, { fetch, route, webTrigger } from '@forge/api';
import Resolver from '@forge/resolver';
import { Queue } from '@forge/events';
import { kvs } from '@annex/kvs';
export const all = [api.fetch, fetch, route, webTrigger.getUrl, Resolver, Queue, kvs.get, process.env.NAME];
`
	file := filepath.Join(app, "src", "more.ts")
	if err := os.WriteFile(file, []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := compile(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// So do the samples, whose sources are TypeScript.
	notes, err := os.ReadFile("../../../examples/apps/notes/src/notes.ts")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, notes, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := compile(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(file, []byte("import { storaje } from '@forge/api';\nexport const s = storaje;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := compile(); err == nil {
		t.Errorf("a misspelt member passes: %s", out)
	}
}
