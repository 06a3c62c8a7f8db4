package hostcall_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/infra/hostcall"
)

// What an app makes of its result's head stays inside that member.
func TestResultHeadsHoldOneValue(t *testing.T) {
	for _, hostile := range []string{
		`{},"fault":{"kind":"limit","code":"CANARY"}`, `{"statusCode":200},"cpu":123456789012`, `}not json`, `{}}`, `{} {}`, `{"a":`, `"`, ` `,
	} {
		text := (&hostcall.ResultHead{OK: true, Head: []byte(hostile), CPUUS: 5, Logs: 2}).AppendJSON(nil)
		h, err := hostcall.ParseResult(text)
		if err != nil || h.OK || h.Fault == nil || h.Fault.Code != "FUNCTION_ERR" || h.CPUUS != 5 || bytes.Contains(text, []byte("CANARY")) {
			t.Errorf("%s became %s: %+v, %v", hostile, text, h, err)
		}
	}
	text := (&hostcall.ResultHead{OK: true, Head: []byte(`{"fault":{"kind":"limit"},"cpu":1}`), CPUUS: 5, Logs: 2, LogsDropped: 1}).AppendJSON(nil)
	h, err := hostcall.ParseResult(text)
	if err != nil || !h.OK || h.Fault != nil || h.CPUUS != 5 || h.Logs != 2 || h.LogsDropped != 1 || string(h.Head) != `{"fault":{"kind":"limit"},"cpu":1}` {
		t.Errorf("%+v, %v", h, err)
	}
}

func BenchmarkParseResult(b *testing.B) {
	text := (&hostcall.ResultHead{OK: true, Head: []byte(`{"statusCode":200,"headers":[["content-type","application/json"]]}`), CPUUS: 512, Logs: 1}).AppendJSON(nil)
	for b.Loop() {
		if _, err := hostcall.ParseResult(text); err != nil {
			b.Fatal(err)
		}
	}
}

func TestResultsAreReadByTheBook(t *testing.T) {
	for _, text := range []string{
		``, `null`, `[]`, `{`, `{"ok":true`, `{"ok":true}{}`, `{"ok":true,"ok":false}`, `{"ok":true,"cpu":1,"cpu":2}`, `{"ok":true,"head":{},"head":{}}`,
		`{"OK":true}`, `{"ok":true,"other":1}`, `{"ok":"yes"}`, `{"ok":true,"cpu":-1}`, `{"ok":true,"logs":-1}`, `{"ok":true,"fault":{}}`, `{"ok":true,"cpu":1e99}`,
	} {
		if h, err := hostcall.ParseResult([]byte(text)); err == nil {
			t.Errorf("%s was read as %+v", text, h)
		}
	}
}

// An invoke's head is read as encoding/json reads it, whoever wrote it.
func TestInvokeHeadsAreReadAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := hostcall.InvokeHead{
			Image: rapid.Uint32().Draw(t, "image"), Seed: rapid.Uint64().Draw(t, "seed"), Text: rapid.Bool().Draw(t, "text"),
			Limits: hostcall.Limits{WallMS: rapid.Int64().Draw(t, "wall"), CPUMS: rapid.Int64().Draw(t, "cpu"), Response: rapid.Int().Draw(t, "response")},
			Facts:  rapid.IntRange(0, 1<<20).Draw(t, "facts"), Context: rapid.IntRange(0, 1<<20).Draw(t, "context"),
			Kind: rapid.String().Draw(t, "kind"), Function: rapid.String().Draw(t, "fn"), Envelope: []byte(`{"id":"}}","module":"a\"b"}`),
		}
		text := in.AppendJSON(nil)
		if !rapid.Bool().Draw(t, "ours") {
			text = append([]byte(" "), text...)
		}
		var want hostcall.InvokeHead
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if got, err := hostcall.ParseInvoke(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\n%+v\n%+v %v", text, got, want, err)
		}
	})
	for _, bad := range []string{``, `{`, `{"image":1,"envelope":}`, `{"image":-1}`, `{"image":99999999999999999999999}`, `{"image":1,"wall":x`} {
		if h, err := hostcall.ParseInvoke([]byte(bad)); !errors.Is(err, hostcall.ErrProtocol) {
			t.Errorf("%s was read as %+v, %v", bad, h, err)
		}
	}
}

// A space in front makes a text one that is read by the book; what is read is the same.
func FuzzParseResult(f *testing.F) {
	for _, text := range []string{
		`{"ok":true,"head":{"statusCode":200},"cpu":5,"logs":1,"logsDropped":2}`, `{"ok":true,"head":{"statusCode":200},"cpu":5,"logs":1}`,
		`{"ok":false,"fault":{"kind":"app","code":"X"},"cpu":0}`, `{"ok":true,"cpu":5,"logs":0}`, `{"ok":true,"cpu":18446744073709551617,"logs":0}`,
		`{"ok":true,"cpu":05,"logs":0}`, `{"ok":true,"head":{"cpu":1},"cpu":2},"cpu":5,"logs":0}`, `{"ok":true,"head":[1,"cpu":2],"cpu":5,"logs":0}`,
		`{"ok":true,"head":{},"head":{},"cpu":5,"logs":0}`, `{"ok":true,"head":"\",\"cpu\":1","cpu":5,"logs":3}`, `{"ok":true,"head":,"cpu":5,"logs":3}`, `{"ok":true,"head":{} ,"cpu":5,"logs":3}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := hostcall.ParseResult(text)
		book, bookErr := hostcall.ParseResult(append([]byte(" "), text...))
		if (err == nil) != (bookErr == nil) || err == nil && !reflect.DeepEqual(h, book) {
			t.Fatalf("%+v, %v; by the book %+v, %v", h, err, book, bookErr)
		}
		if err == nil && (h.CPUUS < 0 || h.OK && h.Fault != nil) {
			t.Fatalf("%+v", h)
		}
	})
}

// A head is measured before it is wrapped: wrapping must not make it six times as large.
func TestHeadsAreNotEscaped(t *testing.T) {
	measured := []byte(`{"headers":[["x","` + strings.Repeat("<&>", 1000) + `"]]}`)
	b, err := hostcall.JSON(hostcall.ReplyHead{ID: 1, OK: true, Head: measured})
	if err != nil || len(b) > len(measured)+64 || bytes.HasSuffix(b, []byte("\n")) {
		t.Errorf("%d bytes of %d, %v", len(b), len(measured), err)
	}
}
