// Package pagelink is the connection over which a page follows something. Browsers open few
// connections to a host for requests, over all of a person's tabs, and what is followed would
// hold one of them for good; of these they open many. Its promise: only pages of the same
// origin get one, who they are is said in the first message and never in an address, and a
// page that says more than that, or nothing, is cut off.
package pagelink

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const (
	mostFirst = 4 << 10
	patience  = 10 * time.Second // for the first message, and for a page that takes nothing
)

// Link is one connection.
type Link struct{ ws *websocket.Conn }

// Asked says whether a request asks for a connection.
func Asked(r *http.Request) bool { return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") }

// Accept makes the connection of a request. After an error the answer is written.
func Accept(w http.ResponseWriter, r *http.Request) (*Link, error) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, fmt.Errorf("pagelink.Accept: %w", err)
	}
	ws.SetReadLimit(mostFirst)
	return &Link{ws}, nil
}

// First is what the page says first.
func (l *Link) First(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, text, err := l.ws.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("pagelink.First: %w", err)
	}
	return text, nil
}

// Listens gives a context that ends when the page does, or says anything more.
func (l *Link) Listens(ctx context.Context) context.Context { return l.ws.CloseRead(ctx) }

// Write hands the page a message.
func (l *Link) Write(ctx context.Context, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := l.ws.Write(ctx, websocket.MessageText, text); err != nil {
		return fmt.Errorf("pagelink.Write: %w", err)
	}
	return nil
}

// Close ends the connection in good order, or at once where the page does not answer.
func (l *Link) Close() { _ = l.ws.Close(websocket.StatusNormalClosure, "") }
