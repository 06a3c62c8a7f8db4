package hosting

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"

	"github.com/annexhq/annex/internal/core/webpage"
	"github.com/annexhq/annex/internal/infra/blob"
)

// script is the bridge as documents name it.
type script struct {
	text []byte
	tag  []byte // what is put first into a document
	hash string
}

// canary runs only where the browser does not enforce the page's policy: no policy of ours
// admits a script from data:. Then the app is not shown, for it would not be bounded.
const canary = `<script src="data:text/javascript,globalThis.__annexUnbounded=true;window.stop();document.documentElement.textContent='This%20browser%20does%20not%20enforce%20the%20security%20policy%20of%20the%20page,%20so%20the%20app%20is%20not%20shown%20here.'"></script>`

func newScript(text []byte) script {
	sum := sha256.Sum256(text)
	hash := hex.EncodeToString(sum[:8])
	return script{text: text, hash: hash, tag: []byte(`<script src="` + bridgePath + `?v=` + hash + `"></script>` + canary)}
}

// body is a file as it is sent.
type body struct {
	data   []byte
	hashes []string // of a document's inline scripts
}

// store gives files ready to send and keeps what was made of them, within a bound.
type store struct {
	blobs  blob.Store
	bridge script
	flight singleflight.Group

	mu   sync.Mutex
	kept *simplelru.LRU[string, *body]
	size int
}

const (
	keptBytes = 64 << 20
	keptOne   = 8 << 20 // larger files are read each time
)

func newStore(blobs blob.Store, bridge script) *store {
	s := &store{blobs: blobs, bridge: bridge}
	s.kept, _ = simplelru.NewLRU(1<<20, func(_ string, b *body) { s.size -= len(b.data) }) // the only error is a size below one
	return s
}

// get gives a file in an encoding: "", "gzip" or "br". A document has the bridge in front.
func (s *store) get(ctx context.Context, h blob.Hash, document bool, encoding string) (*body, error) {
	name := string(h) + "," + encoding
	if document {
		name += ",document"
	}
	s.mu.Lock()
	have, ok := s.kept.Get(name)
	s.mu.Unlock()
	if ok {
		return have, nil
	}
	made, err, _ := s.flight.Do(name, func() (any, error) {
		// The asker's own end must not end what others wait for.
		return s.make(context.WithoutCancel(ctx), h, document, encoding)
	})
	if err != nil {
		return nil, err
	}
	b := made.(*body)
	s.keep(name, b)
	return b, nil
}

func (s *store) keep(name string, b *body) {
	if len(b.data) > keptOne {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept.Contains(name) {
		return
	}
	s.kept.Add(name, b)
	s.size += len(b.data)
	for s.size > keptBytes {
		s.kept.RemoveOldest()
	}
}

func (s *store) make(ctx context.Context, h blob.Hash, document bool, encoding string) (*body, error) {
	if encoding != "" {
		plain, err := s.get(ctx, h, document, "")
		if err != nil {
			return nil, err
		}
		data, err := encode(plain.data, encoding)
		return &body{data, plain.hashes}, err
	}
	data, err := s.blobs.Get(ctx, h)
	if err != nil || !document {
		return &body{data: data}, err
	}
	d := webpage.Read(data)
	out := make([]byte, 0, len(data)+len(s.bridge.tag))
	out = append(append(append(out, data[:d.At]...), s.bridge.tag...), data[d.At:]...)
	return &body{out, d.Hashes}, nil
}

func encode(data []byte, encoding string) ([]byte, error) {
	var b bytes.Buffer
	var w interface {
		Write([]byte) (int, error)
		Close() error
	}
	switch encoding {
	case "br":
		w = brotli.NewWriterLevel(&b, 5)
	default:
		w, _ = gzip.NewWriterLevel(&b, 6) // the only error is a level that there is not
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
