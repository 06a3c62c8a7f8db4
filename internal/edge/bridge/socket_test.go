package bridge_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/annexhq/annex/internal/feature/uikit"
)

// The connection of a view is for pages of the platform's own, and for who says a session in
// its first message: what is in the address or the head counts for nothing.
func TestSocketsAreOfOurPages(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w)
	defer server.Close()
	token := w.open("panel p1")
	for _, tt := range []struct{ name, origin, query, first, want string }{
		{"a session", server.URL, "", `{"session":"` + token + `","seen":3}`, "followed"},
		{"another origin", page, "", `{"session":"` + token + `"}`, "403"},
		{"no origin at all of a page", "null", "", `{"session":"` + token + `"}`, "403"},
		{"nobody", server.URL, "", `{}`, "SIGNED_OUT"},
		{"the session in the address", server.URL, "?session=" + token + "&access_token=" + token, `{"seen":1}`, "SIGNED_OUT"},
		{"a panel's token", server.URL, "", `{"session":"panel p2"}`, "SIGNED_OUT"},
		{"no JSON", server.URL, "", `session`, "BAD_JSON"},
		{"more than a first message", server.URL, "", `{"session":"` + strings.Repeat("A", 5000) + `"}`, "cut off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ws, res, err := websocket.Dial(t.Context(), server.URL+"/bridge/ui/x/socket"+tt.query, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {tt.origin}, "Authorization": {"Bearer " + token}}})
			got := "cut off"
			switch {
			case err != nil && res != nil:
				got = res.Status[:3]
			case err != nil:
				t.Fatal(err)
			default:
				defer ws.CloseNow() //nolint:errcheck // it may be closed
				if err := ws.Write(t.Context(), websocket.MessageText, []byte(tt.first)); err != nil {
					t.Fatal(err)
				}
				if _, text, err := ws.Read(t.Context()); err == nil {
					var said struct{ Refused struct{ Code string } }
					if got = string(text); json.Unmarshal(text, &said) == nil && said.Refused.Code != "" {
						got = said.Refused.Code
					}
				}
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	res, err := http.Get(server.URL + "/bridge/ui/x/socket")
	if err != nil || res.StatusCode != http.StatusNotFound {
		t.Fatalf("a request that is no socket: %v %v", res, err)
	}
	_ = res.Body.Close()
}

// Stream says that it was asked for.
func (p *people) Stream(_ context.Context, _ uikit.Person, _ string, _ uint64, _ func(context.Context) error, write func([]byte) error) error {
	return write([]byte("followed"))
}
