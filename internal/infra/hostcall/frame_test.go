package hostcall_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/annexhq/annex/internal/infra/hostcall"
	"pgregory.net/rapid"
)

func drawMessage(t *rapid.T) hostcall.Message {
	m := hostcall.Message{
		Type: rapid.SampledFrom([]hostcall.Type{hostcall.Hello, hostcall.Invoke, hostcall.Result, hostcall.Call, hostcall.Reply, hostcall.Log, hostcall.Beat}).Draw(t, "type"),
		Head: bytes.Repeat([]byte{'h'}, rapid.SampledFrom([]int{0, 1, 300, hostcall.MaxHead}).Draw(t, "head")),
	}
	copy(m.Handle[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "handle"))
	if rapid.Bool().Draw(t, "has body") {
		n := rapid.SampledFrom([]int{0, 1, 5000, hostcall.MaxFrame - 24, hostcall.MaxFrame, 3*hostcall.MaxFrame + 17}).Draw(t, "body")
		m.Body = bytes.Repeat([]byte{byte(n)}, n)
		if n == 0 {
			m.Body = []byte{}
		}
	}
	return m
}

func TestMessagesSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent []hostcall.Message
		var wire []byte
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			m := drawMessage(t)
			var err error
			if wire, err = hostcall.Append(wire, m); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, m)
		}
		var d hostcall.Decoder
		for len(wire) > 0 {
			n := min(len(wire), rapid.SampledFrom([]int{1, 7, 1000, 40_000, 200_000}).Draw(t, "chunk"))
			if n == 1 { // byte by byte only for a while
				n = min(len(wire), 64)
				for _, b := range wire[:n] {
					d.Fed(copy(d.Room(), []byte{b}))
					sent = drain(t, &d, sent)
				}
				wire = wire[n:]
				continue
			}
			n = copy(d.Room(), wire[:n])
			d.Fed(n)
			wire = wire[n:]
			sent = drain(t, &d, sent)
		}
		if len(sent) != 0 {
			t.Fatalf("%d messages were lost", len(sent))
		}
	})
}

func drain(t *rapid.T, d *hostcall.Decoder, want []hostcall.Message) []hostcall.Message {
	for {
		m, _, ok, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return want
		}
		w := want[0]
		want = want[1:]
		if m.Type != w.Type || m.Handle != w.Handle || !bytes.Equal(m.Head, w.Head) || !bytes.Equal(m.Body, w.Body) || (m.Body == nil) != (w.Body == nil) {
			t.Fatalf("got %d %x, want %d %x", m.Type, m.Handle, w.Type, w.Handle)
		}
	}
}

func TestTooLargeIsRefusedByTheSender(t *testing.T) {
	if _, err := hostcall.Append(nil, hostcall.Message{Type: hostcall.Call, Head: make([]byte, hostcall.MaxHead+1)}); err == nil {
		t.Error("a head over the limit was sent")
	}
}

func TestNegotiate(t *testing.T) {
	if n, err := hostcall.Negotiate(hostcall.Protocol + 3); err != nil || n != hostcall.Protocol {
		t.Errorf("a newer peer gave %d, %v", n, err)
	}
	if _, err := hostcall.Negotiate(hostcall.MinProtocol - 1); !errors.Is(err, hostcall.ErrProtocol) {
		t.Errorf("an older peer gave %v", err)
	}
}

func FuzzDecoder(f *testing.F) {
	wire, err := hostcall.Append(nil, hostcall.Message{Type: hostcall.Call, Head: []byte(`{"id":1}`), Body: make([]byte, 70_000)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add(wire[:30])
	f.Add([]byte{20, 0, 0, 0, 6, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, wire []byte) {
		var d hostcall.Decoder
		for len(wire) > 0 {
			n := copy(d.Room(), wire)
			d.Fed(n)
			wire = wire[n:]
			for {
				m, _, ok, err := d.Next()
				if err != nil {
					if !errors.Is(err, hostcall.ErrProtocol) {
						t.Fatal(err)
					}
					return
				}
				if !ok {
					break
				}
				if m.Type == hostcall.Body || len(m.Head) > hostcall.MaxFrame {
					t.Fatalf("%+v", m)
				}
			}
		}
	})
}
