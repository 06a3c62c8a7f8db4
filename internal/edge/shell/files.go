package shell

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"sync"
)

// files serves built files, compressed once, under their hash.
type files struct {
	read func(name string) ([]byte, error)
	mu   sync.Mutex
	kept map[string]*built
}

type built struct {
	plain, small []byte
	tag          string
}

var types = map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

func (f *files) get(name string) (*built, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b, ok := f.kept[name]; ok {
		return b, nil
	}
	plain, err := f.read(name)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(plain)
	b := &built{plain: plain, tag: hex.EncodeToString(sum[:8])}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(plain); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	b.small = out.Bytes()
	if f.kept == nil {
		f.kept = map[string]*built{}
	}
	f.kept[name] = b
	return b, nil
}

// version tells one build's files from another's, for addresses.
func (f *files) version() string {
	h := sha256.New()
	for _, name := range []string{"shell.js", "shell-app.js", "shell.css", "kit.js", "kit.css"} {
		if b, err := f.get(name); err == nil {
			h.Write([]byte(b.tag))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

func (f *files) serve(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := f.get(name)
		if err != nil {
			http.Error(w, "The server was built without its pages: run make build.", http.StatusNotFound)
			return
		}
		h := w.Header()
		h.Set("Content-Type", types[path.Ext(name)])
		h.Set("ETag", `"`+b.tag+`"`)
		h.Add("Vary", "Accept-Encoding")
		if r.URL.RawQuery != "" { // an address of one build
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			h.Set("Cache-Control", "public, max-age=300")
		}
		if strings.Contains(r.Header.Get("If-None-Match"), b.tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		body := b.plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = b.small
		}
		_, _ = w.Write(body)
	}
}
