// Package client is a page that has no browser: it opens UI Kit sessions over the bridge's
// HTTP seam, keeps the tree that the stream tells of, and clicks in it.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Page talks to the ui origin of one server as one session of the bridge.
type Page struct {
	T      testing.TB
	Server string // address to dial
	Host   string // of the ui origin
	Token  string
}

// Node is one element.
type Node struct {
	Type     string         `json:"type"`
	Key      string         `json:"key"`
	Props    map[string]any `json:"props"`
	Children []*Node        `json:"children"`
}

// Message is one line of a stream.
type Message struct {
	Seq     uint64          `json:"seq"`
	Tree    *Node           `json:"tree"`
	Patches []Patch         `json:"patches"`
	Effect  *Effect         `json:"effect"`
	Error   json.RawMessage `json:"error"`
	Ping    bool            `json:"ping"`
	Idle    bool            `json:"idle"`
	Event   int64           `json:"event"`
	Open    []int64         `json:"open"`
}

// Patch is one change of the tree.
type Patch struct {
	Op       string            `json:"op"`
	Key      string            `json:"key"`
	Set      map[string]any    `json:"set"`
	Unset    []string          `json:"unset"`
	Children []json.RawMessage `json:"children"`
	Node     *Node             `json:"node"`
}

// Effect is something that the app asks the page for.
type Effect struct {
	Command string         `json:"command"`
	Payload map[string]any `json:"payload"`
}

// Send sends a request of the bridge.
func (p *Page) Send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+p.Server+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Host = p.Host
	r.Header.Set("Content-Type", "application/json")
	if p.Token != "" {
		r.Header.Set("Authorization", "Bearer "+p.Token)
	}
	return http.DefaultClient.Do(r)
}

// Ask is Send with its answer read: status, code of the error, body.
func (p *Page) Ask(method, path string, body any) (status int, code, text string) {
	p.T.Helper()
	res, err := p.Send(p.T.Context(), method, path, body)
	if err != nil {
		p.T.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.T.Fatal(err)
	}
	var e struct{ Error struct{ Code string } }
	_ = json.Unmarshal(b, &e)
	return res.StatusCode, e.Error.Code, string(b)
}

// Socket follows a session by a socket, as a page of an origin, and gives the first thing that is
// said of it.
func (p *Page) Socket(session, origin string) string {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(p.T.Context(), time.Minute)
	defer cancel()
	ws, res, err := websocket.Dial(ctx, "ws://"+p.Server+"/bridge/ui/"+session+"/socket", &websocket.DialOptions{Host: p.Host, HTTPHeader: http.Header{"Origin": {origin}}})
	if err != nil && res != nil {
		return res.Status
	}
	if err != nil {
		p.T.Fatal(err)
	}
	defer ws.CloseNow() //nolint:errcheck // it may be closed
	first, err := json.Marshal(map[string]any{"session": p.Token, "seen": 0})
	if err == nil {
		err = ws.Write(ctx, websocket.MessageText, first)
	}
	if err != nil {
		p.T.Fatal(err)
	}
	_, text, err := ws.Read(ctx)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// View is an open session with its stream.
type View struct {
	*Page
	ID string

	mu      sync.Mutex
	tree    *Node
	seen    uint64
	effects []Effect
	errors  []string
	idle    int64
	open    []int64 // events up to idle that are not handled
	over    bool
	all     bytes.Buffer // what came, as it came
	changed chan struct{}
	event   int64
	hangUp  context.CancelFunc
	ended   chan struct{}
}

// Open opens a session of a module and its stream.
func (p *Page) Open(module string, extra ...map[string]any) *View {
	p.T.Helper()
	body := map[string]any{"module": module}
	for _, m := range extra {
		for k, v := range m {
			body[k] = v
		}
	}
	status, _, text := p.Ask("POST", "/bridge/ui", body)
	var made struct{ Session string }
	if err := json.Unmarshal([]byte(text), &made); err != nil || status != http.StatusOK || made.Session == "" {
		p.T.Fatalf("open %s: %d %s", module, status, text)
	}
	v := &View{Page: p, ID: made.Session, changed: make(chan struct{})}
	v.Connect()
	return v
}

// Connect opens the stream, from what was seen on.
func (v *View) Connect() {
	v.T.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(v.T.Context()))
	v.hangUp, v.ended = cancel, make(chan struct{})
	v.mu.Lock()
	seen := v.seen
	v.mu.Unlock()
	res, err := v.Send(ctx, "POST", "/bridge/ui/"+v.ID+"/stream", map[string]any{"seen": seen})
	if err != nil {
		v.T.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(res.Body)
		v.T.Fatalf("stream: %d %s", res.StatusCode, b)
	}
	ended := v.ended
	go func() {
		defer close(ended)
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 8<<20)
		for lines.Scan() {
			v.take(lines.Bytes())
		}
	}()
	v.T.Cleanup(cancel)
}

// Disconnect drops the stream, as a network does.
func (v *View) Disconnect() {
	v.hangUp()
	<-v.ended
}

// Ended is closed when the server ends the stream.
func (v *View) Ended() <-chan struct{} { return v.ended }

func (v *View) take(text []byte) {
	var m Message
	if err := json.Unmarshal(text, &m); err != nil {
		v.T.Errorf("%s: %v", text, err)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all.Write(text)
	v.all.WriteByte('\n')
	if m.Seq > 0 {
		v.seen = m.Seq
	}
	if m.Tree != nil {
		v.tree = m.Tree
	}
	for _, p := range m.Patches {
		v.patch(p)
	}
	if m.Effect != nil {
		v.effects = append(v.effects, *m.Effect)
	}
	if len(m.Error) > 0 {
		v.errors = append(v.errors, string(m.Error))
		v.over = v.over || strings.Contains(string(m.Error), `"gone":true`)
	}
	if m.Idle {
		v.idle, v.open = max(v.idle, m.Event), m.Open
	}
	close(v.changed)
	v.changed = make(chan struct{})
}

func (v *View) patch(p Patch) {
	at := v.tree.find(p.Key)
	if at == nil {
		v.T.Errorf("a patch of %q, which is not there", p.Key)
		return
	}
	switch p.Op {
	case "props":
		for k, x := range p.Set {
			at.Props[k] = x
		}
		for _, k := range p.Unset {
			delete(at.Props, k)
		}
	case "children":
		var next []*Node
		for _, raw := range p.Children {
			var key string
			if json.Unmarshal(raw, &key) == nil {
				for _, c := range at.Children {
					if c.Key == key {
						next = append(next, c)
					}
				}
				continue
			}
			var n Node
			if err := json.Unmarshal(raw, &n); err != nil {
				v.T.Error(err)
			}
			next = append(next, &n)
		}
		at.Children = next
	case "replace":
		*at = *p.Node
	default:
		v.T.Errorf("a patch of kind %q", p.Op)
	}
}

func (n *Node) find(key string) *Node {
	if n == nil || n.Key == key {
		return n
	}
	for _, c := range n.Children {
		if at := c.find(key); at != nil {
			return at
		}
	}
	return nil
}

// Text is what a reader sees of it.
func (n *Node) Text() string {
	if n == nil {
		return ""
	}
	if n.Type == "String" {
		return fmt.Sprint(n.Props["text"])
	}
	var out strings.Builder
	for _, c := range n.Children {
		out.WriteString(c.Text())
	}
	return out.String()
}

// All are the elements of a type, in order, also those in props.
func (n *Node) All(typ string) (out []*Node) {
	if n == nil {
		return nil
	}
	if n.Type == typ {
		out = append(out, n)
	}
	for _, p := range n.Props {
		out = append(out, inProps(p, typ)...)
	}
	for _, c := range n.Children {
		out = append(out, c.All(typ)...)
	}
	return out
}

func inProps(v any, typ string) (out []*Node) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			out = append(out, inProps(x, typ)...)
		}
	case map[string]any:
		if el, ok := v["$el"]; ok {
			var n Node
			if b, err := json.Marshal(el); err == nil && json.Unmarshal(b, &n) == nil {
				return n.All(typ)
			}
		}
		for _, x := range v {
			out = append(out, inProps(x, typ)...)
		}
	}
	return out
}

// Until waits until the view is as is says, and gives its tree as it is then.
func (v *View) Until(what string, is func(v *State) bool) *State {
	v.T.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for {
		v.mu.Lock()
		s := v.state()
		changed := v.changed
		v.mu.Unlock()
		if is(s) {
			return s
		}
		select {
		case <-changed:
		case <-limit.C:
			v.T.Fatalf("not seen: %s\ntree %s\nerrors %v\neffects %+v", what, s.JSON(), s.Errors, s.Effects)
		}
	}
}

// State is a view at one moment.
type State struct {
	Tree    *Node
	Seen    uint64
	Effects []Effect
	Errors  []string
	Idle    int64
	Open    []int64 // events up to Idle that are not handled
	Over    bool
	Raw     string
}

// Handled says whether an event is.
func (s *State) Handled(event int64) bool {
	return s.Idle >= event && !slices.Contains(s.Open, event)
}

func (v *View) state() *State {
	var tree *Node
	if b, err := json.Marshal(v.tree); err == nil {
		_ = json.Unmarshal(b, &tree)
	}
	return &State{tree, v.seen, append([]Effect{}, v.effects...), append([]string{}, v.errors...), v.idle, append([]int64{}, v.open...), v.over, v.all.String()}
}

// Now is the view as it is.
func (v *View) Now() *State {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state()
}

// JSON is the tree as text.
func (s *State) JSON() string {
	b, _ := json.Marshal(s.Tree)
	return string(b)
}

// Handle is that of a function in a prop, "" if there is none.
func (n *Node) Handle(prop string) string {
	if n == nil {
		return ""
	}
	f, _ := n.Props[prop].(map[string]any)
	h, _ := f["$fn"].(string)
	return h
}

// Fire sends an event and does not wait for what comes of it.
func (v *View) Fire(handle string, args ...any) (status int, code string) {
	v.T.Helper()
	v.event++
	status, code, _ = v.Ask("POST", "/bridge/ui/"+v.ID+"/event", map[string]any{"event": v.event, "handle": handle, "args": append([]any{}, args...)})
	return status, code
}

// Click fires an event and waits until it was handled.
func (v *View) Click(n *Node, prop string, args ...any) *State {
	v.T.Helper()
	if status, code := v.Fire(n.Handle(prop), args...); status != http.StatusAccepted {
		v.T.Fatalf("%s of <%s>: %d %s", prop, n.Type, status, code)
	}
	number := v.event
	return v.Until(fmt.Sprintf("event %d is handled", number), func(s *State) bool { return s.Handled(number) || s.Over })
}
