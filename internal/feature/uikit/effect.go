package uikit

import (
	"bytes"
	"encoding/json"
	"strings"
)

// effects are what an app may ask the page for, see docs/uikit.md.
var effects = map[string]bool{
	"showFlag": true, "closeFlag": true, "navigate": true, "reload": true, "submit": true, "close": true, "refresh": true, "open": true,
	"onClose": true, "openModal": true, "changeWindowTitle": true, "emitReadyEvent": true, "enableTheming": true, "emit": true, "on": true, "history": true,
	"connect": true, "permissions.ask": true, "getUrl": true,
}

// maxEffect bounds what goes with one.
const maxEffect = 256 << 10

// effect passes on what the app asks the page for.
func (l *live) effect(command string, payload json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if command == "consent" { // where the user agrees is the platform's to say
		if l.s.ConsentURL != nil {
			l.say(map[string]any{"effect": map[string]any{"command": command, "payload": map[string]any{"consentUrl": l.s.ConsentURL(l.spec.Install)}}})
		}
		return
	}
	if !effects[command] || len(payload) > maxEffect || l.over {
		return
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if len(payload) > 0 && d.Decode(&v) != nil {
		return
	}
	v = l.plain(v, 0)
	if command == "permissions.ask" {
		l.asks(v)
	}
	l.say(map[string]any{"effect": map[string]any{"command": command, "payload": v}})
}

// plain leaves out what means something else to a page, and notes the handles.
func (l *live) plain(v any, level int) any {
	switch v := v.(type) {
	case []any:
		if level > 20 {
			return nil
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = l.plain(v[i], level+1)
		}
		return out
	case map[string]any:
		if level > 20 {
			return nil
		}
		out := make(map[string]any, len(v))
		for name, member := range v {
			switch {
			case name == "$fn":
				handle, _ := member.(string)
				if strings.HasPrefix(handle, "fx:") && len(handle) < 40 && len(l.fx) < maxEffects {
					l.fx[handle] = true
					out[name] = handle
				}
			case strings.HasPrefix(name, "$"), name == "__proto__", name == "constructor", name == "prototype":
			default:
				out[name] = l.plain(member, level+1)
			}
		}
		return out
	}
	return v
}
