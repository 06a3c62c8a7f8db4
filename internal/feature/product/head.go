package product

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/annexhq/annex/internal/infra/hostcall"
)

// head is the request as the SDK writes it. Path begins with "/" and stands below the
// API's base; who the user is, is never the app's to say for a user who is present.
type head struct {
	Product   string      `json:"product"`
	As        string      `json:"as"` // app or user
	AccountID string      `json:"accountId"`
	Path      string      `json:"path"`
	Method    string      `json:"method"`
	Headers   [][2]string `json:"headers"`
	TimeoutMs int64       `json:"timeoutMs"`
	// Pieces says that the answer is taken piece by piece where it is long.
	Pieces bool `json:"pieces"`
}

type replyHead struct {
	Status     int         `json:"status"`
	Body       uint32      `json:"body,omitempty"` // by what the rest is asked for; stands second
	StatusText string      `json:"statusText"`
	Headers    [][2]string `json:"headers"`
	URL        string      `json:"url"` // the path, below the API's base
}

// appendJSON appends the head's JSON.
func (h *replyHead) appendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"status":`...), int64(h.Status), 10)
	if h.Body != 0 {
		b = strconv.AppendUint(append(b, `,"body":`...), uint64(h.Body), 10)
	}
	b = hostcall.AppendString(append(b, `,"statusText":`...), h.StatusText)
	b = append(b, `,"headers":[`...)
	for i, kv := range h.Headers {
		if i > 0 {
			b = append(b, ',')
		}
		b = hostcall.AppendString(append(b, '['), kv[0])
		b = append(hostcall.AppendString(append(b, ','), kv[1]), ']')
	}
	return append(hostcall.AppendString(append(b, `],"url":`...), h.URL), '}')
}

// readHead reads a head. Most are of requests that say nothing but where they go, and reading
// one of those by the book takes as long as deciding about it: it is read as it stands.
func readHead(text []byte) (h head, err error) {
	if h, ok := plainHead(string(text)); ok {
		return h, nil
	}
	err = json.Unmarshal(text, &h)
	return h, err
}

// plainHead reads the head that says nothing, if it is written as the SDK writes it.
func plainHead(text string) (h head, ok bool) {
	text, begins := strings.CutPrefix(text, `{"product":"`)
	text, ends := strings.CutSuffix(text, `","pieces":true,"method":"GET","headers":[]}`)
	if !begins || !ends {
		return head{}, false
	}
	h = head{Pieces: true, Method: "GET", Headers: [][2]string{}}
	h.Product, text, _ = strings.Cut(text, `","as":"`)
	h.As, h.Path, ok = strings.Cut(text, `","path":"`)
	return h, ok && hostcall.Plain(h.Product) && hostcall.Plain(h.As) && hostcall.Plain(h.Path)
}
