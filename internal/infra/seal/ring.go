package seal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// Ring is a key ring: one key that new values are sealed with, and older ones that
// still open. It is safe for concurrent use.
type Ring struct {
	path string

	mu   sync.RWMutex
	keys []key // the last one is current
}

type key struct {
	id      [keyIDSize]byte
	master  []byte
	created time.Time
}

// ringFile is the file's form. Keys are hexadecimal; the last one is current.
type ringFile struct {
	Version int       `json:"version"`
	Keys    []ringKey `json:"keys"`
}

type ringKey struct {
	ID      string    `json:"id"`
	Key     string    `json:"key"`
	Created time.Time `json:"created"`
}

// OpenRing reads the key ring at path. When there is none it makes one if create is
// set, which is right for a new data directory only: a new ring beside old data would
// hide that the old ring, and with it every sealed value, is lost.
func OpenRing(path string, create bool) (*Ring, error) {
	r, err := readRing(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return nil, fault.Op("seal.OpenRing", fault.New(fault.Unavailable, "KEY_RING_MISSING",
				"the key ring %s is missing, and this data directory holds values sealed with it", path).
				WithFix("put the key ring back from its backup, or name its place in the configuration"))
		}
		r, err = createRing(path)
	}
	if _, worded := fault.As(err); err != nil && !worded {
		err = fault.New(fault.Unavailable, "KEY_RING", "the key ring %s cannot be read or made", path).
			WithFix("name a file in a folder that this user may write to").Because(err)
	}
	if err != nil {
		return nil, fault.Op("seal.OpenRing", err)
	}
	return r, nil
}

func createRing(path string) (*Ring, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	k, err := newKey()
	if err != nil {
		return nil, err
	}
	r := &Ring{path: path, keys: []key{k}}
	tmp, err := r.writeTemp(r.keys)
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp)
	// A link does not replace: of two servers that start at once, both use the first's.
	if err := os.Link(tmp, path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return readRing(path)
		}
		return nil, err
	}
	return r, syncDir(filepath.Dir(path))
}

func readRing(path string) (*Ring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Denied, "KEY_RING_EXPOSED", "other users of this machine can read the key ring %s", path).
			WithFix("chmod 600 %s", path)
	}
	var file ringFile
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, malformed(path, err)
	}
	if file.Version != 1 || len(file.Keys) == 0 {
		return nil, malformed(path, fmt.Errorf("version %d with %d keys", file.Version, len(file.Keys)))
	}
	r := &Ring{path: path}
	for _, k := range file.Keys {
		parsed, err := k.parse()
		if err != nil {
			return nil, malformed(path, err)
		}
		if _, twice := r.find(parsed.id); twice {
			return nil, malformed(path, errors.New("two keys of one id"))
		}
		r.keys = append(r.keys, parsed)
	}
	return r, nil
}

func malformed(path string, err error) error {
	return fault.New(fault.Invalid, "KEY_RING_MALFORMED", "the key ring %s cannot be read", path).
		WithFix("put the key ring back from its backup").Because(err)
}

func (k ringKey) parse() (key, error) {
	i, err := hex.DecodeString(k.ID)
	if err != nil || len(i) != keyIDSize {
		return key{}, errors.New("a key has a malformed id")
	}
	m, err := hex.DecodeString(k.Key)
	if err != nil || len(m) != masterLen {
		return key{}, fmt.Errorf("key %s is malformed", k.ID) // never the key itself
	}
	return key{id: [keyIDSize]byte(i), master: m, created: k.Created}, nil
}

func newKey() (key, error) {
	k := key{master: make([]byte, masterLen), created: time.Now().UTC().Truncate(time.Second)}
	if _, err := rand.Read(k.master); err != nil {
		return key{}, err
	}
	_, err := rand.Read(k.id[:])
	return k, err
}

func (r *Ring) current() key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.keys[len(r.keys)-1]
}

func (r *Ring) find(i [keyIDSize]byte) (key, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.keys {
		if k.id == i {
			return k, true
		}
	}
	return key{}, false
}

// Keys are the ids of the ring's keys; the last one is current.
func (r *Ring) Keys() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = hex.EncodeToString(k.id[:])
	}
	return ids
}

// Fingerprints tell the ring's keys apart without revealing anything of them; the last
// one is the current key's. A copy of the ring has the same ones.
func (r *Ring) Fingerprints() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	prints := make([]string, len(r.keys))
	for i, k := range r.keys {
		prints[i] = k.fingerprint()
	}
	return prints
}

// fingerprint is an HMAC under the key, which is random: nobody finds the key from it.
func (k key) fingerprint() string {
	mac := hmac.New(sha256.New, k.master)
	mac.Write(fields("annex key ring fingerprint v1", string(k.id[:])))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// Rotate adds a key, which new values are sealed with from now on. Values sealed with
// the old ones still open.
func (r *Ring) Rotate() error {
	k, err := newKey()
	if err != nil {
		return fault.Op("seal.Rotate", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return fault.Op("seal.Rotate", r.replace(append(r.keys[:len(r.keys):len(r.keys)], k)))
}

// Retire removes an old key. Values that are still sealed with it are lost.
func (r *Ring) Retire(keyID string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var left []key
	for _, k := range r.keys {
		if hex.EncodeToString(k.id[:]) != keyID {
			left = append(left, k)
		}
	}
	switch {
	case len(left) == len(r.keys):
		return fault.New(fault.NotFound, "KEY_UNKNOWN", "the key ring has no key %s", keyID)
	case hex.EncodeToString(r.keys[len(r.keys)-1].id[:]) == keyID:
		return fault.New(fault.Conflict, "KEY_IN_USE", "key %s is the current one", keyID).WithFix("rotate first")
	}
	return fault.Op("seal.Retire", r.replace(left))
}

// replace writes the file before the ring uses what is in it: a value sealed with a
// key that a crash then loses would be lost too. The caller holds the lock.
func (r *Ring) replace(keys []key) error {
	tmp, err := r.writeTemp(keys)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, r.path); err != nil {
		os.Remove(tmp)
		return err
	}
	if err := syncDir(filepath.Dir(r.path)); err != nil {
		return err
	}
	r.keys = keys
	return nil
}

func (r *Ring) writeTemp(keys []key) (name string, err error) {
	file := ringFile{Version: 1}
	for _, k := range keys {
		file.Keys = append(file.Keys, ringKey{hex.EncodeToString(k.id[:]), hex.EncodeToString(k.master), k.created})
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(r.path), ".keyring-") // 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(append(text, '\n')); err != nil {
		f.Close()
		return "", err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return "", err
	}
	return f.Name(), f.Close()
}

// Format keeps keys out of logs, under every verb.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "seal.Ring("+r.path+")") }

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
