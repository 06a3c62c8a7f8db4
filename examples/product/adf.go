package tracker

import (
	"encoding/json"
	"strings"
)

// Version 3 of the API carries rich text as a document tree, version 2 as plain
// text. Tracker keeps plain text and converts at its edge.

type adfNode struct {
	Type    string         `json:"type"`
	Version int            `json:"version,omitempty"`
	Text    string         `json:"text,omitempty"`
	Attrs   map[string]any `json:"attrs,omitempty"`
	Content []adfNode      `json:"content,omitempty"`
}

// toADF makes a document of one paragraph a line.
func toADF(text string) any {
	if text == "" {
		return nil
	}
	doc := adfNode{Type: "doc", Version: 1}
	for _, line := range strings.Split(text, "\n") {
		p := adfNode{Type: "paragraph"}
		if line != "" {
			p.Content = []adfNode{{Type: "text", Text: line}}
		}
		doc.Content = append(doc.Content, p)
	}
	return doc
}

// fromRich reads a document or a plain string.
func fromRich(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var doc adfNode
	if err := json.Unmarshal(raw, &doc); err != nil || doc.Type != "doc" {
		return "", badInput("rich text must be a string or a document of type doc")
	}
	var b strings.Builder
	doc.plain(&b)
	return strings.TrimRight(b.String(), "\n"), nil
}

func (n adfNode) plain(b *strings.Builder) {
	switch n.Type {
	case "text":
		b.WriteString(n.Text)
	case "hardBreak":
		b.WriteByte('\n')
	case "mention", "emoji":
		if s, ok := n.Attrs["text"].(string); ok {
			b.WriteString(s)
		}
	}
	for _, c := range n.Content {
		c.plain(b)
	}
	switch n.Type {
	case "paragraph", "heading", "codeBlock", "listItem", "blockquote":
		b.WriteByte('\n')
	}
}
