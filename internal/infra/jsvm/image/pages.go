package image

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// What a parked session is: magic, the hash of the image that it is a difference from, the
// memory's size in pages (4 bytes), the number of pages (4 bytes), and the pages as a
// snapshot has them. It is sealed where it is kept, which is what vouches for it.
const pagesMagic = "ANXPRK01"

// AppendPages appends what mem differs by from img. pages are those that may differ, in
// rising order.
func AppendPages(b []byte, img *Image, mem []byte, pages []int) []byte {
	b = append(b, pagesMagic...)
	b = append(b, img.Hash...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(mem)/PageSize))
	count, n := len(b), 0
	b = append(b, 0, 0, 0, 0)
	for _, p := range pages {
		was, is := img.page(p), mem[p*PageSize:(p+1)*PageSize]
		if bytes.Equal(was, is) {
			continue
		}
		n++
		b = binary.LittleEndian.AppendUint32(b, uint32(p))
		size := len(b)
		b = appendPatch(append(b, 0, 0, 0, 0), was, is)
		binary.LittleEndian.PutUint32(b[size:], uint32(len(b)-size-4))
	}
	binary.LittleEndian.PutUint32(b[count:], uint32(n))
	return b
}

// ApplyPages changes a memory that reads as img by what AppendPages gave. memory makes it as
// large as it has to be. Bytes that belong to another image are ErrDamaged.
func ApplyPages(img *Image, b []byte, memory func(size int) ([]byte, error)) error {
	bad := func(what string) error { return fmt.Errorf("image: parked session: %s: %w", what, ErrDamaged) }
	const fixed = len(pagesMagic) + 64 + 8
	if len(b) < fixed || string(b[:len(pagesMagic)]) != pagesMagic {
		return bad("no parked session")
	}
	if hash := string(b[len(pagesMagic) : fixed-8]); hash != img.Hash {
		return bad("of another image")
	}
	size := int(binary.LittleEndian.Uint32(b[fixed-8:]))
	count := int(binary.LittleEndian.Uint32(b[fixed-4:]))
	if size > maxSize/PageSize || size*PageSize < img.Size || count > size {
		return bad("size")
	}
	mem, err := memory(size * PageSize)
	if err != nil {
		return err
	}
	b = b[fixed:]
	last := -1
	for range count {
		if len(b) < 8 {
			return bad("pages")
		}
		p, n := int(binary.LittleEndian.Uint32(b)), int(binary.LittleEndian.Uint32(b[4:]))
		if b = b[8:]; p <= last || p >= size || n > 2*PageSize || n > len(b) {
			return bad("pages")
		}
		if !applyPatch(mem[p*PageSize:(p+1)*PageSize], b[:n]) {
			return bad("patch")
		}
		last, b = p, b[n:]
	}
	if len(b) > 0 {
		return bad("pages")
	}
	return nil
}

// ParkedOf is the hash of the image that a parked session is a difference from.
func ParkedOf(b []byte) (string, bool) {
	const from, to = len(pagesMagic), len(pagesMagic) + 64
	if len(b) < to || string(b[:from]) != pagesMagic {
		return "", false
	}
	_, err := hex.DecodeString(string(b[from:to]))
	return string(b[from:to]), err == nil
}
