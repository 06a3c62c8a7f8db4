package qjs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// version is a runnable artifact, ready to be given to workers.
type version struct {
	key     string
	image   *image.Image // nil when module scope runs at each call
	source  *os.File     // then this
	files   []byte       // JSON of the bundled files, for workers
	reason  string
	exports []string
	bytes   int
	took    time.Duration

	refs     int // under Runtime.mu
	lastUsed time.Time

	served atomic.Int64 // calls that ended well
	tally  *tally       // of its environment
	paces  paces
}

func (v *version) close() {
	if v.image != nil {
		_ = v.image.Close()
	}
	if v.source != nil {
		_ = v.source.Close()
	}
}

// file is the descriptor that workers map.
func (v *version) file() *os.File {
	if v.image != nil {
		return v.image.File
	}
	return v.source
}

// version gives the artifact's version, which release gives back.
func (r *Runtime) version(ctx context.Context, art call.Artifact) (*version, error) {
	if v := r.ready(art.Key); v != nil {
		return v, nil
	}
	made := r.flight.DoChan(art.Key, func() (any, error) {
		// Whoever asked first may go away; the others still want it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
		defer cancel()
		if v := r.ready(art.Key); v != nil {
			r.release(v)
			return nil, nil
		}
		err := safely(func() error {
			v, err := r.makeVersion(ctx, art)
			if err == nil {
				r.keep(v)
			}
			return err
		})
		return nil, logPanic(r.log, err)
	})
	select {
	case res := <-made:
		if res.Err != nil {
			return nil, res.Err
		}
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "NOT_READY", "the version is still being prepared").Because(ctx.Err())
	}
	if v := r.ready(art.Key); v != nil {
		return v, nil
	}
	return nil, fault.New(fault.Unavailable, "NOT_READY", "too many versions are in use at once")
}

func (r *Runtime) ready(key string) *version {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.versions[key]
	if v != nil {
		v.refs++
		v.lastUsed = time.Now()
	}
	return v
}

func (r *Runtime) release(v *version) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.refs--
}

// keep adds a version, and lets the one go that was not used for longest.
func (r *Runtime) keep(v *version) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.lastUsed = time.Now()
	if served, ok := r.proven.Get(v.key); ok {
		v.served.Store(served)
	}
	r.versions[v.key] = v
	if len(r.versions) <= r.cfg.MaxImages {
		return
	}
	var oldest *version
	for _, o := range r.versions {
		if o.refs == 0 && o != v && (oldest == nil || o.lastUsed.Before(oldest.lastUsed)) {
			oldest = o
		}
	}
	if oldest != nil {
		delete(r.versions, oldest.key)
		r.proven.Add(oldest.key, oldest.served.Load())
		r.pool.forget(oldest)
		oldest.close()
	}
}

// idleFor is how long a version stays ready after its last call. Its image is then closed,
// here and in the workers, and composed again from the stored snapshot at the next call,
// which takes a few milliseconds. One whose module scope runs at each call has nothing
// stored, and is let go only for want of room.
const idleFor = 30 * time.Second

// sweep closes what has been idle.
func (r *Runtime) sweep() {
	tick := time.NewTicker(idleFor / 6)
	defer tick.Stop()
	for {
		select {
		case <-r.closed:
			return
		case now := <-tick.C:
			for _, v := range r.idle(now) {
				r.pool.forget(v)
				v.close()
			}
		}
	}
}

// idle takes the versions out that nobody has called for a while.
func (r *Runtime) idle(now time.Time) []*version {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*version
	for key, v := range r.versions {
		if v.refs == 0 && v.image != nil && r.cfg.Snapshots != nil && now.Sub(v.lastUsed) > idleFor {
			delete(r.versions, key)
			r.proven.Add(v.key, v.served.Load())
			out = append(out, v)
		}
	}
	return out
}

// makeVersion composes the image from the cached snapshot, or makes the snapshot.
func (r *Runtime) makeVersion(ctx context.Context, art call.Artifact) (*version, error) {
	base := r.pool.image
	key := storeKey(art.Key, base.Hash)
	if art.Snapshots && r.cfg.Snapshots != nil {
		if v := r.cached(ctx, art, key, base); v != nil {
			return v, nil
		}
	}
	src, err := art.Load(ctx)
	if err != nil {
		return nil, fault.Op("qjs.makeVersion", err)
	}
	body, err := json.Marshal(hostcall.Source{
		Bundle: src.Bundle, Variables: src.Variables, Files: src.Files, Memory: art.MemoryMB << 20, Repeats: !art.Snapshots,
	})
	if err != nil {
		return nil, fault.Op("qjs.makeVersion", err)
	}
	b, err := r.pool.build(ctx, ownerOf(art), body)
	if err != nil {
		return nil, r.explainWith(src.SourceMap, err)
	}
	v := &version{key: art.Key, tally: r.tallyOf(art), exports: b.exports, reason: b.reason, took: b.took}
	if len(src.Files) > 0 {
		if v.files, err = json.Marshal(src.Files); err != nil {
			return nil, fault.Op("qjs.makeVersion", err)
		}
	}
	if !art.Snapshots {
		v.reason = "the manifest says app.runtime.snapshots: false"
	}
	if v.reason != "" {
		v.source, err = memfile("annex-source", body)
		return v, err
	}
	if v.image, err = image.Compose(base, "annex-app", b.snapshot); err != nil {
		return nil, fault.Op("qjs.makeVersion", err)
	}
	v.bytes = len(b.snapshot)
	if r.cfg.Snapshots != nil {
		if err := r.cfg.Snapshots.Put(ctx, key, pack(b.snapshot, v.files)); err != nil {
			r.log.Warn("snapshot not cached", "version", art.Version, "err", err)
		}
	}
	return v, nil
}

func (r *Runtime) cached(ctx context.Context, art call.Artifact, key string, base *image.Image) *version {
	stored, err := r.cfg.Snapshots.Get(ctx, key)
	if err != nil || len(stored) == 0 {
		if err != nil && fault.KindOf(err) != fault.NotFound {
			r.log.Warn("snapshot not read", "version", art.Version, "err", err)
		}
		return nil
	}
	snapshot, files, err := unpack(stored)
	if err == nil {
		var img *image.Image
		if img, err = image.Compose(base, "annex-app", snapshot); err == nil {
			return &version{key: art.Key, tally: r.tallyOf(art), image: img, files: files, exports: img.Exports, bytes: len(snapshot)}
		}
	}
	r.log.Warn("cached snapshot is damaged; making it again", "version", art.Version, "err", err)
	return nil
}

// tallyOf is the tally of the artifact's environment; one that names none stands alone.
func (r *Runtime) tallyOf(art call.Artifact) *tally {
	if art.Environment == "" {
		return r.tallies.get("version " + art.Key)
	}
	return r.tallies.get("environment " + string(art.Environment))
}

// ownerOf is in whose name a snapshot is made.
func ownerOf(art call.Artifact) string {
	if art.Owner != "" {
		return "account " + string(art.Owner)
	}
	return "environment " + string(art.Environment)
}

func storeKey(key, base string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s%s", len(key), key, base)
	return "snapshot-" + hex.EncodeToString(h.Sum(nil))
}

// A stored record is: length of the snapshot (8 bytes), the snapshot, the files, SHA-256.
func pack(snapshot, files []byte) []byte {
	b := make([]byte, 0, 8+len(snapshot)+len(files)+sha256.Size)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(snapshot)))
	b = append(b, snapshot...)
	b = append(b, files...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func unpack(b []byte) (snapshot, files []byte, err error) {
	if len(b) < 8+sha256.Size {
		return nil, nil, image.ErrDamaged
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return nil, nil, image.ErrDamaged
	}
	n := binary.LittleEndian.Uint64(body)
	if n > uint64(len(body)-8) {
		return nil, nil, image.ErrDamaged
	}
	// The files are kept: they must not keep the rest.
	return body[8 : 8+n], bytes.Clone(body[8+n:]), nil
}
