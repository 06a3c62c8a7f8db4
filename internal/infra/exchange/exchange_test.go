package exchange

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

func TestMethods(t *testing.T) {
	for _, m := range []string{"CONNECT", "trace", "Track", "GET /", "", "PROPFIND"} {
		got, err := Method(m)
		if m == "" {
			if got != "GET" || err != nil {
				t.Errorf("the default is %q, %v", got, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%q leaves", m)
		}
	}
	if got, err := Method("patch"); got != "PATCH" || err != nil {
		t.Errorf("patch = %q, %v", got, err)
	}
}

// Whatever a body claims to be coded in, no more of it comes out than is allowed.
func FuzzBody(f *testing.F) {
	for _, coding := range []string{"gzip", "br", "deflate", "identity"} {
		var buf bytes.Buffer
		if e := encoder(&buf, coding); e != nil {
			_, _ = io.CopyN(e, zeros{}, 5000)
			_ = e.Close()
		}
		f.Add(buf.Bytes(), coding, int64(buf.Len()))
		f.Add(buf.Bytes()[:buf.Len()/2], coding, int64(-1))
	}
	f.Fuzz(func(t *testing.T, wire []byte, coding string, announced int64) {
		const limit = 2000
		r := &room{limit: 17 << 20}
		body, err := readBody(&counted{r: bytes.NewReader(wire), limit: limit}, coding, announced, limit, r, nil)
		if len(body) > limit || err == nil && r.taken < len(body) {
			t.Fatalf("%d bytes, %d taken, %v", len(body), r.taken, err)
		}
	})
}

func FuzzRequestHeaders(f *testing.F) {
	f.Add("Connection", "X-A, Host")
	f.Add("X-A: b\r\nX-B", "c")
	f.Add("x-annex-install", "\u00e9")
	f.Fuzz(func(t *testing.T, name, value string) {
		h, err := RequestHeaders([][2]string{{name, value}, {"X-A", "1"}})
		if err != nil {
			return
		}
		var wire bytes.Buffer
		if err := h.Write(&wire); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(wire.String(), "\r\n"), "\r\n") {
			key, _, ok := strings.Cut(line, ": ")
			if !ok || strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("line %q", line)
			}
			if key := http.CanonicalHeaderKey(key); dropRequest(key) {
				t.Fatalf("%s leaves", key)
			}
		}
	})
}

// A member after a member of a gzip stream counts too.
func TestGzipMembersCount(t *testing.T) {
	var one bytes.Buffer
	w := gzip.NewWriter(&one)
	_, _ = io.CopyN(w, zeros{}, 600)
	_ = w.Close()
	wire := &counted{r: bytes.NewReader(bytes.Repeat(one.Bytes(), 2)), limit: 1000}
	if _, err := readBody(wire, "gzip", -1, 1000, nil, nil); !errors.Is(err, errTooLarge) {
		t.Errorf("two members of 600 bytes: %v", err)
	}
}

func TestBrotliWindowIsCounted(t *testing.T) {
	for _, tt := range []struct{ bits, want int }{{10, 1 << 10}, {16, 1 << 16}, {17, 1 << 17}, {18, 1 << 18}, {22, 1 << 22}, {24, 1 << 24}} {
		var buf bytes.Buffer
		w := brotli.NewWriterOptions(&buf, brotli.WriterOptions{Quality: 5, LGWin: tt.bits})
		_, _ = io.CopyN(w, zeros{}, 1<<20)
		_ = w.Close()
		if got := window("br", buf.Bytes()[0]); got != int64(tt.want) {
			t.Errorf("a window of %d bits takes %d bytes", tt.bits, got)
		}
	}
	if window("gzip", 0x1f) < 32<<10 {
		t.Error("gzip remembers 32 KB")
	}
}

func encoder(w io.Writer, encoding string) io.WriteCloser {
	switch encoding {
	case "gzip":
		return gzip.NewWriter(w)
	case "br":
		return brotli.NewWriter(w)
	case "deflate":
		return zlib.NewWriter(w)
	default:
		return nil
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// room is a call.Room that counts.
type room struct{ limit, taken int }

func (r *room) Take(n int) error {
	if r.taken+n > r.limit {
		return errors.New("full")
	}
	r.taken += n
	return nil
}

func (r *room) Give(n int) { r.taken -= n }

// A body that is long and of which nothing comes is given up early; one that cannot be made
// shorter by its coding is not.
func TestFruitlessBodies(t *testing.T) {
	const limit = 10 << 20
	metadata := bytes.Repeat([]byte{6}, limit-1) // empty blocks of metadata
	metadata[0] = 12
	member := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	stored := []byte{0, 0, 0, 0xff, 0xff} // a block of no bytes
	for coding, body := range map[string][]byte{"br": metadata, "gzip": bytes.Repeat(member, limit/len(member)), "deflate": bytes.Repeat(stored, limit/len(stored))} {
		wire := &counted{r: bytes.NewReader(body), limit: limit}
		if _, err := readBody(wire, coding, int64(len(body)), limit, nil, nil); !errors.Is(err, errFruitless) || wire.n.Load() > 2*fruitless {
			t.Errorf("%s: %v after %d of %d bytes", coding, err, wire.n.Load(), len(body))
		}
	}
	noise := make([]byte, 4<<20)
	for i := range noise {
		noise[i] = byte(uint32(i) * uint32(i) * 2654435761 >> 13)
	}
	for _, coding := range []string{"br", "gzip", "deflate"} {
		var buf bytes.Buffer
		w := encoder(&buf, coding)
		_, _ = w.Write(noise)
		_ = w.Close()
		got, err := readBody(&counted{r: &buf, limit: limit}, coding, -1, limit, nil, nil)
		if err != nil || !bytes.Equal(got, noise) {
			t.Errorf("%s: %d of %d bytes, %v", coding, len(got), len(noise), err)
		}
	}
}
