package weblink

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"

	"github.com/annexhq/annex/internal/infra/hostcall"
)

// ends gives both ends of a link that said hello.
func ends(t *testing.T) (here, there *Link) {
	t.Helper()
	got := make(chan *Link, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l, err := Accept(w, r)
		if err != nil {
			t.Error(err)
			close(got)
			return
		}
		if _, err := l.Greet(hostcall.HelloHead{}); err != nil {
			t.Error(err)
		}
		got <- l
		<-l.Done()
	}))
	t.Cleanup(s.Close)
	there, _, err := Dial(t.Context(), s.URL, nil, s.Client())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = there.Close() })
	if _, err := there.Greet(hostcall.HelloHead{}); err != nil {
		t.Fatal(err)
	}
	here = <-got
	t.Cleanup(func() { _ = here.Close() })
	return here, there
}

func TestMessagesArriveWhole(t *testing.T) {
	here, there := ends(t)
	big := bytes.Repeat([]byte("body "), 1<<20)
	h := hostcall.NewHandle()
	for _, m := range []hostcall.Message{{Type: hostcall.Call, Handle: h, Head: []byte(`{"id":1}`), Body: big}, {Type: hostcall.Log, Handle: h, Head: []byte(`{}`)}} {
		if err := there.Send(m); err != nil {
			t.Fatal(err)
		}
		got, err := here.Receive()
		if err != nil || got.Type != m.Type || got.Handle != h || !bytes.Equal(got.Head, m.Head) || !bytes.Equal(got.Body, m.Body) {
			t.Fatalf("type %d with %d bytes arrives as %d with %d: %v", m.Type, len(m.Body), got.Type, len(got.Body), err)
		}
	}
}

func TestTheLastWordArrives(t *testing.T) {
	here, there := ends(t)
	go func() { _, _ = here.Receive() }()
	go here.End(true, "because")
	_, err := there.Receive()
	var last *Ended
	if !errors.As(err, &last) || !last.Final || last.Words != "because" {
		t.Errorf("the end is told as %v", err)
	}
}

// What is too large, no frame or text is hung up on.
func TestWhatIsNoProtocolIsRefused(t *testing.T) {
	frame := func(m hostcall.Message) []byte {
		b, err := hostcall.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	file := frame(hostcall.Message{Type: hostcall.Image, Head: []byte(`{}`)})
	file[5] |= 1 << 2
	for name, send := range map[string]func(*websocket.Conn) error{
		"text": func(ws *websocket.Conn) error {
			return ws.Write(context.Background(), websocket.MessageText, []byte("x"))
		},
		"a huge message": func(ws *websocket.Conn) error {
			return ws.Write(context.Background(), websocket.MessageBinary, make([]byte, 1<<20))
		},
		"no frame": func(ws *websocket.Conn) error {
			return ws.Write(context.Background(), websocket.MessageBinary, make([]byte, 100))
		},
		"a descriptor": func(ws *websocket.Conn) error { return ws.Write(context.Background(), websocket.MessageBinary, file) },
		"an endless body": func(ws *websocket.Conn) error {
			rest := frame(hostcall.Message{Type: hostcall.Call, Head: []byte(`{}`), Body: make([]byte, maxBody+hostcall.MaxFrame)})
			for len(rest) > 0 {
				n := min(len(rest), hostcall.MaxFrame)
				if err := ws.Write(context.Background(), websocket.MessageBinary, rest[:n]); err != nil {
					return nil // it was hung up on meanwhile
				}
				rest = rest[n:]
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := ends(t)
			go func() { _ = send(there.ws) }()
			if m, err := here.Receive(); err == nil {
				t.Errorf("taken: type %d, %d bytes", m.Type, len(m.Body))
			}
		})
	}
}
