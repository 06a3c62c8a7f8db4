package seal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/seal"
)

func ring(t *testing.T) (*seal.Ring, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys", "ring.json")
	r, err := seal.OpenRing(path, true)
	if err != nil {
		t.Fatal(err)
	}
	return r, path
}

var (
	alice = seal.ForInstall("alice")
	place = seal.Place{Table: "t", Column: "c", Row: "r", Generation: 1}
)

func TestRoundTrip(t *testing.T) {
	r, _ := ring(t)
	rapid.Check(t, func(rt *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(rt, "plain")
		at := seal.Place{Table: rapid.String().Draw(rt, "table"), Row: rapid.String().Draw(rt, "row"), Generation: rapid.Int64().Draw(rt, "generation")}
		sealed, err := r.Seal(alice, seal.KVSecret, at, plain)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := r.Open(alice, seal.KVSecret, at, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			rt.Fatal(got, err)
		}
		if len(plain) > 8 && bytes.Contains(sealed, plain) {
			rt.Fatal("the sealed value holds the plain one")
		}
	})
}

// A value opens for its subject, purpose, table, column, row and generation only.
func TestMovedValuesDoNotOpen(t *testing.T) {
	r, _ := ring(t)
	sealed, err := r.Seal(alice, seal.KVSecret, place, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	other := func(change func(*seal.Place)) seal.Place {
		p := place
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		s seal.Subject
		p seal.Purpose
		a seal.Place
	}{
		"installation":             {seal.ForInstall("bob"), seal.KVSecret, place},
		"kind of subject":          {seal.ForEnv("alice"), seal.KVSecret, place},
		"purpose":                  {alice, seal.Variable, place},
		"table":                    {alice, seal.KVSecret, other(func(p *seal.Place) { p.Table = "u" })},
		"column":                   {alice, seal.KVSecret, other(func(p *seal.Place) { p.Column = "d" })},
		"row":                      {alice, seal.KVSecret, other(func(p *seal.Place) { p.Row = "s" })},
		"generation":               {alice, seal.KVSecret, other(func(p *seal.Place) { p.Generation = 2 })},
		"border between the parts": {alice, seal.KVSecret, seal.Place{Table: "tc", Column: "", Row: "r", Generation: 1}},
	} {
		if got, err := r.Open(c.s, c.p, c.a, sealed); fault.CodeOf(err) != "SEAL_BROKEN" || got != nil {
			t.Errorf("another %s: %q, %v", name, got, err)
		}
	}
}

func TestChangedValuesDoNotOpen(t *testing.T) {
	r, _ := ring(t)
	sealed, err := r.Seal(alice, seal.KVSecret, place, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := r.Open(alice, seal.KVSecret, place, bad); err == nil {
			t.Errorf("byte %d may be changed", i)
		}
	}
	for n := range sealed {
		if _, err := r.Open(alice, seal.KVSecret, place, sealed[:n]); err == nil {
			t.Errorf("it may be cut to %d bytes", n)
		}
	}
}

func TestSubjectAndPurposeAreDemanded(t *testing.T) {
	r, _ := ring(t)
	if _, err := r.Seal(seal.Subject{}, seal.KVSecret, place, nil); err == nil {
		t.Error("nobody's value was sealed")
	}
	if _, err := r.Seal(seal.ForInstall(""), seal.KVSecret, place, nil); err == nil {
		t.Error("a value of an empty installation was sealed")
	}
	if _, err := r.Seal(alice, "", place, nil); err == nil {
		t.Error("a value without purpose was sealed")
	}
}

func TestRotation(t *testing.T) {
	r, path := ring(t)
	old, err := r.Seal(alice, seal.KVSecret, place, []byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate(); err != nil {
		t.Fatal(err)
	}
	fresh, err := r.Seal(alice, seal.KVSecret, place, []byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	keys := r.Keys()
	if len(keys) != 2 || seal.KeyOf(old) != keys[0] || seal.KeyOf(fresh) != keys[1] {
		t.Fatal(keys, seal.KeyOf(old), seal.KeyOf(fresh))
	}
	again, err := seal.OpenRing(path, false)
	if err != nil {
		t.Fatal(err)
	}
	for want, sealed := range map[string][]byte{"old": old, "new": fresh} {
		if got, err := again.Open(alice, seal.KVSecret, place, sealed); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", want, got, err)
		}
	}
	if err := again.Retire(keys[1]); fault.CodeOf(err) != "KEY_IN_USE" {
		t.Error(err)
	}
	if err := again.Retire(keys[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Open(alice, seal.KVSecret, place, old); err == nil {
		t.Error("a value of a retired key opens")
	}
	if err := again.Retire(keys[0]); fault.CodeOf(err) != "KEY_UNKNOWN" {
		t.Error(err)
	}
}

func TestRingFile(t *testing.T) {
	_, path := ring(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenRing(path, true); fault.CodeOf(err) != "KEY_RING_EXPOSED" {
		t.Error(err)
	}
	for _, text := range []string{"", "{}", `{"version":2,"keys":[]}`, `{"version":1,"keys":[{"id":"00","key":"00"}]}`, `{"version":1,"keys":[],"x":1}`} {
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.OpenRing(bad, true); fault.CodeOf(err) != "KEY_RING_MALFORMED" {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := seal.OpenRing(filepath.Join(t.TempDir(), "none"), false); fault.CodeOf(err) != "KEY_RING_MISSING" {
		t.Error(err)
	}
}

// Two servers that start at once use one ring.
func TestConcurrentCreation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring.json")
	rings := make([]*seal.Ring, 8)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() {
			r, err := seal.OpenRing(path, true)
			if err != nil {
				t.Error(err)
				return
			}
			rings[i] = r
		})
	}
	wg.Wait()
	for _, r := range rings {
		if r == nil || r.Keys()[0] != rings[0].Keys()[0] {
			t.Fatal("two rings were made")
		}
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".keyring-*"))
	if len(left) > 0 {
		t.Error("left behind:", left)
	}
}

func TestSecretsAreRedacted(t *testing.T) {
	s := struct {
		Token seal.Secret `json:"token"`
	}{seal.NewSecret("hunter2")}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s.Token, "struct", s)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s.Token, "struct", s)
	j, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&log, v+v, s, s.Token)
	}
	log.Write(j)
	if strings.Contains(log.String(), "hunter2") || strings.Contains(log.String(), fmt.Sprintf("%x", "hunter2")) {
		t.Error(log.String())
	}
	if s.Token.Reveal() != "hunter2" {
		t.Error("lost")
	}
	r, path := ring(t)
	if out := fmt.Sprintf("%v %+v %#v %s %d", r, r, r, r, r); out != strings.Repeat("seal.Ring("+path+") ", 4)+"seal.Ring("+path+")" {
		t.Error(out)
	}
}
