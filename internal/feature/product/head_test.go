package product

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

const plainest = `{"product":"jira","as":"app","path":"/rest/api/3/issue/A-1?fields=a,b","pieces":true,"method":"GET","headers":[]}`

// The head that says nothing is read as it stands, and every other by the book: what is read
// is the same.
func FuzzReadHead(f *testing.F) {
	for _, text := range []string{
		plainest,
		`{"product":"","as":"","path":"","pieces":true,"method":"GET","headers":[]}`,
		`{"product":"a\"","as":"app","path":"/","pieces":true,"method":"GET","headers":[]}`,
		`{"product":"a","as":"user","path":"/\u0041","pieces":true,"method":"GET","headers":[]}`,
		`{"product":"a","as":"user","path":"/","accountId":"bob","path":"/b","pieces":true,"method":"GET","headers":[]}`,
		`{"product":"a","as":"app","path":"/","as":"user","path":"/b","pieces":true,"method":"GET","headers":[]}`,
		`{"product":"a","path":"/","as":"user","pieces":true,"method":"GET","headers":[]}`,
		`{"product":"a","as":"user","path":"/é","pieces":true,"method":"GET","headers":[]}`,
		"{\"product\":\"a\",\"as\":\"user\",\"path\":\"/\n\",\"pieces\":true,\"method\":\"GET\",\"headers\":[]}",
		"{\"product\":\"a\",\"as\":\"user\",\"path\":\"/\xff\x7f\",\"pieces\":true,\"method\":\"GET\",\"headers\":[]}",
		`{"product":"a","as":"user","path":"/","pieces":true,"method":"POST","headers":[["a","b"]],"timeoutMs":5}`,
		`{`, ``, `null`, `{"product":"`, `{"product":"","pieces":true,"method":"GET","headers":[]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want head
		wantErr := json.Unmarshal(text, &want)
		got, err := readHead(text)
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %+v %v, want %+v %v", text, got, err, want, wantErr)
		}
	})
}

func TestTheSDKsHeadIsReadAsItStands(t *testing.T) {
	h, ok := plainHead(plainest)
	if !ok || h.Product != "jira" || h.As != "app" || h.Path != "/rest/api/3/issue/A-1?fields=a,b" {
		t.Errorf("%+v %v", h, ok)
	}
}

// The head of an answer is written as JSON writes it, whatever the product says in it.
func TestReplyHeads(t *testing.T) {
	for _, h := range []replyHead{
		{Status: 200, StatusText: "OK", Headers: [][2]string{{"content-type", "application/json"}, {"etag", `W/"a"`}}, URL: "/a?b=<c>&d"},
		{Status: 599, Body: 7, StatusText: "é \x80", Headers: [][2]string{}, URL: ""},
		{Status: 100, StatusText: "a\n\\", Headers: [][2]string{{"", "\u2028\x7f"}}, URL: "/\""},
	} {
		want, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		got := h.appendJSON(nil)
		if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil || !reflect.DeepEqual(a, b) || !strings.HasPrefix(string(got), string(want[:13])) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
