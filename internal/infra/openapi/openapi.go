// Package openapi reads OpenAPI documents (Swagger 2.0, OpenAPI 3.0 and 3.1, JSON or YAML)
// into the plain scopemap.Document. Its promise: what is read is the document alone, since
// no reference outside it is followed; size, depth and number of values are bounded before
// anything is interpreted; a document that says one thing twice is refused; no input makes
// it panic.
package openapi

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/scopemap"
)

// Version rises when Read gives something else for the same document, so that what was
// kept of its answers is made anew.
const Version = 1

// Bounds of a document. YAML takes ten times as long to read as JSON.
const (
	MaxSize   = 32 << 20
	MaxYAML   = 8 << 20
	maxDepth  = 120
	maxValues = 4_000_000
)

func invalid(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "OPENAPI_INVALID", format, args...).
		WithFix("give an OpenAPI document (Swagger 2.0, OpenAPI 3.0 or 3.1) in one file, as JSON or YAML")
}

// Read reads a document.
func Read(data []byte) (_ scopemap.Document, err error) {
	if len(data) > MaxSize {
		return scopemap.Document{}, fault.New(fault.Limit, "OPENAPI_TOO_LARGE", "the OpenAPI document has %d bytes; %d are read", len(data), MaxSize).
			WithFix("leave operations, examples and descriptions out that no app needs")
	}
	// The library is careful, and larger than anybody has checked against every input.
	defer func() {
		if p := recover(); p != nil {
			err = fault.Op("openapi.Read", invalid("the OpenAPI document cannot be read").Because(fmt.Errorf("panic: %v", p)))
		}
	}()
	t, err := scan(data)
	if err != nil {
		return scopemap.Document{}, fault.Op("openapi.Read", err)
	}
	doc, err := load(t)
	if err != nil {
		return scopemap.Document{}, fault.Op("openapi.Read", err)
	}
	r := &reader{doc: doc, lines: t.lines}
	return r.document(), nil
}

// load gives the document in the shape of OpenAPI 3 with its references resolved.
func load(t *scanned) (*openapi3.T, error) {
	loader := openapi3.NewLoader() // follows no reference outside the document
	switch version := t.version; {
	case strings.HasPrefix(version, "2."):
		var old openapi2.T
		if err := json.Unmarshal(t.json, &old); err != nil {
			return nil, invalid("the Swagger document is not in its form: %s", brief(err)).Because(err)
		}
		doc, err := openapi2conv.ToV3WithLoader(&old, loader, nil)
		if err != nil {
			return nil, invalid("the Swagger document is not in its form: %s", brief(err)).Because(err)
		}
		if len(old.Security) > 0 && doc.Security == nil {
			doc.Security = openapi2conv.ToV3SecurityRequirements(old.Security)
		}
		return doc, nil
	case strings.HasPrefix(version, "3."):
		doc, err := loader.LoadFromData(t.json)
		if err != nil {
			return nil, invalid("the OpenAPI document is not in its form: %s", brief(err)).Because(err)
		}
		return doc, nil
	case version == "":
		return nil, invalid("the document says neither swagger: \"2.0\" nor openapi: 3.…")
	default:
		return nil, invalid("the document is of OpenAPI version %q, which is not read here", brief(fmt.Errorf("%s", version)))
	}
}

// brief is an error's first line, bounded: the library repeats what it read.
func brief(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	s = strings.ToValidUTF8(s, "?")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + " …"
	}
	return s
}
