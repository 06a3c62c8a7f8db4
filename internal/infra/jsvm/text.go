package jsvm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// newString makes a string value of UTF-8 text; where there is no memory, the value is the
// mark of an exception, which is pending. Another call may run meanwhile, so b must be this one's alone.
func (e *Engine) newString(cx uint32, b []byte) (uint64, error) {
	v, ok, err := e.plainString(b)
	if !ok && err == nil {
		v, err = e.withBytes(b, func(at uint32) (uint64, error) {
			return e.call(fnNewString, uint64(cx), uint64(at), uint64(len(b)))
		})
	}
	if errors.Is(err, errMemory) {
		return e.call(fnThrowMemory, uint64(cx))
	}
	return v, err
}

// plainString makes a string of a text that is ASCII where it is to lie: the engine looks at
// one character after the other to see that it is, and copies the text once more. It
// answers false for all else.
func (e *Engine) plainString(b []byte) (v uint64, ok bool, err error) {
	if e.cur == nil || e.cur.meta.Names == 0 || len(b) == 0 || len(b) > atOnce || !isASCII(b) {
		return 0, false, nil
	}
	p, err := e.call(fnAllocString, uint64(e.cur.meta.Runtime), uint64(len(b)), 0)
	if err == nil && uint32(p) == 0 {
		err = errMemory
	}
	if err != nil {
		return 0, false, err
	}
	m, err := e.bytes(uint32(p)+stringData, uint32(len(b))+1)
	if err != nil {
		return 0, false, err
	}
	m[copy(m, b)] = 0
	return e.tags.value(e.tags.str, uint32(p)), true, nil
}

// text copies a string value out. It does not free the value.
func (e *Engine) text(cx uint32, v uint64, max int) ([]byte, error) {
	if !e.tags.isString(v) {
		return nil, errType
	}
	if b, ok := e.ascii(v); ok {
		if len(b) > max {
			return nil, &tooLongError{len(b), max}
		}
		return e.copied(b)
	}
	return e.ownText(cx, v, max)
}

// ownText is text as the engine gives it.
func (e *Engine) ownText(cx uint32, v uint64, max int) ([]byte, error) {
	old := e.sp.Get()
	out := uint32(old) - 16
	e.sp.Set(uint64(out))
	p, err := e.call(fnToCString, uint64(cx), uint64(out), v, 0)
	e.sp.Set(old)
	if err != nil {
		return nil, err
	}
	if uint32(p) == 0 {
		return nil, errMemory
	}
	n, err := e.u32(out)
	if err != nil {
		return nil, err
	}
	if int(n) > max {
		return nil, &tooLongError{int(n), max}
	}
	b, err := e.bytes(uint32(p), n)
	if err != nil {
		return nil, err
	}
	if b, err = e.copied(b); err != nil {
		return nil, err
	}
	_, err = e.call(fnFreeCString, uint64(cx), p)
	return b, err
}

// ascii gives the characters of a string where they lie, of one that has no others than
// ASCII's: the engine would make a copy of it first.
func (e *Engine) ascii(v uint64) ([]byte, bool) {
	if e.cur == nil || tagOf(v) != e.tags.str {
		return nil, false
	}
	h, ok := e.cur.heapOf()
	if !ok {
		return nil, false
	}
	b, wide := h.text(uint32(v))
	if h.gaveUp || wide || !isASCII(b) {
		return nil, false
	}
	return b, true
}

func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// proveStrings has the engine read strings that are made here.
func (e *Engine) proveStrings(in *Instance) error {
	for _, n := range []int{1, 7, 8, 100, 1000, 70_000} {
		want := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		v, ok, err := e.plainString(want)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("a string of %d characters was not made", n)
		}
		got, err := e.ownText(in.meta.Context, v, n)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("the engine keeps its strings in an unknown way: %.40q reads %.40q", want, got)
		}
		if _, err := e.call(fnFreeValue, uint64(in.meta.Context), v); err != nil {
			return err
		}
	}
	return nil
}
