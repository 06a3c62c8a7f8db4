package protocol

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annexhq/annex/productkit"
)

// A product of another stack signs CloudEvents with a JOSE library and a few lines.
func TestNodePublishes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	key, err := productkit.KeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile("event.json")
	if err != nil {
		t.Fatal(err)
	}
	const site = "0199a1b2-0000-7000-8000-000000000001"
	cmd := exec.CommandContext(t.Context(), "node", "publish.js", file, "tracker", issuer, site)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(body), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	keys, err := productkit.ParseKeySet(productkit.PublicKeys(key))
	if err != nil {
		t.Fatal(err)
	}
	m := productkit.Message{ContentType: productkit.CloudEventType, Signature: strings.TrimSpace(string(out)), Body: body}
	want := productkit.Expect{Product: "tracker", Audience: issuer, Keys: keys}
	events, err := productkit.VerifyCloudEvents(t.Context(), m, want)
	if err != nil || len(events) != 1 || events[0].Type != "tracker:issue:created" || events[0].Site != site || events[0].User != "alice" {
		t.Fatalf("%+v %v", events, err)
	}
	m.Body = bytes.TrimSpace(body)
	if _, err := productkit.VerifyCloudEvents(t.Context(), m, want); productkit.ReasonOf(err) != productkit.BadSign {
		t.Errorf("other bytes: %v", err)
	}
}
