package hostcall

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/annexhq/annex/internal/core/fault"
)

// HelloHead opens a connection.
type HelloHead struct {
	Protocol int      `json:"protocol"`
	Features []string `json:"features,omitempty"`
	// Base is the hash of the worker's base image; its hello carries the image.
	Base string `json:"base,omitempty"`
	// Budget is how many bytes the worker's calls may hold together; the worker's own
	// choice when 0.
	Budget int `json:"budget,omitempty"`
	// Eager says that the worker may look for a message for a moment before it sleeps.
	Eager bool `json:"eager,omitempty"`
	// Room is what a worker says of the walls around it.
	Room json.RawMessage `json:"room,omitempty"`
}

// Negotiate picks the protocol that both sides speak.
func Negotiate(theirs int) (int, error) {
	n := min(theirs, Protocol)
	if n < MinProtocol {
		return 0, fmt.Errorf("%w: protocol %d; this side speaks %d to %d", ErrProtocol, theirs, MinProtocol, Protocol)
	}
	return n, nil
}

// ImageHead gives a worker an image under a number, or takes it back.
type ImageHead struct {
	Image uint32 `json:"image"`
	Drop  bool   `json:"drop,omitempty"`
	// Source says that the descriptor holds a SourceHead's body: this version has no
	// snapshot, its module scope runs at each call.
	Source bool `json:"source,omitempty"`
}

// Limits bound a call or a build.
type Limits struct {
	WallMS   int64 `json:"wall"`
	CPUMS    int64 `json:"cpu,omitempty"`
	Response int   `json:"response,omitempty"`
}

// InvokeHead starts a call. The message's body is three texts without anything between
// them: the app's facts, the call's context (JSON objects of the given lengths, which
// only the app's own code may ever want parsed) and the payload.
type InvokeHead struct {
	Image uint32 `json:"image"`
	Limits
	Seed     uint64 `json:"seed"`
	Text     bool   `json:"text,omitempty"` // the payload is valid UTF-8 and becomes a string
	Facts    int    `json:"facts"`
	Context  int    `json:"context"`
	Kind     string `json:"kind"`
	Function string `json:"fn"`
	// Session says that the call is one event of a session. Parked is the length of what it
	// was parked as, which follows the payload; 0 for a session's first event. Portable asks
	// for it to be parked so that any server's workers can resume it.
	Session  bool `json:"session,omitempty"`
	Parked   int  `json:"parked,omitempty"`
	Portable bool `json:"portable,omitempty"`
	// Event names the event among those of its session. Carried are the host calls that the
	// session was parked without and that will be answered all the same.
	Event    int64           `json:"event,omitempty"`
	Carried  []uint32        `json:"carried,omitempty"`
	Envelope json.RawMessage `json:"envelope"` // a JSON object of what else there is to say
}

// SessionHead is the head of a session's result: its body is what it was parked as.
type SessionHead struct {
	// WakeMS is when the next of its timers is due, -1 when none is.
	WakeMS int64 `json:"wake"`
	// Open are the numbers of the events that wait for answers of host calls. Room says that it
	// rests although it waits for them, since it was told to.
	Open []int64 `json:"open,omitempty"`
	Room bool    `json:"room,omitempty"`
}

// YieldHead tells a session to rest as soon as it waits for nothing but its own timers or,
// where Room is set, for them and for answers of host calls: another event waits.
type YieldHead struct {
	Room bool `json:"room,omitempty"`
}

// Split cuts a body into its three texts; ok is false when the lengths do not fit it.
func (h *InvokeHead) Split(body []byte) (facts, context, payload []byte, ok bool) {
	if h.Facts < 0 || h.Context < 0 || h.Facts > len(body) || h.Context > len(body)-h.Facts {
		return nil, nil, nil, false
	}
	facts, body = body[:h.Facts], body[h.Facts:]
	return facts, body[:h.Context], body[h.Context:], true
}

// SplitParked cuts a payload into itself and what a session was parked as.
func (h *InvokeHead) SplitParked(payload []byte) (event, parked []byte, ok bool) {
	if h.Parked < 0 || h.Parked > len(payload) {
		return nil, nil, false
	}
	at := len(payload) - h.Parked
	return payload[:at], payload[at:], true
}

// AppendJSON appends the head's JSON. The envelope is passed on as it is.
func (h *InvokeHead) AppendJSON(b []byte) []byte {
	b = append(b, `{"image":`...)
	b = strconv.AppendUint(b, uint64(h.Image), 10)
	b = append(b, `,"wall":`...)
	b = strconv.AppendInt(b, h.WallMS, 10)
	b = append(b, `,"cpu":`...)
	b = strconv.AppendInt(b, h.CPUMS, 10)
	b = append(b, `,"response":`...)
	b = strconv.AppendInt(b, int64(h.Response), 10)
	b = append(b, `,"seed":`...)
	b = strconv.AppendUint(b, h.Seed, 10)
	if h.Text {
		b = append(b, `,"text":true`...)
	}
	if h.Session {
		b = append(b, `,"session":true`...)
	}
	if h.Portable {
		b = append(b, `,"portable":true`...)
	}
	if h.Parked != 0 {
		b = append(b, `,"parked":`...)
		b = strconv.AppendInt(b, int64(h.Parked), 10)
	}
	if h.Event != 0 {
		b = append(b, `,"event":`...)
		b = strconv.AppendInt(b, h.Event, 10)
	}
	for i, id := range h.Carried {
		if i == 0 {
			b = append(b, `,"carried":[`...)
		} else {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(id), 10)
	}
	if len(h.Carried) > 0 {
		b = append(b, ']')
	}
	b = append(b, `,"facts":`...)
	b = strconv.AppendInt(b, int64(h.Facts), 10)
	b = append(b, `,"context":`...)
	b = strconv.AppendInt(b, int64(h.Context), 10)
	b = append(b, `,"kind":`...)
	b = AppendString(b, h.Kind)
	b = append(b, `,"fn":`...)
	b = AppendString(b, h.Function)
	b = append(b, `,"envelope":`...)
	b = append(b, h.Envelope...)
	return append(b, '}')
}

// ParseInvoke reads an InvokeHead. What AppendJSON wrote is read as it stands, since each
// call has one; anything else is read by the book.
func ParseInvoke(text []byte) (h InvokeHead, err error) {
	if h.scan(text) {
		return h, nil
	}
	h = InvokeHead{}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, fmt.Errorf("%w: invoke: %w", ErrProtocol, err)
	}
	return h, nil
}

func (h *InvokeHead) scan(text []byte) bool {
	s := scanner{rest: text}
	h.Image = uint32(s.number(`{"image":`))
	h.WallMS = int64(s.number(`,"wall":`))
	h.CPUMS = int64(s.number(`,"cpu":`))
	h.Response = int(s.number(`,"response":`))
	h.Seed = s.number(`,"seed":`)
	if bytes.HasPrefix(s.rest, []byte(`,"text"`)) {
		h.Text = s.take(`,"text":true`)
	}
	h.Facts = int(s.number(`,"facts":`))
	h.Context = int(s.number(`,"context":`))
	h.Kind = s.text(`,"kind":"`)
	h.Function = s.text(`,"fn":"`)
	ok := s.take(`,"envelope":{`) && bytes.HasSuffix(s.rest, []byte(`}}`))
	if ok {
		h.Envelope = text[len(text)-len(s.rest)-1 : len(text)-1]
	}
	return ok
}

// scanner reads JSON whose members are known to stand in a certain order; after the first
// surprise it takes nothing more.
type scanner struct {
	rest []byte
	lost bool
}

func (s *scanner) take(prefix string) bool {
	if s.lost = s.lost || !bytes.HasPrefix(s.rest, []byte(prefix)); !s.lost {
		s.rest = s.rest[len(prefix):]
	}
	return !s.lost
}

func (s *scanner) number(name string) (v uint64) {
	if !s.take(name) {
		return 0
	}
	n := 0
	for ; n < len(s.rest) && n < 21 && s.rest[n] >= '0' && s.rest[n] <= '9'; n++ {
		v = 10*v + uint64(s.rest[n]-'0')
	}
	s.lost = n == 0 || n == 21
	s.rest = s.rest[n:]
	return v
}

func (s *scanner) text(name string) string {
	if !s.take(name) {
		return ""
	}
	text, rest, ok := bytes.Cut(s.rest, []byte{'"'})
	s.lost = !ok || bytes.IndexByte(text, '\\') >= 0
	s.rest = rest
	return string(text)
}

// Plain says whether a text in JSON is itself, and ends where the next quote stands.
func Plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// AppendString appends a JSON string; ids and names are plain, anything else is encoded
// by the book.
func AppendString(b []byte, s string) []byte {
	if !Plain(s) {
		j, err := json.Marshal(s)
		if err != nil {
			return strconv.AppendQuoteToASCII(b, s)
		}
		return append(b, j...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// BuildHead asks for a snapshot; the body is a Source as JSON.
type BuildHead struct {
	Limits
}

// Source is a bundle with its variables, as a build's body or an image's file holds it.
type Source struct {
	Bundle    []byte            `json:"bundle"`
	Variables map[string]string `json:"variables,omitempty"`
	Files     map[string][]byte `json:"files,omitempty"`
	Memory    int               `json:"memory,omitempty"`
	// Repeats says that module scope runs at each call and is not kept.
	Repeats bool `json:"repeats,omitempty"`
}

// BuiltHead answers a build. The body is the exports as a JSON list, a newline, and the
// snapshot if there is one; or, when App is set, the app's error.
type BuiltHead struct {
	Reason string `json:"reason,omitempty"`
	TookUS int64  `json:"took,omitempty"`
	App    bool   `json:"app,omitempty"`
	Fault  *Fault `json:"fault,omitempty"`
}

// ResultHead ends a call. The body is the result's when OK, else the app's error unless
// Fault is set.
type ResultHead struct {
	OK    bool            `json:"ok"`
	Head  json.RawMessage `json:"head,omitempty"`
	Fault *Fault          `json:"fault,omitempty"`
	CPUUS int64           `json:"cpu"`
	Logs  int             `json:"logs,omitempty"`
	// LogsDropped are the console lines over the limit.
	LogsDropped int `json:"logsDropped,omitempty"`
}

// AppendJSON appends the head's JSON. An empty head is left out. Head is of the app's
// making: only one whole JSON value is put between the members.
func (h *ResultHead) AppendJSON(b []byte) []byte {
	if h.Fault == nil && len(h.Head) > 0 && !json.Valid(h.Head) {
		unreadable := &ResultHead{CPUUS: h.CPUUS, Logs: h.Logs, LogsDropped: h.LogsDropped, Fault: &Fault{
			Kind: fault.App.String(), Code: "FUNCTION_ERR", Public: "the function's result is not JSON",
		}}
		return unreadable.AppendJSON(b)
	}
	if h.Fault != nil {
		j, err := JSON(h)
		if err != nil {
			return append(b, `{"ok":false,"fault":{"kind":"internal","code":"INTERNAL"},"cpu":0}`...)
		}
		return append(b, j...)
	}
	b = append(b, `{"ok":`...)
	b = strconv.AppendBool(b, h.OK)
	if len(h.Head) > 0 {
		b = append(b, `,"head":`...)
		b = append(b, h.Head...)
	}
	b = append(b, `,"cpu":`...)
	b = strconv.AppendInt(b, h.CPUUS, 10)
	b = append(b, `,"logs":`...)
	b = strconv.AppendInt(b, int64(h.Logs), 10)
	if h.LogsDropped > 0 {
		b = append(b, `,"logsDropped":`...)
		b = strconv.AppendInt(b, int64(h.LogsDropped), 10)
	}
	return append(b, '}')
}

// ParseResult reads a ResultHead: each member once and none that is unknown, whatever the
// app's part of it holds. What AppendJSON wrote of a call that ended well is read as it
// stands, since each call has one; anything else is read by the book.
func ParseResult(text []byte) (h ResultHead, err error) {
	if h.scan(text) {
		return h, nil
	}
	h = ResultHead{}
	in := json.NewDecoder(bytes.NewReader(text))
	if t, err := in.Token(); err != nil || t != json.Delim('{') {
		return h, fmt.Errorf("%w: a result that is no object", ErrProtocol)
	}
	seen := make([]string, 0, 6)
	for in.More() {
		t, err := in.Token()
		if err != nil {
			return h, err
		}
		name, _ := t.(string) // of an object, the decoder gives nothing else
		into := h.member(name)
		if into == nil || slices.Contains(seen, name) {
			return h, fmt.Errorf("%w: the member %.20q of a result", ErrProtocol, name)
		}
		seen = append(seen, name)
		if err := in.Decode(into); err != nil {
			return h, err
		}
	}
	if _, err := in.Token(); err != nil {
		return h, err
	}
	if _, err := in.Token(); err != io.EOF {
		return h, fmt.Errorf("%w: text behind a result", ErrProtocol)
	}
	if h.CPUUS < 0 || h.Logs < 0 || h.LogsDropped < 0 || h.OK && h.Fault != nil {
		return h, fmt.Errorf("%w: a result that cannot be", ErrProtocol)
	}
	return h, nil
}

// scan reads what AppendJSON would write again to the letter, and nothing else.
func (h *ResultHead) scan(text []byte) bool {
	const head, cpu = `,"head":`, `,"cpu":`
	s := scanner{rest: text}
	h.OK = s.take(`{"ok":true`)
	if at := bytes.LastIndex(s.rest, []byte(cpu)); at > len(head) && s.take(head) {
		h.Head, s.rest = bytes.Clone(bytes.TrimSpace(s.rest[:at-len(head)])), s.rest[at-len(head):]
	}
	h.CPUUS = int64(s.number(cpu))
	h.Logs = int(s.number(`,"logs":`))
	return s.take(`}`) && bytes.Equal(h.AppendJSON(make([]byte, 0, len(text))), text)
}

func (h *ResultHead) member(name string) any {
	switch name {
	case "ok":
		return &h.OK
	case "head":
		return &h.Head
	case "fault":
		return &h.Fault
	case "cpu":
		return &h.CPUUS
	case "logs":
		return &h.Logs
	case "logsDropped":
		return &h.LogsDropped
	}
	return nil
}

// JSON is v's JSON as it is: a head has room for what was measured, not for each of its
// characters escaped as a page of HTML would need it.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// LogHead is a console line.
type LogHead struct {
	Level string          `json:"level"`
	TimeM int64           `json:"time"` // Unix milliseconds
	Args  json.RawMessage `json:"args"`
}

// CancelHead ends a call from the server's side.
type CancelHead struct {
	Fault *Fault `json:"fault,omitempty"`
}

// Fault is a fault.Error on the wire, without what only a log may hold.
type Fault struct {
	Kind   string         `json:"kind"`
	Code   string         `json:"code"`
	Public string         `json:"message,omitempty"`
	Fix    string         `json:"fix,omitempty"`
	Fields map[string]any `json:"fields,omitempty"`
}

// FromFault is err's wire form.
func FromFault(err error) *Fault {
	f, ok := fault.As(err)
	if !ok {
		return &Fault{Kind: fault.Internal.String(), Code: "INTERNAL", Public: "the worker failed"}
	}
	return &Fault{Kind: f.Kind.String(), Code: f.Code, Public: f.Public, Fix: f.Fix, Fields: f.Fields}
}

// Err is the error of the wire form.
func (f *Fault) Err() *fault.Error {
	return &fault.Error{Kind: fault.ParseKind(f.Kind), Code: f.Code, Public: f.Public, Fix: f.Fix, Fields: f.Fields}
}
