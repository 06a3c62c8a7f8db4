package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever writes an app's id in the place of the reason does not suspend the app of the folder
// they stand in.
func TestSuspendTakesAReason(t *testing.T) {
	const own, other = "01939f00-0000-4000-8000-000000000001", "01939f00-0000-4000-8000-000000000002"
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"installations":1}`)
	}))
	defer s.Close()
	dir := t.TempDir()
	manifest := "app:\n  id: ari:cloud:ecosystem::app/" + own + "\n  runtime: {name: nodejs22.x}\n"
	if err := os.WriteFile(filepath.Join(dir, "manifest.yml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	operator := func(env *Env) { env.Getenv = vars("ANNEX_URL", s.URL, "ANNEX_TOKEN", "anx_operator_x") }
	for _, reason := range []string{other, own, strings.ToUpper(other), "ari:cloud:ecosystem::app/" + other} {
		got := run(t, dir, "", operator, Hooks{}, "app", "suspend", reason)
		if got.code != 2 || len(asked) > 0 || !strings.Contains(got.err, "annex app suspend REASON --app ") {
			t.Errorf("%s: %d %v %s", reason, got.code, asked, got.err)
		}
	}
	if got := run(t, dir, "", operator, Hooks{}, "app", "suspend", "it leaks"); got.code != 0 || len(asked) == 0 || !strings.Contains(asked[len(asked)-1], own) {
		t.Errorf("%+v, asked %v", got, asked)
	}
}
