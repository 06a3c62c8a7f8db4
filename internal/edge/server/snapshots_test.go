package server

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/seal"
)

func openTestSnapshots(t *testing.T) (*snapshots, *bytes.Buffer) {
	t.Helper()
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := openSnapshots(filepath.Join(t.TempDir(), "snapshots"), ring, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return s, &log
}

// Whatever happened to a snapshot's file, it is given back whole or not at all.
func TestSnapshotsAreWholeOrMissing(t *testing.T) {
	s, log := openTestSnapshots(t)
	ctx, plain := t.Context(), bytes.Repeat([]byte("pages"), 1000)
	if got, err := s.Get(ctx, "key"); got != nil || err != nil {
		t.Fatal(len(got), err)
	}
	if err := s.Put(ctx, "key", plain); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(ctx, "key"); !bytes.Equal(got, plain) || err != nil {
		t.Fatal(len(got), err)
	}
	whole, err := os.ReadFile(s.file("key"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(whole, []byte("pages")) {
		t.Error("a snapshot lies open")
	}
	if err := s.Put(ctx, "other", plain); err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(s.file("other"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1
		return b
	}
	for name, damaged := range map[string][]byte{
		"empty": {}, "one byte": whole[:1], "cut in half": whole[:len(whole)/2], "cut by one": whole[:len(whole)-1],
		"longer": append(bytes.Clone(whole), 0), "head flipped": flipped(0), "middle flipped": flipped(len(whole) / 2), "end flipped": flipped(len(whole) - 1),
		"another key's": other, "zeros": make([]byte, len(whole)),
	} {
		log.Reset()
		if err := os.WriteFile(s.file("key"), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(ctx, "key"); got != nil || err != nil || !strings.Contains(log.String(), "made again") {
			t.Errorf("%s: %d bytes, %v, %s", name, len(got), err, log)
		}
	}
	if err := s.Put(ctx, "key", plain); err != nil { // what makes it again puts it there
		t.Fatal(err)
	}
	if got, err := s.Get(ctx, "key"); !bytes.Equal(got, plain) || err != nil {
		t.Fatal(len(got), err)
	}
}

func TestSnapshotsAreSwept(t *testing.T) {
	s, _ := openTestSnapshots(t)
	now := time.Now()
	for key, age := range map[string]time.Duration{"asked for": 40 * 24 * time.Hour, "young": 24 * time.Hour, "unused": 31 * 24 * time.Hour} {
		if err := s.Put(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(s.file(key), now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	for name, age := range map[string]time.Duration{newPrefix + "left": 2 * time.Hour, newPrefix + "now": time.Minute} {
		file := filepath.Join(s.dir, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Get(t.Context(), "asked for"); err != nil {
		t.Fatal(err)
	}
	if err := s.sweep(now); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]bool{
		s.file("asked for"): true, s.file("young"): true, s.file("unused"): false,
		filepath.Join(s.dir, newPrefix+"left"): false, filepath.Join(s.dir, newPrefix+"now"): true,
	} {
		if _, err := os.Stat(file); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", file, err, want)
		}
	}
}
