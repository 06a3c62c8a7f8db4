package crash

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// on runs a command on the place's data and gives its exit code and words.
func (p place) on(t *testing.T, command string, more ...string) (code int, said string) {
	t.Helper()
	args := []string{command, "--data", p.data, "--key-ring", p.ring}
	if p.database != "" {
		args = append(args, "--database", p.database)
	}
	return ends(t, p.command(t, append(args, more...)...))
}

func (p place) backup(t *testing.T, name string, more ...string) (file string) {
	t.Helper()
	file = filepath.Join(filepath.Dir(p.data), name)
	if code, said := p.on(t, "backup", append([]string{"--to", file}, more...)...); code != 0 {
		t.Fatalf("%d %s", code, said)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	return file
}

// operatorOf gives a client that knows the new operator token of a restored server.
func (c *client) again(p place, s *process) {
	c.t.Helper()
	c.meet(s)
	token, err := os.ReadFile(filepath.Join(p.data, "operator.token"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.operator = strings.TrimSpace(string(token))
	token2 := func(add object) string {
		var made struct{ Tokens []struct{ Secret string } }
		add["token"] = true
		c.ask("POST", "/api/v1/accounts", c.operator, add).into(c.t, &made)
		return made.Tokens[0].Secret
	}
	c.developer = token2(object{"name": "bob", "developer": true})
	c.admin = token2(object{"name": "alice", "adminOf": []string{"acme"}})
}

// A backup beside the running server, or of what kill -9 left, brings everything back:
// into the same place, into an empty one, and from one database to the other. No secret
// is in it.
func TestBackupAndRestore(t *testing.T) {
	for name, database := range map[string]func(testing.TB) string{"sqlite": func(testing.TB) string { return "" }, "postgres": dbtest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.database = database(t)
			s := p.start(t)
			c := newClient(t, p, s)
			app, installation, hook := c.fresh()
			const sealed = "sealed-canary-0123456789abcdef"
			if a := c.ask("PUT", "/api/v1/apps/"+app+"/environments/development/variables/SEALED", c.developer, object{"value": sealed, "sealed": true}); !a.acknowledged() {
				t.Fatal(a)
			}
			put := func(key, value string) {
				t.Helper()
				var got kept
				c.call(hook, url.Values{"set": {key}, "value": {value}, "secret": {"yes"}}).into(t, &got)
			}
			put("a", "first-canary-0123456789abcdef")
			document := c.product(p)
			before := c.trail()
			beside := p.backup(t, "beside")
			text, err := os.ReadFile(beside)
			if err != nil {
				t.Fatal(err)
			}
			ring, err := os.ReadFile(p.ring)
			if err != nil {
				t.Fatal(err)
			}
			var keys struct{ Keys []struct{ Key string } }
			if err := json.Unmarshal(ring, &keys); err != nil {
				t.Fatal(err)
			}
			key, err := hex.DecodeString(keys.Keys[0].Key)
			if err != nil {
				t.Fatal(err)
			}
			for what, secret := range map[string][]byte{"sealed variable": []byte(sealed), "key": key, "operator's token": []byte(c.operator), "developer's token": []byte(c.developer)} {
				for _, form := range [][]byte{secret, []byte(hex.EncodeToString(secret)), []byte(base64.StdEncoding.EncodeToString(secret)[:len(secret)])} {
					if bytes.Contains(text, form) {
						t.Errorf("the backup holds the %s", what)
					}
				}
			}
			if code, said := p.on(t, "backup", "--to", beside); code != 8 || !strings.Contains(said, "exists already") {
				t.Error(code, said)
			}
			if code, said := p.on(t, "restore", "--from", beside, "--confirm"); code != 8 {
				t.Errorf("restored under a running server: %d %s", code, said)
			}
			put("a", "second")
			s.kill()
			killed := p.backup(t, "killed") // with what SQLite's log holds

			read := func(p place, want string) {
				t.Helper()
				s := p.start(t)
				old := c.developer
				c.again(p, s)
				if a := c.ask("GET", "/api/v1/whoami", old, nil); a.status != 401 {
					t.Error("a token of before is taken:", a)
				}
				var all struct{ Installations []struct{ ID, State string } }
				c.ask("GET", "/api/v1/installations", c.admin, nil).into(t, &all)
				if len(all.Installations) != 1 || all.Installations[0].ID != installation {
					t.Fatalf("%+v", all)
				}
				if all.Installations[0].State == "stopped" {
					if a := c.call(hook, url.Values{"get": {"a"}}); a.status != 404 {
						t.Error(a)
					}
					c.install(app)
				}
				// Without its document every operation of a product would be closed.
				if c.document(p) != document {
					t.Error("the product's document is another one")
				}
				// The trail that is told now is one with the one that was told before.
				after := c.trail()
				report, err := trail.VerifyExtends(strings.NewReader(before), strings.NewReader(after), nil)
				if err != nil || !report.OK || !strings.Contains(after, "server.restore") {
					t.Errorf("%+v, %v", report, err)
				}
				if cut, _, ok := strings.Cut(after, `"act":"site.add"`); !ok {
					t.Error("the restored trail does not begin with the site")
				} else if report, err := trail.VerifyExtends(strings.NewReader(before), strings.NewReader(cut), nil); err == nil && report.OK {
					t.Error("half a trail passes for the whole")
				}
				var got kept
				c.call(hook, url.Values{"get": {"a"}}).into(t, &got)
				if got.Value != want || got.Secret != want || got.Sealed != sealed {
					t.Errorf("%+v, want %q", got, want)
				}
				s.stop()
			}
			if code, said := p.on(t, "restore", "--from", beside); code != 8 || !strings.Contains(said, "--confirm") {
				t.Error("replaced unasked:", code, said)
			}
			if code, said := p.on(t, "restore", "--from", beside, "--confirm"); code != 0 {
				t.Fatal(code, said)
			}
			read(p, "first-canary-0123456789abcdef")

			// Into an empty place, on the other database, without keys and with them.
			q := newPlace(t)
			if name == "sqlite" {
				q.database = dbtest.PostgresURL(t)
			}
			if code, said := q.on(t, "restore", "--from", killed); code != 6 || !strings.Contains(said, "is missing") {
				t.Error("restored without keys:", code, said)
			}
			other := newPlace(t)
			other.start(t).stop()
			if code, said := (place{data: q.data, ring: other.ring, database: q.database}).on(t, "restore", "--from", killed); code != 8 || !strings.Contains(said, "is not the one") {
				t.Error("restored with other keys:", code, said)
			}
			copyRingTo(t, p.ring, q.ring)
			if code, said := q.on(t, "restore", "--from", killed); code != 0 || !strings.Contains(said, "1 installation waits") {
				t.Fatal(code, said)
			}
			read(q, "second")

			with := p.backup(t, "with-keys", "--with-keys")
			r := newPlace(t)
			if code, said := r.on(t, "restore", "--from", with, "--with-keys", "--json"); code != 0 || !strings.Contains(said, `"keys":true`) {
				t.Fatal(code, said)
			}
			read(r, "first-canary-0123456789abcdef")

			// What is cut off changes nothing.
			if err := os.Truncate(beside, int64(len(text)/2)); err != nil {
				t.Fatal(err)
			}
			if code, said := r.on(t, "restore", "--from", beside, "--confirm"); code != 3 {
				t.Error(code, said)
			}
			s = r.start(t)
			c.meet(s)
			if a := c.ask("GET", "/api/v1/whoami", c.developer, nil); a.status != 200 {
				t.Error(a)
			}
			s.stop()
		})
	}
}

// product registers a product with its document, and gives what is kept of it.
func (c *client) product(p place) string {
	c.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, file := range map[string]string{"product": "product.yaml", "openapi": "openapi.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "examples", "product", file))
		if err != nil {
			c.t.Fatal(err)
		}
		part, err := w.CreateFormFile(name, file)
		if err == nil {
			_, err = part.Write(text)
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		c.t.Fatal(err)
	}
	if a := c.send("POST", "/api/v1/products", c.operator, w.FormDataContentType(), body.Bytes()); !a.acknowledged() {
		c.t.Fatal(a)
	}
	return c.document(p)
}

// document is what is kept of the product's document, as the database has it.
func (c *client) document(p place) string {
	c.t.Helper()
	d := p.open(c.t)
	defer d.Close()
	var source, form []byte
	if err := d.QueryRow(c.t.Context(), `SELECT source, read_form FROM product_documents WHERE product = ?`, "tracker").Scan(&source, &form); err != nil {
		c.t.Fatal(err)
	}
	if len(source) < 1000 || len(form) < 1000 {
		c.t.Errorf("the product's document has %d bytes, and %d as it was read", len(source), len(form))
	}
	return string(source) + string(form)
}

// trail is a site's audit trail as it is exported.
func (c *client) trail() string {
	c.t.Helper()
	a := c.send("GET", "/api/v1/audit/export?site=acme", c.operator, "", nil)
	if a.status != 200 {
		c.t.Fatal(a)
	}
	return a.body
}

func copyRingTo(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	copyRing(t, from, to)
}
