package compat

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

type object = map[string]any

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// hosts are what the packages talk to.
func hosts(t *testing.T, world *netguardtest.World) {
	for name, h := range map[string]http.HandlerFunc{
		"api.example.com": echo, "api.github.com": gitHub, "notes.s3.eu-north-1.amazonaws.com": s3,
		"email.eu-north-1.amazonaws.com": ses, "dynamodb.eu-north-1.amazonaws.com": dynamo, "sns.eu-north-1.amazonaws.com": sns,
		"api.openai.com": openAI, "api.anthropic.com": anthropic,
		"api.sendgrid.com": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
	} {
		world.Host(t, name, h)
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch path := r.URL.Path; {
	case path == "/echo":
		headers := object{}
		for name := range r.Header {
			headers[strings.ToLower(name)] = r.Header.Get(name)
		}
		answer(w, 200, object{"method": r.Method, "url": r.URL.String(), "headers": headers, "body": string(body)})
	case path == "/json":
		answer(w, 200, object{"a": 1})
	case path == "/bytes":
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write([]byte{0, 0xff, 0x10})
	case path == "/graphql":
		var q struct {
			Query     string
			Variables struct{ N int }
		}
		_ = json.Unmarshal(body, &q)
		if strings.Contains(q.Query, "bad") {
			answer(w, 200, object{"errors": []any{object{"message": "no such field"}}})
			return
		}
		answer(w, 200, object{"data": object{"hello": fmt.Sprint("world ", q.Variables.N)}})
	default:
		answer(w, 404, object{})
	}
}

func gitHub(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Authorization") != "token gh-token":
		answer(w, 401, object{"message": "Bad credentials"})
	case r.URL.Path == "/user":
		answer(w, 200, object{"login": "alice"})
	case r.URL.Path == "/user/repos" && r.URL.Query().Get("page") == "2":
		answer(w, 200, []any{object{"name": "two"}})
	case r.URL.Path == "/user/repos":
		w.Header().Set("Link", `<https://api.github.com/user/repos?per_page=1&page=2>; rel="next"`)
		answer(w, 200, []any{object{"name": "one"}})
	default:
		answer(w, 404, object{"message": "Not Found"})
	}
}

func s3(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/") {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	switch {
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), "contents") {
			w.WriteHeader(http.StatusBadRequest)
		}
	case r.URL.Path == "/a.txt":
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "contents")
	case r.URL.Query().Has("list-type"):
		_, _ = io.WriteString(w, `<?xml version="1.0"?><ListBucketResult><Name>notes</Name><KeyCount>1</KeyCount><Contents><Key>a.txt</Key><Size>8</Size></Contents></ListBucketResult>`)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>none</Message></Error>`)
	}
}

func ses(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/xml")
	_, _ = io.WriteString(w, `<SendEmailResponse><SendEmailResult><MessageId>m-1</MessageId></SendEmailResult></SendEmailResponse>`)
}

func sns(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/xml")
	_, _ = io.WriteString(w, `<PublishResponse><PublishResult><MessageId>m-2</MessageId></PublishResult></PublishResponse>`)
}

func dynamo(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_, _ = io.WriteString(w, `{"Item":{"id":{"S":"1"}}}`)
}

func events(w http.ResponseWriter, lines ...string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, l := range lines {
		_, _ = io.WriteString(w, l+"\n\n")
	}
}

func streamed(r *http.Request) bool {
	body, _ := io.ReadAll(r.Body)
	return strings.Contains(string(body), `"stream":true`)
}

func openAI(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Authorization") != "Bearer sk-1" || r.URL.Path != "/v1/chat/completions":
		answer(w, 404, object{"error": object{"message": "none"}})
	case streamed(r):
		events(w, `data: {"choices":[{"delta":{"content":"hello"}}]}`, `data: {"choices":[{"delta":{"content":" there"}}]}`, "data: [DONE]")
	default:
		answer(w, 200, object{"choices": []any{object{"message": object{"role": "assistant", "content": "hello"}}}})
	}
}

func anthropic(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("X-Api-Key")+r.Header.Get("Authorization") != "Bearer sk-2" || r.URL.Path != "/v1/messages":
		answer(w, 404, object{"error": object{"message": "none"}})
	case streamed(r):
		events(w, `event: message_start
data: {"type":"message_start","message":{"id":"1","type":"message","role":"assistant","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}`,
			`event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
			`event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello"}}`,
			`event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" there"}}`,
			`event: content_block_stop
data: {"type":"content_block_stop","index":0}`,
			`event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}`,
			`event: message_stop
data: {"type":"message_stop"}`)
	default:
		answer(w, 200, object{"id": "1", "type": "message", "role": "assistant", "content": []any{object{"type": "text", "text": "hello"}}})
	}
}
