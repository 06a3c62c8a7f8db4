package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// A snapshot is: magic, length of the meta (4 bytes), meta as JSON, number of pages
// (4 bytes), and for each page, in rising order, its number and the length of its patch
// (4 bytes each) and the patch; SHA-256 of all that. A patch is what differs from the base
// image's page, or from zeros behind its end: how many bytes to skip and how many follow
// (2 bytes each), and those. Most pages that an app changes differ in a few words.
const snapshotMagic = "ANXSNP02"

// MaxPages is how many pages may differ: 60 MB, so that a snapshot fits into a message.
const MaxPages = 60 << 20 / PageSize

// ErrTooLarge says that more than MaxPages differ.
var ErrTooLarge = errors.New("image: too many pages differ from the base image")

// Diff is the snapshot of mem against base.
func Diff(base *Image, mem []byte, meta Meta) ([]byte, error) {
	meta.Base, meta.Size = base.Hash, len(mem)
	head, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	var changed []int
	for at := 0; at < len(mem); at += PageSize {
		if !bytes.Equal(base.page(at/PageSize), mem[at:at+PageSize]) {
			changed = append(changed, at/PageSize)
		}
	}
	if len(changed) > MaxPages {
		return nil, ErrTooLarge
	}
	b := append([]byte(nil), snapshotMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	b = append(b, head...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(changed)))
	for _, p := range changed {
		b = binary.LittleEndian.AppendUint32(b, uint32(p))
		size := len(b)
		b = appendPatch(append(b, 0, 0, 0, 0), base.page(p), mem[p*PageSize:(p+1)*PageSize])
		binary.LittleEndian.PutUint32(b[size:], uint32(len(b)-size-4))
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// page is page p of what a snapshot is a difference from.
func (m *Image) page(p int) []byte {
	if p < m.Size/PageSize {
		return m.At(p, p+1)
	}
	return zeros[:]
}

// appendPatch appends what makes is of was, both a page.
func appendPatch(b, was, is []byte) []byte {
	const gap = 8 // an interruption that costs more than what it saves
	for at, done := 0, 0; ; {
		for at < PageSize && was[at] == is[at] {
			at++
		}
		if at == PageSize {
			return b
		}
		from, same := at, 0
		for ; at < PageSize && same < gap; at++ {
			if same++; was[at] != is[at] {
				same = 0
			}
		}
		at -= same
		b = binary.LittleEndian.AppendUint16(b, uint16(from-done))
		b = binary.LittleEndian.AppendUint16(b, uint16(at-from))
		b = append(b, is[from:at]...)
		done = at
	}
}

// applyPatch changes a page; it answers false for what no appendPatch wrote.
func applyPatch(page, patch []byte) bool {
	at := 0
	for len(patch) > 0 {
		if len(patch) < 4 {
			return false
		}
		at += int(binary.LittleEndian.Uint16(patch))
		n := int(binary.LittleEndian.Uint16(patch[2:]))
		patch = patch[4:]
		if n == 0 || n > len(patch) || at+n > len(page) {
			return false
		}
		copy(page[at:], patch[:n])
		at, patch = at+n, patch[n:]
	}
	return true
}

// Compose makes the image of a snapshot: the pages that differ from the base image, which
// must stay open for as long as the image is read. It answers ErrDamaged for bytes that are not
// those which Diff wrote, or that belong to another base image.
func Compose(base *Image, name string, snapshot []byte) (*Image, error) {
	meta, pages, patches, err := decode(snapshot)
	if err != nil {
		return nil, err
	}
	if base.own == nil {
		return nil, fmt.Errorf("image: the base image is closed: %w", os.ErrClosed)
	}
	if meta.Base != base.Hash {
		return nil, fmt.Errorf("image: a snapshot of another base image: %w", ErrDamaged)
	}
	if meta.Size < base.Size {
		return nil, fmt.Errorf("image: smaller than its base: %w", ErrDamaged)
	}
	basePages := base.Size / PageSize
	h := header{Meta: meta, Runs: ownRuns(pages, basePages, meta.Size/PageSize)}
	next, sound := 0, true
	var patched [PageSize]byte
	f, err := create(name, h, func(p int) []byte {
		if next == len(pages) || pages[next] != p {
			return base.page(p)
		}
		copy(patched[:], base.page(p))
		sound = applyPatch(patched[:], patches[next]) && sound
		next++
		return patched[:]
	})
	if err == nil && !sound {
		_ = f.Close()
		return nil, fmt.Errorf("image: snapshot: patch: %w", ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	return Open(f, base)
}

// MetaOf reads a snapshot's meta, after checking the snapshot.
func MetaOf(snapshot []byte) (Meta, error) {
	meta, _, _, err := decode(snapshot)
	return meta, err
}

func decode(b []byte) (meta Meta, pages []int, patches [][]byte, err error) {
	bad := func(what string) (Meta, []int, [][]byte, error) {
		return Meta{}, nil, nil, fmt.Errorf("image: snapshot: %s: %w", what, ErrDamaged)
	}
	if len(b) < len(snapshotMagic)+8+sha256.Size || string(b[:len(snapshotMagic)]) != snapshotMagic {
		return bad("no snapshot")
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return bad("hash")
	}
	body = body[len(snapshotMagic):]
	n := binary.LittleEndian.Uint32(body)
	if n > maxMeta || int(n) > len(body)-8 {
		return bad("meta")
	}
	if err := json.Unmarshal(body[4:4+n], &meta); err != nil {
		return bad(err.Error())
	}
	if !sound(meta.Size) {
		return bad("size")
	}
	body = body[4+n:]
	count := int(binary.LittleEndian.Uint32(body))
	body = body[4:]
	if count > meta.Size/PageSize || count > MaxPages {
		return bad("pages")
	}
	pages, patches = make([]int, count), make([][]byte, count)
	for i := range pages {
		if len(body) < 8 {
			return bad("pages")
		}
		pages[i] = int(binary.LittleEndian.Uint32(body))
		n := binary.LittleEndian.Uint32(body[4:])
		if pages[i] >= meta.Size/PageSize || (i > 0 && pages[i] <= pages[i-1]) {
			return bad("page numbers")
		}
		if body = body[8:]; n > 2*PageSize || int(n) > len(body) {
			return bad("pages")
		}
		patches[i], body = body[:n], body[n:]
	}
	if len(body) > 0 {
		return bad("pages")
	}
	return meta, pages, patches, nil
}
