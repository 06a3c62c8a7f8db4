package openapi_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/scopemap"
	"github.com/annexhq/annex/internal/infra/openapi"
)

const three = `openapi: 3.1.0
info: {title: Desk, version: "7"}
servers: [{url: "https://desk.example/api"}]
security: [{app: [read:desk]}]
paths:
  /tickets/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string}}
      - {name: lang, in: query, schema: {type: string}}
    x-team: support
    get:
      operationId: getTicket
      description: *text
      tags: [tickets]
      x-scopes: [a, b]
      parameters:
        - {$ref: "#/components/parameters/Trace"}
        - {name: filter, in: query, style: deepObject, schema: {type: object, additionalProperties: {type: string}}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Ticket"}}}}
        default: {description: bad}
    put:
      security: [{app: [write:desk]}, {}]
      requestBody:
        content:
          application/json: {schema: {$ref: "#/components/schemas/Ticket"}}
          application/x-www-form-urlencoded: {schema: {type: object, properties: {title: {type: string}, website: {type: [string, "null"], format: uri}}}}
      callbacks: {done: {"{$request.body#/hook}": {post: {responses: {"200": {description: ok}}}}}}
      responses: {"204": {description: done}}
components:
  securitySchemes:
    app: {type: oauth2, flows: {clientCredentials: {tokenUrl: https://desk.example/token, scopes: {"read:desk": Read}}}}
    key: {type: apiKey, in: query, name: api_key}
  parameters:
    Trace: {name: X-Trace, in: header, schema: {type: string}}
  schemas:
    Ticket:
      type: object
      properties:
        title: {type: string, example: {$ref: "file:///etc/passwd"}}
        secret: {type: string, writeOnly: true}
        reply: {$ref: "#/components/schemas/Ticket"}
        hooks: {type: array, items: {type: object, properties: {url: {type: string}}}}
        pageToken: {type: string}
        apiKey: {type: string}
`

func TestReadThree(t *testing.T) {
	doc, err := openapi.Read([]byte(strings.Replace(three, "*text", "words", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if doc.Title != "Desk" || doc.Version != "7" || doc.Base != "/api" || doc.Schemes["app"].Type != "oauth2" || doc.Schemes["app"].Scopes["read:desk"] != "Read" ||
		doc.Schemes["key"].In != "query" || doc.Schemes["key"].Name != "api_key" || len(doc.Described) != 2 {
		t.Fatalf("%+v", doc)
	}
	get, put := doc.Described[0], doc.Described[1]
	if get.ID != "getTicket" || get.Method != "GET" || get.Path != "/tickets/{id}" || get.Line != 11 || !slices.Equal(get.Tags, []string{"tickets"}) ||
		!slices.Equal(get.Security[0]["app"], []string{"read:desk"}) || get.Body || len(get.Extensions) != 2 || get.Extensions["x-team"] != "support" {
		t.Errorf("%+v", get)
	}
	want := []scopemap.Parameter{{Name: "X-Trace", In: "header"}, {Name: "filter", In: "query", Keys: true}, {Name: "id", In: "path"}, {Name: "lang", In: "query"}}
	if !slices.Equal(get.Parameters, want) {
		t.Errorf("%+v", get.Parameters)
	}
	if !slices.Equal(get.Answers, []string{"/apiKey", "/hooks/*/url"}) { // not the field that is only sent
		t.Errorf("%q", get.Answers)
	}
	if len(put.Security) != 2 || !put.Body || !put.Callback || put.Line != 22 || !slices.Equal(put.MediaTypes, []string{"application/json", "application/x-www-form-urlencoded"}) ||
		!slices.Equal(put.Form, []string{"title", "website"}) || !slices.Equal(put.Sends, []string{"/apiKey", "/hooks/*/url", "/secret"}) {
		t.Errorf("%+v", put)
	}
}

func TestReadTwo(t *testing.T) {
	doc, err := openapi.Read([]byte(`{"swagger": "2.0", "info": {"title": "Desk", "version": "1"}, "host": "desk.example", "basePath": "/api/v1", "consumes": ["application/json"],
"securityDefinitions": {"app": {"type": "oauth2", "flow": "application", "tokenUrl": "https://x", "scopes": {"r": "Read"}}, "sudo": {"type": "apiKey", "in": "header", "name": "Sudo"}},
"security": [{"app": ["r"]}],
"paths": {
 "/user/tokens": {"get": {"operationId": "list", "responses": {"200": {"$ref": "#/responses/Tokens"}}},
  "post": {"operationId": "create", "parameters": [{"name": "body", "in": "body", "schema": {"$ref": "#/definitions/New"}}, {"name": "q", "in": "query", "type": "string"}], "responses": {"201": {"description": "x"}}}},
 "/upload": {"post": {"consumes": ["multipart/form-data"], "parameters": [{"name": "attachment", "in": "formData", "type": "file"}, {"name": "note", "in": "formData", "type": "string"}], "responses": {"201": {"description": "x"}}}}},
"definitions": {"Token": {"type": "object", "properties": {"client_secret": {"type": "string"}}}, "New": {"type": "object", "properties": {"password": {"type": "string"}, "callback_url": {"type": "string"}}}},
"responses": {"Tokens": {"description": "all", "schema": {"type": "array", "items": {"$ref": "#/definitions/Token"}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if doc.Base != "/api/v1" || doc.Schemes["sudo"].In != "header" || doc.Schemes["sudo"].Name != "Sudo" || len(doc.Described) != 3 {
		t.Fatalf("%+v", doc)
	}
	upload, list, create := doc.Described[0], doc.Described[1], doc.Described[2]
	if !slices.Equal(upload.Form, []string{"attachment", "note"}) || !slices.Equal(upload.MediaTypes, []string{"multipart/form-data"}) || upload.AnyForm {
		t.Errorf("%+v", upload)
	}
	if !slices.Equal(list.Answers, []string{"/*/client_secret"}) || !slices.Equal(list.Security[0]["app"], []string{"r"}) || list.Line != 5 {
		t.Errorf("%+v", list)
	}
	if !slices.Equal(create.Sends, []string{"/callback_url", "/password"}) || !slices.Equal(create.MediaTypes, []string{"application/json"}) || create.Parameters[0].Name != "q" || create.Line != 6 {
		t.Errorf("%+v", create)
	}
}

func TestDocumentsThatAreRefused(t *testing.T) {
	const head = "openapi: 3.0.0\ninfo: {title: a, version: '1'}\n"
	bomb := head + "x-a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := range 9 {
		bomb += "x-" + string(rune('b'+i)) + ": &" + string(rune('b'+i)) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(rune('a'+i))+",", 9), ",") + "]\n"
	}
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "list": "[]", "number": "7", "no version": "info: {}\n", "version 4": "openapi: 4.0.0\npaths: {}\n", "Swagger 1": "swagger: '1.2'\n",
		"file":   head + "paths:\n  /a: {$ref: 'file:///etc/passwd'}\n",
		"URL":    head + "paths:\n  /a: {get: {parameters: [{$ref: 'http://169.254.169.254/'}]}}\n",
		"path":   head + "paths:\n  /a: {get: {responses: {default: {$ref: 'other.yaml#/x'}}}}\n",
		"JSON":   `{"openapi": "3.0.0", "info": {"title": "a", "version": "1"}, "paths": {"/a": {"$ref": "../x"}}}`,
		"twice":  `{"openapi": "3.0.0", "paths": {"/a": {"get": {}, "get": {}}}}`,
		"twice2": head + "paths:\n  /a: {get: {}}\n  /a: {put: {}}\n",
		"deep":   `{"openapi": "3.0.0", "paths": ` + strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200) + "}",
		"bomb":   bomb, "loop": head + "paths: &p {a: *p}\n", "two": head + "---\n" + head, "bytes": head + "\xff", "huge": strings.Repeat(" ", openapi.MaxSize+1),
		"huge YAML": head + strings.Repeat("#", openapi.MaxYAML),
		"no target": head + "paths:\n  /a: {get: {parameters: [{$ref: '#/components/parameters/None'}]}}\n",
	} {
		doc, err := openapi.Read([]byte(text))
		if code := fault.CodeOf(err); code != "OPENAPI_INVALID" && code != "OPENAPI_TOO_LARGE" || len(err.Error()) > 2000 {
			t.Errorf("%s: %+v, %.300v", name, doc.Title, err)
		}
	}
}

// Mistakes in what authority does not depend on are nobody's business here.
func TestExamplesAndDescriptionsAreNotRead(t *testing.T) {
	text := `{"openapi": "3.0.0", "info": {"title": "a", "version": "1", "description": {"no": "text"}}, "paths": {"/a": {"get": {"description": 7, "responses": {"200": {"description": "x",
		"content": {"application/json": {"example": {"$ref": "file:///x"}, "schema": {"type": "object", "properties": {"description": {"type": "string"}, "example": {"type": "string"}, "token": {"type": "string", "maxLength": 1e99}}}}}}}}}}}`
	doc, err := openapi.Read([]byte(text))
	if err != nil || len(doc.Described) != 1 || !slices.Equal(doc.Described[0].Answers, []string{"/token"}) {
		t.Errorf("%+v, %v", doc, err)
	}
}

func TestReferenceProductsDocument(t *testing.T) {
	data, err := os.ReadFile("../../../examples/product/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi.Read(data)
	if err != nil || len(doc.Described) < 20 {
		t.Fatalf("%d operations, %v", len(doc.Described), err)
	}
	for _, d := range doc.Described {
		if d.Line == 0 || d.ID == "" || len(d.Security) == 0 {
			t.Errorf("%+v", d)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(three))
	f.Add([]byte(strings.Replace(three, "*text", "words", 1)))
	f.Add([]byte(`{"swagger":"2.0","info":{"title":"a","version":"1"},"paths":{"/a":{"get":{"parameters":[{"$ref":"#/parameters/x"}]}}},"parameters":{"x":{"in":"formData","name":"f","x-formData-name":7}}}`))
	f.Add([]byte(`{"openapi":"3.0.0","components":{"schemas":{"a":{"$ref":"#/components/schemas/b"},"b":{"allOf":[{"$ref":"#/components/schemas/a"}]}}},"paths":{"/a":{"get":{"responses":{"200":{"content":{"a/b":{"schema":{"$ref":"#/components/schemas/a"}}}}}}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := openapi.Read(data)
		if err != nil {
			if _, ok := fault.As(err); !ok {
				t.Fatal(err)
			}
			return
		}
		form, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		var back scopemap.Document
		if err := json.Unmarshal(form, &back); err != nil {
			t.Fatal(err)
		}
		if _, _, err := scopemap.Compile(doc, scopemap.Rules{}); err != nil && fault.CodeOf(err) != "DOCUMENT_TOO_LARGE" {
			t.Fatal(err)
		}
	})
}
