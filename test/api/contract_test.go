package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// contract sends requests on and holds each, and its answer, against openapi.yaml:
// the answer must be one that the document describes, with nothing in it that the
// document does not name; and what the document calls malformed must be refused.
type contract struct {
	t      testing.TB
	doc    *openapi3.T
	router routers.Router
	next   http.RoundTripper

	mu   sync.Mutex
	seen map[string]map[int]int // operation → status → how often
}

func newContract(t testing.TB) *contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../../internal/edge/httpapi/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil // the deployment listens on a port of its own
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	openapi3filter.RegisterBodyDecoder("application/yaml", func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		text, err := io.ReadAll(body)
		return string(text), err
	})
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		text, err := io.ReadAll(body)
		return string(text), err
	})
	return &contract{t: t, doc: doc, router: router, next: &http.Transport{}, seen: map[string]map[int]int{}}
}

// options: the multipart schema says less than the server reads; its parts are tried one by one.
func options(op *openapi3.Operation) *openapi3filter.Options {
	return &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
		ExcludeRequestBody: op.OperationID == "deploy",
	}
}

// RoundTrip implements http.RoundTripper.
func (c *contract) RoundTrip(r *http.Request) (*http.Response, error) {
	route, params, notFound := c.router.FindRoute(r)
	var input *openapi3filter.RequestValidationInput
	var malformed error
	if notFound == nil {
		body, err := drain(&r.Body)
		if err != nil {
			return nil, err
		}
		input = &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options(route.Operation)}
		malformed = openapi3filter.ValidateRequest(r.Context(), input)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	res, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := drain(&res.Body)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%s %s: %d %s", r.Method, r.URL.Path, res.StatusCode, body)
	c.plain(what, res, body)
	if notFound != nil {
		if res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusMethodNotAllowed {
			c.t.Errorf("the contract does not know the route: %s", what)
		}
		c.describes(what, c.doc.Components.Schemas["ErrorBody"].Value, body)
		return res, nil
	}
	c.note(route.Operation.OperationID, res.StatusCode)
	if malformed != nil && res.StatusCode < 300 {
		c.t.Errorf("the server took what the contract refuses (%.200v): %s", malformed, what)
	}
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: res.StatusCode, Header: res.Header, Options: input.Options}
	answer.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(r.Context(), answer); err != nil {
		c.t.Errorf("the contract describes no such answer: %s\n%v", what, err)
	}
	if ref := route.Operation.Responses.Status(res.StatusCode); ref == nil && res.StatusCode < 400 {
		c.t.Errorf("the contract has no answer %d: %s", res.StatusCode, what)
	} else if ref == nil {
		c.describes(what, c.doc.Components.Schemas["ErrorBody"].Value, body)
	} else if media := ref.Value.Content.Get("application/json"); media != nil {
		c.describes(what, media.Schema.Value, body)
	} else if len(body) > 0 && !(lines(res) && ref.Value.Content.Get("application/x-ndjson") != nil) {
		c.t.Errorf("the contract describes an answer without a body: %s", what)
	}
	return res, nil
}

// lines reports an answer of JSON lines, of which the audit export alone consists.
func lines(res *http.Response) bool { return res.Header.Get("Content-Type") == "application/x-ndjson" }

func drain(body *io.ReadCloser) ([]byte, error) {
	if *body == nil {
		return nil, nil
	}
	all, err := io.ReadAll(*body)
	if err != nil {
		return nil, err
	}
	_ = (*body).Close()
	*body = io.NopCloser(bytes.NewReader(all))
	return all, nil
}

// plain holds what is true of every answer of the control API.
func (c *contract) plain(what string, res *http.Response, body []byte) {
	if len(body) > 0 && res.Header.Get("Content-Type") != "application/json" && !lines(res) {
		c.t.Errorf("%q instead of JSON: %s", res.Header.Get("Content-Type"), what)
	}
	cache := "no-store"
	if res.StatusCode == http.StatusOK && res.Request.URL.Path == "/.well-known/jwks.json" {
		cache = "public, max-age=300"
	}
	if len(body) > 0 && (res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Cache-Control") != cache) {
		c.t.Errorf("may be sniffed or stored: %s", what)
	}
	if len(res.Cookies()) > 0 {
		c.t.Errorf("sets a cookie: %s", what)
	}
	if res.StatusCode >= 500 && res.StatusCode != http.StatusBadGateway {
		c.t.Errorf("the server failed: %s", what)
	}
	if (res.StatusCode == http.StatusUnauthorized) != (res.Header.Get("WWW-Authenticate") != "") {
		c.t.Errorf("WWW-Authenticate is %q: %s", res.Header.Get("WWW-Authenticate"), what)
	}
}

// describes demands that the schema is met and names every member.
func (c *contract) describes(what string, schema *openapi3.Schema, body []byte) {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		c.t.Errorf("no JSON: %s: %v", what, err)
		return
	}
	if err := schema.VisitJSON(v); err != nil {
		c.t.Errorf("%s: %v", what, err)
	}
	for _, name := range unnamed("", schema, v) {
		c.t.Errorf("the contract does not name %s: %s", name, what)
	}
}

// unnamed are the members of v that the schema has no word for. A schema of an object
// without properties is open on purpose.
func unnamed(at string, schema *openapi3.Schema, v any) []string {
	var out []string
	switch v := v.(type) {
	case []any:
		if items := schema.Items; items != nil {
			for i, x := range v {
				out = append(out, unnamed(fmt.Sprintf("%s[%d]", at, i), items.Value, x)...)
			}
		}
	case map[string]any:
		known := openapi3.Schemas{}
		properties(schema, known)
		if len(known) == 0 {
			return nil
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if p, ok := known[name]; ok {
				out = append(out, unnamed(at+"."+name, p.Value, v[name])...)
			} else {
				out = append(out, at+"."+name)
			}
		}
	}
	return out
}

func properties(schema *openapi3.Schema, into openapi3.Schemas) {
	maps.Copy(into, schema.Properties)
	for _, part := range schema.AllOf {
		properties(part.Value, into)
	}
}

func (c *contract) note(operation string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[operation] == nil {
		c.seen[operation] = map[int]int{}
	}
	c.seen[operation][status]++
}

// complete demands that every answer of the document was seen, and an error of every
// operation: what no test has seen may be described wrongly.
func (c *contract) complete() {
	// What needs a product that signs, and an app that it tells, is tried by test/attack; so
	// is what is no answer, but a tunnel.
	elsewhere := map[string]bool{"takeEvent": true, "showDeadLetter": true, "dropDeadLetter": true, "openTunnel": true}
	for path, item := range c.doc.Paths.Map() {
		for method, op := range item.Operations() {
			failed := elsewhere[op.OperationID]
			for status := range c.seen[op.OperationID] {
				failed = failed || status >= 400
			}
			for status := range op.Responses.Map() {
				var n int
				if _, err := fmt.Sscan(status, &n); err == nil && c.seen[op.OperationID][n] == 0 && !elsewhere[op.OperationID] {
					c.t.Errorf("%s %s never answered %s", method, path, status)
				}
			}
			if !failed && path != "/healthz" && path != "/readyz" && path != "/.well-known/jwks.json" {
				c.t.Errorf("%s %s was never refused", method, path)
			}
		}
	}
}
