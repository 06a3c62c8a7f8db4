package jsvm

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"

	"github.com/andybalholm/brotli"
)

// maxInflated bounds what a small input may become.
const maxInflated = 64 << 20

// inflate undoes gzip, deflate (zlib), deflate-raw and br.
func (in *Instance) inflate(kind string, b []byte) ([]byte, error) {
	var r io.Reader
	var err error
	src := bytes.NewReader(b)
	switch kind {
	case "gzip":
		r, err = gzip.NewReader(src)
	case "deflate":
		r, err = zlib.NewReader(src)
	case "deflate-raw":
		r = flate.NewReader(src)
	case "br":
		r = brotli.NewReader(src)
	default:
		return nil, typeError("no compression %q here: gzip, deflate, deflate-raw, br", kind)
	}
	if err != nil {
		return nil, typeError("the compressed data was not valid")
	}
	var out bytes.Buffer
	for out.Len() <= maxInflated {
		if _, err := io.CopyN(&out, r, piece); errors.Is(err, io.EOF) {
			return out.Bytes(), nil
		} else if err != nil {
			return nil, typeError("the compressed data was not valid")
		}
		if err := in.pause(); err != nil {
			return nil, err
		}
	}
	return nil, &jsError{name: "RangeError", message: "the data inflates to more than 64 MB"}
}

func (in *Instance) deflate(kind string, b []byte) ([]byte, error) {
	var out bytes.Buffer
	var w io.WriteCloser
	switch kind {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "deflate-raw":
		fw, err := flate.NewWriter(&out, flate.DefaultCompression)
		if err != nil {
			return nil, err
		}
		w = fw
	case "br":
		w = brotli.NewWriter(&out)
	default:
		return nil, typeError("no compression %q here: gzip, deflate, deflate-raw, br", kind)
	}
	if err := in.inPieces(w, b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
