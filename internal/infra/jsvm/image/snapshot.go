package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
)

// A snapshot is: magic, length of the meta (4 bytes), meta as JSON, number of pages
// (4 bytes), page numbers (4 bytes each, rising), the pages, SHA-256 of all that.
const snapshotMagic = "ANXSNP01"

// Diff is the snapshot of mem against base.
func Diff(base *Image, mem []byte, meta Meta) ([]byte, error) {
	meta.Base, meta.Size = base.Hash, len(mem)
	head, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	var changed []int
	for at := 0; at < len(mem); at += PageSize {
		was := zeros[:]
		if at < base.Size {
			was = base.At(at/PageSize, at/PageSize+1)
		}
		if !bytes.Equal(was, mem[at:at+PageSize]) {
			changed = append(changed, at/PageSize)
		}
	}
	b := make([]byte, 0, len(snapshotMagic)+8+len(head)+len(changed)*(4+PageSize)+sha256.Size)
	b = append(b, snapshotMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	b = append(b, head...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(changed)))
	for _, p := range changed {
		b = binary.LittleEndian.AppendUint32(b, uint32(p))
	}
	for _, p := range changed {
		b = append(b, mem[p*PageSize:(p+1)*PageSize]...)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// Compose makes the image of a snapshot: the pages that differ from the base image, which
// must stay open for as long as the image is read. It answers ErrDamaged for bytes that are not
// those which Diff wrote, or that belong to another base image.
func Compose(base *Image, name string, snapshot []byte) (*Image, error) {
	meta, pages, data, err := decode(snapshot)
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
	next := 0
	f, err := create(name, h, func(p int) []byte {
		switch {
		case next < len(pages) && pages[next] == p:
			next++
			return data[(next-1)*PageSize : next*PageSize]
		case p < basePages:
			return base.At(p, p+1)
		}
		return zeros[:]
	})
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

func decode(b []byte) (meta Meta, pages []int, data []byte, err error) {
	bad := func(what string) (Meta, []int, []byte, error) {
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
	if count > meta.Size/PageSize || len(body) != count*(4+PageSize) {
		return bad("pages")
	}
	pages = make([]int, count)
	for i := range pages {
		pages[i] = int(binary.LittleEndian.Uint32(body[4*i:]))
		if pages[i] >= meta.Size/PageSize || (i > 0 && pages[i] <= pages[i-1]) {
			return bad("page numbers")
		}
	}
	return meta, pages, body[4*count:], nil
}
