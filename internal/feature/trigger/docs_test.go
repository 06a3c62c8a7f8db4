package trigger

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// TestExamples runs the examples of docs/web-triggers.md as they stand there.
func TestExamples(t *testing.T) {
	page, err := os.ReadFile("../../../docs/web-triggers.md")
	if err != nil {
		t.Fatal(err)
	}
	example := func(language string) string {
		found := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(page), -1)
		if len(found) != 1 {
			t.Fatalf("%d examples in %s", len(found), language)
		}
		return found[0][1]
	}
	s, p := proving(t, dbtest.SQLite(t))
	p.clock = time.Time{} // the examples know the real time only
	server := httptest.NewServer(s)
	defer server.Close()
	url := address(t, s, p, "i-alice", "signed")
	secret := issue(t, s, p, "i-alice", "signed")

	t.Run("node", func(t *testing.T) {
		dir := t.TempDir()
		text := example("js") + `console.log(JSON.stringify(sign(process.env.HOOK_SECRET, 'POST', '/orders?state=new', '{"order": 17}')));`
		if err := os.WriteFile(filepath.Join(dir, "sign.mjs"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("node", filepath.Join(dir, "sign.mjs"))
		cmd.Env = append(os.Environ(), "HOOK_SECRET="+secret)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var headers map[string]string
		if err := json.Unmarshal(out, &headers); err != nil || len(headers) != 2 {
			t.Fatalf("%s, %v", out, err)
		}
		r := request("POST", url+"orders?state=new", `{"order": 17}`)
		for name, value := range headers {
			r.Header.Set(name, value)
		}
		proved(t, p, "node", serve(s, r))
	})
	t.Run("shell", func(t *testing.T) {
		for _, tool := range []string{"bash", "curl", "openssl"} {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skip(tool + " is not here")
			}
		}
		// The address has a host of its own; here it is this test's listener.
		host := strings.TrimSuffix(strings.TrimPrefix(url, "https://"), "/")
		text := "curl() { command curl --fail -H 'Host: " + host + "' \"$@\"; }\n" + example("sh")
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", text)
		cmd.Env = append(os.Environ(), "HOOK_SECRET="+secret, "HOOK_URL="+server.URL+"/", "NO_PROXY=127.0.0.1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if ran := p.taken(); len(ran) != 1 || string(ran[0].Payload) != `{"order": 17}` {
			t.Errorf("%d calls", len(ran))
		}
	})
}
