package hostcall

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// The heads of host calls. A call may make hundreds of them, and reading one by the book
// takes as long as deciding about it: what our own side writes is read as it stands.

// CallHead is a host call of app code.
type CallHead struct {
	ID     uint32          `json:"id"`
	Method string          `json:"method"`
	Head   json.RawMessage `json:"head,omitempty"`
}

// AppendJSON appends the head's JSON. Head is of the app's making, and is one whole JSON value.
func (h *CallHead) AppendJSON(b []byte) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendUint(b, uint64(h.ID), 10)
	b = append(b, `,"method":`...)
	b = AppendString(b, h.Method)
	if len(h.Head) > 0 {
		b = append(b, `,"head":`...)
		b = append(b, h.Head...)
	}
	return append(b, '}')
}

// ParseCall reads a CallHead.
func ParseCall(text []byte) (h CallHead, err error) {
	s := scanner{rest: text}
	h.ID = uint32(s.number(`{"id":`))
	h.Method = s.text(`,"method":"`)
	h.Head = s.last(`,"head":`)
	if !s.lost && json.Valid(h.Head) && bytes.Equal(h.AppendJSON(make([]byte, 0, len(text))), text) {
		return h, nil
	}
	h = CallHead{}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("%w: call: %w", ErrProtocol, err)
	}
	return h, nil
}

// ReplyHead answers it. Of a refusal, Head holds the fields of the app's error.
type ReplyHead struct {
	ID   uint32          `json:"id"`
	OK   bool            `json:"ok"`
	Head json.RawMessage `json:"head,omitempty"`
}

// AppendJSON appends the head's JSON. An error says that Head is none.
func (h *ReplyHead) AppendJSON(b []byte) ([]byte, error) {
	if len(h.Head) > 0 && !json.Valid(h.Head) {
		return nil, fmt.Errorf("%w: the head of a reply is no JSON", ErrProtocol)
	}
	b = append(b, `{"id":`...)
	b = strconv.AppendUint(b, uint64(h.ID), 10)
	b = append(b, `,"ok":`...)
	b = strconv.AppendBool(b, h.OK)
	if len(h.Head) > 0 {
		b = append(b, `,"head":`...)
		b = append(b, h.Head...)
	}
	return append(b, '}'), nil
}

// ParseReply reads a ReplyHead of the server.
func ParseReply(text []byte) (h ReplyHead, err error) {
	s := scanner{rest: text}
	h.ID = uint32(s.number(`{"id":`))
	h.OK = s.take(`,"ok":true`)
	if h.Head = s.last(`,"head":`); !s.lost {
		if again, err := h.AppendJSON(make([]byte, 0, len(text))); err == nil && bytes.Equal(again, text) {
			return h, nil
		}
	}
	h = ReplyHead{}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("%w: reply: %w", ErrProtocol, err)
	}
	return h, nil
}

// BeatHead says that the worker lives, and how many messages it has taken up to now.
type BeatHead struct {
	Seen uint64 `json:"seen"`
}

// AppendJSON appends the head's JSON.
func (h *BeatHead) AppendJSON(b []byte) []byte {
	return append(strconv.AppendUint(append(b, `{"seen":`...), h.Seen, 10), '}')
}

// ParseBeat reads a BeatHead.
func ParseBeat(text []byte) (h BeatHead, err error) {
	s := scanner{rest: text}
	if h.Seen = s.number(`{"seen":`); s.take(`}`) && bytes.Equal(h.AppendJSON(make([]byte, 0, len(text))), text) {
		return h, nil
	}
	h = BeatHead{}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("%w: beat: %w", ErrProtocol, err)
	}
	return h, nil
}

// last is the value of the last member, up to the brace that closes the object.
func (s *scanner) last(name string) []byte {
	if !s.take(name) || !bytes.HasSuffix(s.rest, []byte(`}`)) {
		s.lost = true
		return nil
	}
	v := s.rest[:len(s.rest)-1]
	s.rest = nil
	return v
}
