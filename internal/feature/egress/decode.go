package egress

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"

	"github.com/andybalholm/brotli"

	"github.com/annexhq/annex/internal/core/fault"
)

// counted counts what was on the wire and fails beyond a limit, so that nothing is
// silently cut off.
type counted struct {
	r     io.Reader
	n     int64
	limit int64
}

var errTooLarge = errors.New("body over the limit")

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.n > c.limit {
		return 0, errTooLarge
	}
	return n, err
}

// readBody reads an answer's body, decoding one known encoding as fetch does. Both
// the bytes on the wire and the decoded ones are bounded, so a small answer cannot
// become a large one. An encoding that is not known is passed on as it is.
func readBody(wire *counted, encoding string, limit int64) ([]byte, error) {
	r, err := decoder(wire, encoding)
	if err != nil {
		return nil, err
	}
	decoded := &counted{r: r, limit: limit}
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(decoded); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func decoder(wire io.Reader, encoding string) (io.Reader, error) {
	coding := strings.ToLower(strings.TrimSpace(encoding))
	switch coding {
	case "gzip", "x-gzip", "deflate", "br":
	default:
		return wire, nil
	}
	buffered := bufio.NewReader(wire)
	head, err := buffered.Peek(2)
	if errors.Is(err, io.EOF) && len(head) == 0 {
		return buffered, nil // an empty body is empty in every encoding (HEAD, 304)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch coding {
	case "br":
		return brotli.NewReader(buffered), nil
	case "deflate":
		// Named for zlib's format, but some servers send the bare one.
		if len(head) == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			return zlib.NewReader(buffered)
		}
		return flate.NewReader(buffered), nil
	default:
		return gzip.NewReader(buffered)
	}
}

func bodyTooLarge(limit int64) *fault.Error {
	return fault.New(fault.Limit, "LIMIT_RESPONSE_BODY", "an answer may have %d bytes, sent and decoded", limit).With("limit", "response body").With("figure", limit)
}
