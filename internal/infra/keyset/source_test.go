package keyset_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/keyset"
)

// A set counts for as long as its answer says, but no shorter and no longer than is good for
// both sides.
func TestASetIsKeptAsItsAnswerSays(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                             5 * time.Minute,
		"public":                       5 * time.Minute,
		"max-age=x":                    5 * time.Minute,
		"max-age=-1":                   5 * time.Minute,
		"public, max-age=120":          2 * time.Minute,
		`Max-Age="120"`:                2 * time.Minute,
		"max-age=0":                    10 * time.Second,
		"no-store":                     10 * time.Second,
		"no-cache, max-age=120":        10 * time.Second,
		"max-age=31536000":             15 * time.Minute,
		"max-age=9223372036854775807":  15 * time.Minute,
		"max-age=92233720368547758070": 5 * time.Minute,
	} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Cache-Control", header)
			_, _ = w.Write([]byte("a"))
		}))
		s, err := keyset.NewSource(server.URL, &http.Client{}, func(b []byte) (string, error) { return string(b), nil }, func(set, kid string) bool { return set == kid })
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(1_900_000_000, 0)
		s.Now = func() time.Time { return now }
		get := func(want int) {
			t.Helper()
			if set, err := s.Get(t.Context(), "a"); err != nil || set != "a" || asked != want {
				t.Errorf("%q: %q %v after %d requests", header, set, err, asked)
			}
		}
		get(1)
		now = now.Add(want - time.Nanosecond)
		get(1)
		now = now.Add(time.Nanosecond)
		get(2)
		server.Close()
	}
}

// What cannot be read neither replaces a set nor is asked for at once again.
func TestWhatIsNoSetReplacesNone(t *testing.T) {
	asked, text := 0, "a"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(text))
	}))
	defer server.Close()
	odd := errors.New("odd")
	s, err := keyset.NewSource(server.URL, &http.Client{}, func(b []byte) (string, error) {
		if string(b) == "odd" {
			return "", odd
		}
		return string(b), nil
	}, func(set, kid string) bool { return set == kid })
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_900_000_000, 0)
	s.Now = func() time.Time { return now }
	for n, step := range []struct {
		after time.Duration
		text  string
		set   string
		err   bool
		asked int
	}{
		{0, "odd", "", true, 1},
		{time.Second - 1, "a", "", true, 1}, // asked a moment ago
		{1, "a", "a", false, 2},
		{10 * time.Second, "odd", "a", false, 2},
		{5 * time.Minute, "odd", "a", false, 3},
		{10 * time.Minute, "odd", "", true, 4},
	} {
		now, text = now.Add(step.after), step.text
		if set, err := s.Get(t.Context(), "a"); set != step.set || (err != nil) != step.err || asked != step.asked {
			t.Errorf("step %d: %q %v after %d requests", n, set, err, asked)
		} else if step.text == "odd" && err != nil && !errors.Is(err, odd) {
			t.Errorf("step %d: %v hides why", n, err)
		}
	}
}

func TestWhatIsAnOrigin(t *testing.T) {
	for _, good := range []string{"https://api.annex.example.com", "https://api.annex.example.com:8443", "http://localhost:8080", "http://api.localhost", "http://127.0.0.1:1", "http://[::1]:1"} {
		if !keyset.IsOrigin(good) {
			t.Errorf("%q is none", good)
		}
	}
	for _, bad := range []string{
		"", "x", "https://", "http://api.annex.example.com", "http://localhost.example.com", "https://user@api.annex.example.com", "ftp://127.0.0.1",
		"https://api.annex.example.com/", "https://api.annex.example.com/x", "https://api.annex.example.com?", "https://api.annex.example.com?x", "https://api.annex.example.com#", "https://api.annex.example.com#x",
	} {
		if keyset.IsOrigin(bad) {
			t.Errorf("%q is one", bad)
		}
	}
}
