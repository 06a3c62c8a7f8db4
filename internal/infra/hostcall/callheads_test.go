package hostcall

import (
	"encoding/json"
	"reflect"
	"testing"
)

// What is read as it stands says what it says by the book, whatever a worker writes.
func FuzzCallHeads(f *testing.F) {
	for _, text := range []string{
		`{"id":7,"method":"product.request","head":{"path":"/a","method":"GET","headers":[]}}`,
		`{"id":7,"method":"kvs.get"}`, `{"id":4294967296,"method":"a","head":{}}`, `{"id":18446744073709551617,"method":"a","head":{}}`,
		`{"id":1,"method":"a","head":{}},"method":"b","head":{}}`, `{"id":1,"method":"a","head":{},"method":"b"}`, `{"id":1,"method":"a\n","head":1}`,
		"{\"id\":1,\"method\":\"\xff\",\"head\":{}}", `{"method":"a","id":3}`, `{"id":1,"method":"a","head":}`, `{"id":,"method":"a","head":1}`, `{"id":007,"method":"a","head":1}`, `{}`, ``,
		`{"id":7,"ok":true,"head":{"status":200}}`, `{"id":7,"ok":false,"head":{"code":"X"}}`, `{"id":7,"ok":true}`, `{"ok":true,"id":1}`,
		`{"seen":12}`, `{"seen":12} `, `{"seen":-1}`, `{"seen":12,"more":1}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) { // nothing may come of it where the reader is not sure of its writer
			if h, err := ParseCall(text); err == nil {
				t.Fatalf("%q was read as %+v", text, h)
			}
			return
		}
		var call CallHead
		got, err := ParseCall(text)
		if want := json.Unmarshal(text, &call); (want == nil) != (err == nil) || err == nil && !reflect.DeepEqual(got, call) {
			t.Errorf("call %q: %+v, %v; by the book %+v, %v", text, got, err, call, want)
		}
		var reply ReplyHead
		back, err := ParseReply(text)
		if want := json.Unmarshal(text, &reply); (want == nil) != (err == nil) || err == nil && !reflect.DeepEqual(back, reply) {
			t.Errorf("reply %q: %+v, %v; by the book %+v, %v", text, back, err, reply, want)
		}
		var beat BeatHead
		told, err := ParseBeat(text)
		if want := json.Unmarshal(text, &beat); (want == nil) != (err == nil) || err == nil && told != beat {
			t.Errorf("beat %q: %+v, %v; by the book %+v, %v", text, told, err, beat, want)
		}
	})
}

func TestCallHeadsComeBack(t *testing.T) {
	call := CallHead{ID: 1<<32 - 1, Method: "kvs.get", Head: json.RawMessage(`{"key":"<a>"}`)}
	if got, err := ParseCall(call.AppendJSON(nil)); err != nil || !reflect.DeepEqual(got, call) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, reply := range []ReplyHead{{ID: 3, OK: true, Head: json.RawMessage(`{"status":200}`)}, {ID: 3, OK: true}, {ID: 4, Head: json.RawMessage(`{"code":"X"}`)}} {
		text, err := reply.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseReply(text); err != nil || !reflect.DeepEqual(got, reply) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	if _, err := (&ReplyHead{Head: json.RawMessage(`{"a":1},"id":5`)}).AppendJSON(nil); err == nil {
		t.Error("what is no JSON goes on the wire")
	}
}
