// Package webpage reads an app's HTML document for serving: where a script has to stand
// to run before all others, which inline scripts there are, and which addresses the
// document loads. It changes nothing in the document and runs nothing.
//
// What it finds decides nothing about authority: a script whose hash it misses does not
// run, and an address that it misses is bounded by the page's policy all the same.
package webpage

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// Document is what was found in one.
type Document struct {
	// At is the offset at which a script runs before all others.
	At int
	// Hashes are those of the inline scripts, "sha256-…", each once.
	Hashes []string
	Links  []Link
}

// Link is an address that the document loads by itself.
type Link struct {
	// Kind is what is loaded: "script", "style", "image", "frame" or "other".
	Kind string
	URL  string
	Line int
}

// Read reads a document.
func Read(text []byte) Document {
	d := Document{At: -1}
	z := html.NewTokenizer(bytes.NewReader(text))
	inline := false // the next text is a script
	offset, line := 0, 1
	for {
		kind := z.Next()
		raw := z.Raw()
		start := offset
		offset += len(raw)
		switch kind {
		case html.ErrorToken:
			if d.At < 0 {
				d.At = len(text)
			}
			return d
		case html.TextToken:
			if inline {
				d.hash(raw)
			}
			if d.At < 0 && len(bytes.TrimSpace(raw)) > 0 {
				d.At = start
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			lines := bytes.Count(raw, []byte("\n"))
			name, attributes := tag(z)
			switch {
			case d.At >= 0 || name == "html":
			case name == "head":
				d.At = offset
			default:
				d.At = start
			}
			d.link(name, attributes, line)
			_, external := attributes["src"]
			inline = name == "script" && !external && runs(attributes["type"])
			line += lines
			continue
		}
		inline = false
		line += bytes.Count(raw, []byte("\n"))
	}
}

func tag(z *html.Tokenizer) (string, map[string]string) {
	name, more := z.TagName()
	text := string(name) // reading attributes moves on in the same buffer
	attributes := map[string]string{}
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		if _, twice := attributes[string(key)]; !twice {
			attributes[string(key)] = string(value)
		}
	}
	return text, attributes
}

// hash adds the hash of an inline script as a browser computes it: over its text after
// the parser has made line ends one character.
func (d *Document) hash(script []byte) {
	s := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "\uFFFD").Replace(string(script))
	sum := sha256.Sum256([]byte(s))
	h := "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
	if !slices.Contains(d.Hashes, h) {
		d.Hashes = append(d.Hashes, h)
	}
}

// runs reports whether a script of the type is code: other types are data to the browser.
func runs(typ string) bool {
	switch t := strings.ToLower(strings.TrimSpace(typ)); t {
	case "", "module", "importmap", "text/javascript", "application/javascript", "text/ecmascript", "application/ecmascript",
		"application/x-javascript", "text/jscript", "text/x-javascript":
		return true
	}
	return false
}

func (d *Document) link(name string, attributes map[string]string, line int) {
	kind, url := "", ""
	switch name {
	case "script":
		kind, url = "script", attributes["src"]
	case "img":
		kind, url = "image", attributes["src"]
	case "iframe":
		kind, url = "frame", attributes["src"]
	case "link":
		kind, url = "other", attributes["href"]
		for _, rel := range strings.Fields(strings.ToLower(attributes["rel"])) {
			switch rel {
			case "stylesheet":
				kind = "style"
			case "modulepreload":
				kind = "script"
			case "icon":
				kind = "image"
			}
		}
	}
	if url = strings.TrimSpace(url); url != "" {
		d.Links = append(d.Links, Link{kind, url, line})
	}
}
