package scrub

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Whatever the lanes find in a long stream is found behind the sieve, wherever it stands and
// however the stream was cut.
func TestTheSieveLetsNoSecretThrough(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	alphabets := []string{
		"abcdefghijklmnopqrstuvwxyz ,.:;\n", "ABCDEFabcdef0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", "{}[]\":,0123456789 ", `ab\"u00%4`, "\x00\x7f\x80\xff",
	}
	filler := func(n int) string {
		alphabet := alphabets[r.IntN(len(alphabets))]
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	names := slices.Sorted(maps.Keys(dresses))
	for range 3000 {
		secret := text(r, Shortest+r.IntN(40))
		var b strings.Builder
		b.WriteString(filler(r.IntN(2 * sieveFrom)))
		for range 1 + r.IntN(3) {
			name := names[r.IntN(len(names))]
			dressed := dresses[name](secret, r.IntN(4))
			if r.IntN(4) == 0 { // or nearly
				cut := 1 + r.IntN(len(dressed)-1)
				dressed = dressed[:cut] + filler(r.IntN(3)) + dressed[cut:]
			}
			b.WriteString(dressed + filler(r.IntN(600)))
		}
		body := b.String()
		all := New([]byte(secret))
		all.held = []byte(body)
		all.look(all.held)
		want := string(all.Close(nil))

		s := New([]byte(secret))
		var got []byte
		for rest := []byte(body); len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(1+r.IntN(3000)))
			got = s.Write(got, rest[:n])
			rest = rest[n:]
		}
		if got = s.Close(got); string(got) != want || s.Hits() != all.Hits() {
			t.Fatalf("%q in %q: %d hits, the lanes found %d\n got %q\nwant %q", secret, body, s.Hits(), all.Hits(), got, want)
		}
	}
}
