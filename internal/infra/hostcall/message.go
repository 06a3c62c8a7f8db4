package hostcall

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
)

// Protocol is the newest protocol number; the server speaks it and the one before.
const (
	Protocol    = 1
	MinProtocol = 1
)

// Type is a message's type.
type Type uint8

// The message set. Numbers are never reused.
const (
	Hello  Type = 1
	Invoke Type = 2
	Result Type = 3
	Call   Type = 4
	Reply  Type = 5
	Body   Type = 6 // a frame, never a message: more of the body of the message before
	Credit Type = 7
	Cancel Type = 8
	Log    Type = 9
	Image  Type = 10 // carries a descriptor
	Build  Type = 11
	Built  Type = 12
	Beat   Type = 13
	Emit   Type = 14 // a session tells whoever holds it something; the body is a JSON object
	Yield  Type = 15 // a session is to rest as soon as it waits for nothing but its own timers; see YieldHead
)

const (
	// MaxFrame is the largest frame, header included.
	MaxFrame = 64 << 10
	// MaxHead is what a head may hold.
	MaxHead = 62 << 10
	// MaxBody is what a message's body may hold: 10 MiB, and room for an image's source.
	MaxBody = 64 << 20
	// MaxEmit is what one message of a session may hold.
	MaxEmit = 2 << 20
)

// Handle names a running call. The zero handle means the connection itself.
type Handle [16]byte

// NewHandle makes a handle that nobody can guess.
func NewHandle() Handle {
	var h Handle
	_, _ = rand.Read(h[:]) // never fails, since Go 1.24
	return h
}

// String is the handle in hexadecimal digits.
func (h Handle) String() string { return hex.EncodeToString(h[:]) }

// Message is one message of the set.
type Message struct {
	Type   Type
	Handle Handle
	Head   []byte // JSON
	Body   []byte // nil for none
	// File travels beside an image message, on carriers that can pass descriptors.
	File *os.File
}

// ErrProtocol says that the other side does not keep to the protocol: hang up.
var ErrProtocol = errors.New("hostcall: protocol violated")
