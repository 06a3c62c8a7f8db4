package productkit

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"mime"
	"net/url"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/compact"
)

// The media types of CloudEvents 1.0 in JSON, and the header with their signature.
const (
	CloudEventType      = "application/cloudevents+json"
	CloudEventBatchType = "application/cloudevents-batch+json"
	SignatureHeader     = "Annex-Signature"
)

const (
	// maxCloudEvents bounds a batch, maxCloudBody its bytes, maxCloudHead its header's.
	maxCloudEvents = 100
	maxCloudBody   = 300_000
	maxCloudHead   = 4 << 10
)

// envelope is what the signature's header says besides: who signed it, for whom and for
// which site, and until when it counts. The body stays what the product's tools made it.
var envelope = []string{"iss", "aud", "site", "iat", "exp"}

// Message is CloudEvents as they are sent: a body, what it is, and a detached signature over
// its exact bytes (RFC 7515, appendix F).
type Message struct {
	ContentType string
	Signature   string // of the header SignatureHeader
	Body        []byte
}

// cloudEvent is an event in CloudEvents' JSON format.
type cloudEvent struct {
	Version      string          `json:"specversion"`
	ID           string          `json:"id"`
	Source       string          `json:"source"`
	Type         string          `json:"type"`
	Time         string          `json:"time"`
	ContentType  string          `json:"datacontenttype"`
	User         string          `json:"user,omitempty"`
	Installation string          `json:"installation,omitempty"`
	Containers   string          `json:"containers,omitempty"`
	Data         json.RawMessage `json:"data"`
}

// SignCloudEvents makes a signed message of one event, or of several of the same product,
// server and site, which are taken together or not at all.
func SignCloudEvents(k *Key, events ...Event) (Message, error) {
	if len(events) == 0 {
		return Message{}, errors.New("productkit: no event")
	}
	first := events[0]
	all := make([]cloudEvent, len(events))
	for i, e := range events {
		if e.Product != first.Product || e.Audience != first.Audience || e.Site != first.Site {
			return Message{}, errors.New("productkit: events of one message are of one product and site, for one server")
		}
		if e.ID == "" {
			e.ID = rand.Text()
		}
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
		if e.Source == "" {
			e.Source = e.Product
		}
		all[i] = cloudEvent{"1.0", e.ID, e.Source, e.Type, e.Time.UTC().Format(time.RFC3339Nano), "application/json", e.User, e.Installation, written(e.Containers), e.Data}
	}
	m := Message{ContentType: CloudEventType}
	var err error
	if len(all) == 1 {
		m.Body, err = json.Marshal(all[0])
	} else {
		m.ContentType = CloudEventBatchType
		m.Body, err = json.Marshal(all)
	}
	if err != nil {
		return Message{}, err
	}
	return SignBody(k, first.Product, first.Audience, first.Site, m.ContentType, m.Body)
}

// SignBody signs CloudEvents that other tools wrote, byte by byte as they are.
func SignBody(k *Key, product, audience, site, contentType string, body []byte) (Message, error) {
	now := time.Now()
	signed, err := k.signed(cloudType, body, map[string]any{
		"iss": product, "aud": audience, "site": site, "iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return Message{}, err
	}
	m := Message{ContentType: contentType, Body: body}
	if m.Signature, err = signed.DetachedCompactSerialize(); err != nil {
		return Message{}, err
	}
	// What the server would refuse fails here, where the mistake is.
	_, err = VerifyCloudEvents(context.Background(), m, Expect{Product: product, Audience: audience, Keys: k.public()})
	return m, err
}

// VerifyCloudEvents verifies a message and gives its events. With its payload put back in
// its place the signature is a token as every other, and is read as every other.
func VerifyCloudEvents(ctx context.Context, m Message, want Expect) ([]Event, error) {
	media, params, err := mime.ParseMediaType(m.ContentType)
	if err != nil || media != CloudEventType && media != CloudEventBatchType || !utf8Or(params["charset"]) {
		return nil, refuse(Malformed, "its media type is not that of CloudEvents in JSON")
	}
	if len(m.Body) > maxCloudBody || len(m.Signature) > maxCloudHead {
		return nil, refuse(TooLarge, "its body has more than %d bytes, or its signature more than %d", maxCloudBody, maxCloudHead)
	}
	head, sign, ok := strings.Cut(m.Signature, "..")
	if !ok {
		return nil, refuse(Malformed, "its signature is not of the form HEADER..SIGNATURE")
	}
	token := head + "." + base64.RawURLEncoding.EncodeToString(m.Body) + "." + sign
	c, body, err := opened(ctx, token, cloudType, maxEvent+maxCloudHead, envelope, want.Keys)
	if err != nil {
		return nil, err
	}
	r := &reader{claims: c}
	r.from(want.Product, want.Audience)
	e := Event{Product: r.text("iss", 500), Audience: want.Audience, Site: r.text("site", 200)}
	e.IssuedAt, e.Expires = r.times(want.now(), maxAssertion)
	if r.err != nil {
		return nil, r.err
	}
	all := []json.RawMessage{body}
	if media == CloudEventBatchType {
		all = nil
		if err := json.Unmarshal(body, &all); err != nil || len(all) == 0 || len(all) > maxCloudEvents {
			return nil, refuse(Malformed, "it is no list of 1 to %d events", maxCloudEvents)
		}
	}
	events := make([]Event, len(all))
	for i, raw := range all {
		if events[i], err = readCloudEvent(e, raw); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// readCloudEvent reads one event into what its envelope says.
func readCloudEvent(e Event, raw json.RawMessage) (Event, error) {
	c, err := compact.Object(raw)
	if err != nil {
		return Event{}, refuse(Malformed, "an event: %v", err)
	}
	r := &reader{claims: c}
	version := r.text("specversion", 10)
	e.ID, e.Source, e.Type = r.text("id", 200), r.text("source", 500), r.text("type", 200)
	e.User, e.Installation, e.Data = r.optional("user", 255), r.optional("installation", 200), c["data"]
	e.Containers = r.containers()
	e.Time = e.IssuedAt
	if _, ok := c["time"]; ok {
		if e.Time, err = time.Parse(time.RFC3339, r.text("time", 50)); err != nil {
			r.bad("time", "a time of RFC 3339")
		}
	}
	if _, ok := c["data_base64"]; ok {
		r.bad("data_base64", "absent: data is JSON")
	}
	if as := r.optional("datacontenttype", 200); as != "" && !isJSON(as) {
		r.bad("datacontenttype", "application/json")
	}
	if data, err := compact.Object(e.Data); err != nil || data == nil || len(e.Data) > maxData {
		r.bad("data", "an object of at most 200 kB")
	}
	// A fragment would make it unclear where the source ends and the id begins.
	if u, err := url.Parse(e.Source); r.err == nil && (err != nil || u.User != nil || strings.ContainsAny(e.Source, "# ")) {
		r.bad("source", "a URI reference without a fragment")
	}
	if r.err == nil && version != "1.0" {
		r.bad("specversion", "1.0")
	}
	return e, r.err
}

func isJSON(media string) bool {
	t, params, err := mime.ParseMediaType(media)
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json")) && utf8Or(params["charset"])
}

func utf8Or(charset string) bool { return charset == "" || strings.EqualFold(charset, "utf-8") }
