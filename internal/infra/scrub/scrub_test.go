package scrub

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
)

var dresses = map[string]func(secret string, before int) string{
	"plain":       func(s string, _ int) string { return s },
	"percent":     func(s string, _ int) string { return url.QueryEscape(s) },
	"percent all": func(s string, _ int) string { return each(s, "%%%02x") },
	"json":        func(s string, _ int) string { return strings.ReplaceAll(s, "/", `\/`) },
	"json all":    func(s string, _ int) string { return each(s, `\u%04X`) },
	"hex":         func(s string, n int) string { return hex.EncodeToString([]byte(strings.Repeat("x", n) + s)) },
	"hex odd":     func(s string, _ int) string { return "f" + strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"base64": func(s string, n int) string {
		return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", n) + s + "y"))
	},
	"base64url": func(s string, n int) string {
		return base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("x", n) + s))
	},
	"base64 shift": func(s string, n int) string {
		return strings.Repeat("A", n) + base64.StdEncoding.EncodeToString([]byte(s))
	},
	"percent base64": func(s string, n int) string {
		return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", n) + s)))
	},
	"json hex": func(s string, _ int) string { return each(hex.EncodeToString([]byte(s)), `\u%04x`) },
}

func each(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

// In each dress, at each alignment and however the stream is cut: the secret is gone, what
// was around it is there, and the outcome does not depend on the cuts.
func TestSecretsAreTakenOutOfStreams(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, dress := range dresses {
		for range 20 {
			secret := text(r, Shortest+r.IntN(60))
			dressed := dress(secret, r.IntN(4))
			body := `{"a":"` + noise(r) + `","b":"` + dressed + `","c":"` + noise(r) + `"}`
			whole := New([]byte(secret))
			want := string(whole.Bytes([]byte(body)))
			if whole.Hits() == 0 || strings.Contains(want, dressed) || !strings.HasPrefix(want, `{"a":"`) || !strings.HasSuffix(want, `"}`) || !strings.Contains(want, Removed) {
				t.Fatalf("%s: %d hits for %q in %q: %q", name, whole.Hits(), secret, body, want)
			}
			if before, _, _ := strings.Cut(body, dressed); !strings.HasPrefix(want, before) {
				t.Fatalf("%s: more than the secret went: %q became %q", name, body, want)
			}
			s := New([]byte(secret))
			var got []byte
			for rest := []byte(body); len(rest) > 0; {
				n := 1 + r.IntN(min(len(rest), 1+r.IntN(40)))
				got = s.Write(got, rest[:n])
				rest = rest[n:]
				if name == "plain" && bytes.Contains(got, []byte(secret)) {
					t.Fatal("given out before it was known")
				}
			}
			if got = s.Close(got); string(got) != want || s.Hits() != whole.Hits() {
				t.Fatalf("%s: in pieces %q, whole %q", name, got, want)
			}
			one, err := io.ReadAll(New([]byte(secret)).Reader(iotest.OneByteReader(strings.NewReader(body))))
			if err != nil || string(one) != want {
				t.Fatalf("%s: by a reader %q, %v", name, one, err)
			}
		}
	}
}

func text(r *rand.Rand, n int) string {
	const alphabet = "ABCDEFGHabcdefgh0123456789-_.~+/="
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func noise(r *rand.Rand) string {
	const alphabet = `abcdef0123 %\u4!ZZ+/=`
	b := make([]byte, r.IntN(50))
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b) + " "
}

func TestWhatIsNoSecretStays(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		body := make([]byte, r.IntN(3000))
		for i := range body {
			body[i] = `abAB01%\u"/+=&`[r.IntN(14)]
		}
		s := New([]byte("abababab"+"Z"), []byte("0101010101Z"))
		got, err := io.ReadAll(s.Reader(iotest.HalfReader(bytes.NewReader(body))))
		if err != nil || !bytes.Equal(got, body) || s.Hits() != 0 {
			t.Fatalf("%q became %q (%v)", body, got, err)
		}
	}
}

func TestTwoSecretsThatOverlap(t *testing.T) {
	s := New([]byte("abcdefgh"), []byte("efghijkl"), []byte("Bearer abcdefgh"))
	if got := string(s.Bytes([]byte("x Bearer abcdefghijkl y abcdefghabcdefgh z"))); got != "x "+Removed+" y "+Removed+Removed+" z" {
		t.Errorf("%q", got)
	}
}

func TestShortSecretsAreNotLookedFor(t *testing.T) {
	if got := string(New([]byte("abc")).Bytes([]byte("abc"))); got != "abc" {
		t.Errorf("%q", got)
	}
}

func BenchmarkScan(b *testing.B) {
	body := bytes.Repeat([]byte(`{"id":1234,"name":"Alice","text":"Lorem ipsum dolor sit amet"},`), 16<<10)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		s := New([]byte("gho_16C7e42F292c6912E7710c838347Ae178B4a"))
		if _, err := io.Copy(io.Discard, s.Reader(bytes.NewReader(body))); err != nil {
			b.Fatal(err)
		}
	}
}

// Queries and forms write a space as +.
func TestASecretWithSpacesInAForm(t *testing.T) {
	const secret = "a secret of/three words"
	for _, form := range []string{url.QueryEscape(secret), strings.ReplaceAll(secret, " ", "+"), secret} {
		s := New([]byte(secret))
		if got := string(s.Bytes([]byte("key=" + form + "&x=1"))); got != "key="+Removed+"&x=1" || s.Hits() != 1 {
			t.Errorf("%q became %q", form, got)
		}
	}
}
