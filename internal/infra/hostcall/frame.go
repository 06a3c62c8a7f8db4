package hostcall

import (
	"cmp"
	"encoding/binary"
	"fmt"
)

// A frame is: size of what follows (4 bytes), type (1), flags (1), length of the head (2),
// handle (16), head, and as much of the body as fits. Numbers are little-endian.
const (
	headerSize = 24

	flagBody  = 1 << 0 // there is a body, perhaps an empty one
	flagMore  = 1 << 1 // body frames follow
	flagFile  = 1 << 2 // a descriptor travels with this frame
	flagsKnow = flagBody | flagMore | flagFile
)

// Append appends m's frames to dst.
func Append(dst []byte, m Message) ([]byte, error) {
	if len(m.Head) > MaxHead {
		return dst, fmt.Errorf("hostcall: head of %d bytes", len(m.Head))
	}
	if len(m.Body) > MaxBody {
		return dst, fmt.Errorf("hostcall: body of %d bytes", len(m.Body))
	}
	flags := byte(0)
	if m.Body != nil {
		flags |= flagBody
	}
	if m.File != nil {
		flags |= flagFile
	}
	body := m.Body
	first := min(len(body), MaxFrame-headerSize-len(m.Head))
	if first < len(body) {
		flags |= flagMore
	}
	dst = appendFrame(dst, m.Type, flags, m.Handle, m.Head, body[:first])
	for body = body[first:]; len(body) > 0; {
		n := min(len(body), MaxFrame-headerSize)
		flags = flagBody
		if n < len(body) {
			flags |= flagMore
		}
		dst = appendFrame(dst, Body, flags, m.Handle, nil, body[:n])
		body = body[n:]
	}
	return dst, nil
}

func appendFrame(dst []byte, t Type, flags byte, h Handle, head, body []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(headerSize-4+len(head)+len(body)))
	dst = append(dst, byte(t), flags)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(head)))
	dst = append(dst, h[:]...)
	dst = append(dst, head...)
	return append(dst, body...)
}

// Decoder puts messages together from a stream of frames. The frames of one message
// follow each other without others in between: a sender writes a message whole.
type Decoder struct {
	buf    []byte
	at     int
	open   *Message // its body is not complete
	frames uint64
	// wantsFile is set by a message that a descriptor belongs to.
	wantsFile bool
	// Most is what a message's body may hold; MaxBody when 0.
	Most int
}

// Room gives space to read into; Fed says how much of it was filled.
func (d *Decoder) Room() []byte {
	if d.at == len(d.buf) {
		d.buf, d.at = d.buf[:0], 0
	}
	if cap(d.buf)-len(d.buf) < MaxFrame {
		rest := d.buf[d.at:]
		if cap(d.buf) < 2*MaxFrame+len(rest) {
			d.buf = make([]byte, len(rest), 4*MaxFrame)
			copy(d.buf, rest)
		} else {
			d.buf = d.buf[:copy(d.buf[:cap(d.buf)], rest)]
		}
		d.at = 0
	}
	return d.buf[len(d.buf):cap(d.buf)]
}

// Fed says that n bytes were read into Room.
func (d *Decoder) Fed(n int) { d.buf = d.buf[:len(d.buf)+n] }

// Messages is how many messages were decoded.
func (d *Decoder) Messages() uint64 { return d.frames }

// Next gives the next message, or false when more must be read. The message owns its
// bytes. file says that the next descriptor received belongs to it.
func (d *Decoder) Next() (m Message, file, ok bool, err error) {
	for {
		b := d.buf[d.at:]
		if len(b) < headerSize {
			return Message{}, false, false, nil
		}
		size := int(binary.LittleEndian.Uint32(b)) + 4
		if size < headerSize || size > MaxFrame {
			return Message{}, false, false, fmt.Errorf("%w: frame of %d bytes", ErrProtocol, size)
		}
		if len(b) < size {
			return Message{}, false, false, nil
		}
		d.at += size
		done, err := d.frame(b[:size])
		if err != nil {
			return Message{}, false, false, err
		}
		if done {
			m, file = *d.open, d.wantsFile
			d.open, d.wantsFile = nil, false
			d.frames++
			return m, file, true, nil
		}
	}
}

func (d *Decoder) frame(b []byte) (done bool, err error) {
	t, flags := Type(b[4]), b[5]
	head := int(binary.LittleEndian.Uint16(b[6:]))
	if flags&^flagsKnow != 0 || headerSize+head > len(b) {
		return false, fmt.Errorf("%w: malformed frame", ErrProtocol)
	}
	var h Handle
	copy(h[:], b[8:headerSize])
	data := b[headerSize+head:]
	if flags&flagBody == 0 && len(data) > 0 || flags&flagMore != 0 && flags&flagBody == 0 {
		return false, fmt.Errorf("%w: malformed frame", ErrProtocol)
	}
	if t == Body {
		if d.open == nil || d.open.Handle != h || head != 0 || flags&flagFile != 0 {
			return false, fmt.Errorf("%w: stray body", ErrProtocol)
		}
		if len(d.open.Body)+len(data) > cmp.Or(d.Most, MaxBody) || len(data) == 0 {
			return false, fmt.Errorf("%w: body too large", ErrProtocol)
		}
		d.open.Body = append(d.open.Body, data...)
		return flags&flagMore == 0, nil
	}
	if d.open != nil || t == 0 {
		return false, fmt.Errorf("%w: frame of type %d in the middle of a message", ErrProtocol, t)
	}
	// One copy holds head and body.
	own := append(make([]byte, 0, len(b)-headerSize), b[headerSize:]...)
	d.open = &Message{Type: t, Handle: h, Head: own[:head:head]}
	if flags&flagBody != 0 {
		d.open.Body = own[head:]
	}
	d.wantsFile = flags&flagFile != 0
	return flags&flagMore == 0, nil
}
