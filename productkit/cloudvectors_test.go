package productkit_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/productkit"
)

const cloudFile = "../docs/protocol/cloudevents.json"

// cloudVectors is the form of cloudevents.json.
type cloudVectors struct {
	About    string          `json:"about"`
	Now      int64           `json:"now"`
	Type     string          `json:"typ"`
	Issuer   string          `json:"issuer"`
	Audience string          `json:"audience"`
	Site     string          `json:"site"`
	Keys     json.RawMessage `json:"keys"`
	Messages []cloudMessage  `json:"messages"`
}

type cloudMessage struct {
	Name        string            `json:"name"`
	ContentType string            `json:"contentType"`
	Signature   string            `json:"signature"`
	Body        string            `json:"body"`
	Events      int               `json:"events,omitempty"` // of a good one
	Reason      productkit.Reason `json:"reason,omitempty"` // of a bad one
}

var cloudBody = object{
	{"specversion", "1.0"}, {"id", "EVENT00000000000000000001"}, {"source", "tracker"}, {"type", "tracker:issue.created"}, {"time", "2030-01-02T03:04:04.5Z"},
	{"datacontenttype", "application/json"}, {"user", "alice"}, {"data", object{{"issue", object{{"key", "TRK-1"}}}}},
}

func (w world) cloudEvents() cloudVectors {
	v := cloudVectors{
		About: "CloudEvents with their detached signatures: those with a reason must be refused, with it. The body's bytes are what is signed. Keys are made as those of vectors.json.",
		Now:   now, Type: "annex-cloudevents+jws", Issuer: "tracker", Audience: controlOrigin, Site: site,
	}
	bound := w.next.jwk().with("kid", w.next.kid).with("sites", []string{"0199a1b2-0000-7000-8000-0000000000ff"})
	v.Keys = json.RawMessage(object{{"keys", []object{w.product.jwk(), bound}}}.String())
	h := head(v.Type, w.product.kid).with("iss", "tracker").with("aud", controlOrigin).with("site", site).with("iat", now).with("exp", now+60)
	signed := func(by pair, header, body string) string {
		parts := strings.Split(by.token(header, body), ".")
		return parts[0] + ".." + parts[2]
	}
	add := func(reason productkit.Reason, name, media, signature, body string) {
		m := cloudMessage{Name: name, ContentType: media, Signature: signature, Body: body, Reason: reason}
		if reason == "" {
			m.Events = strings.Count(body, "specversion")
		}
		v.Messages = append(v.Messages, m)
	}
	one, batch := productkit.CloudEventType, productkit.CloudEventBatchType
	event := func(reason productkit.Reason, name string, b object) {
		add(reason, name, one, signed(w.product, h.String(), b.String()), b.String())
	}
	under := func(reason productkit.Reason, name string, h object) {
		add(reason, name, one, signed(w.product, h.String(), cloudBody.String()), cloudBody.String())
	}
	body, list := cloudBody.String(), "["+cloudBody.String()+", "+cloudBody.with("id", "2").with("source", "/comments").String()+"]"
	good := signed(w.product, h.String(), body)

	event("", "one event", cloudBody)
	event("", "no time, a source of its own, members that nobody knows", cloudBody.with("time", nil).with("source", "https://tracker.example.com/sites/1").with("subject", "TRK-1").with("trace", 1))
	spaced := strings.ReplaceAll(body, ",", " ,\n\t") + "\n"
	add("", "white space is signed as it is", one, signed(w.product, h.String(), spaced), spaced)
	add("", "a charset", one+"; charset=UTF-8", good, body)
	add("", "a batch", batch, signed(w.product, h.String(), list), list)

	add(productkit.BadSign, "a byte of the body is another", one, good, strings.Replace(body, "TRK-1", "TRK-2", 1))
	add(productkit.BadSign, "a space more than was signed", one, good, body+" ")
	add(productkit.BadSign, "signed by another", one, signed(w.stranger, h.String(), body), body)
	add(productkit.UnknownKey, "a key that is not the product's", one, signed(w.stranger, h.with("kid", w.stranger.kid).String(), body), body)
	add(productkit.WrongSite, "a key that is for another site", one, signed(w.next, h.with("kid", w.next.kid).String(), body), body)
	add(productkit.Malformed, "no signature", one, "", body)
	add(productkit.Malformed, "a signature that is not detached", one, w.product.token(h.String(), body), body)
	add(productkit.Malformed, "half a signature", one, strings.SplitAfter(good, "..")[0], body)
	add(productkit.WrongType, "the header of an older event", one, signed(w.product, h.with("typ", "annex-event+jwt").String(), body), body)
	under(productkit.WrongAlg, "alg none", h.with("alg", "none"))
	under(productkit.BadHeader, "crit and b64", h.with("b64", false).with("crit", []string{"b64"}))
	under(productkit.BadHeader, "a key in the header", h.with("jwk", w.product.jwk()))
	under(productkit.WrongIssuer, "another product", h.with("iss", "wiki"))
	under(productkit.WrongAud, "for another server", h.with("aud", "https://api.other.example"))
	under(productkit.BadClaim, "no site", h.with("site", nil))
	under(productkit.Expired, "too late", h.with("iat", now-120).with("exp", now-20))
	under(productkit.NotYet, "from the future", h.with("iat", now+20).with("exp", now+60))
	under(productkit.TooLong, "for an hour", h.with("exp", now+3600))
	under(productkit.BadClaim, "for ever", h.with("exp", nil))

	event(productkit.BadClaim, "another version", cloudBody.with("specversion", "0.3"))
	for _, name := range []string{"specversion", "id", "source", "type", "data"} {
		event(productkit.BadClaim, name+" missing", cloudBody.with(name, nil))
	}
	event(productkit.BadClaim, "data a text", cloudBody.with("data", "{}"))
	event(productkit.BadClaim, "data in base64", cloudBody.with("data_base64", "e30="))
	event(productkit.BadClaim, "data that is XML", cloudBody.with("datacontenttype", "text/xml"))
	event(productkit.BadClaim, "a source with a fragment", cloudBody.with("source", "/a#b"))
	event(productkit.BadClaim, "a time that is none", cloudBody.with("time", "yesterday"))
	event(productkit.BadClaim, "an id that is a number", cloudBody.with("id", 1))
	twice := strings.Replace(body, `"issue":{`, `"issue":{"key":"TRK-2"},"issue":{`, 1)
	add(productkit.Malformed, "issue twice in the data", one, signed(w.product, h.String(), twice), twice)
	deep := cloudBody.with("data", object{{"a", json.RawMessage(strings.Repeat("[", 40) + strings.Repeat("]", 40))}})
	event(productkit.Malformed, "too deep", deep)
	add(productkit.Malformed, "a batch that is called an event", one, signed(w.product, h.String(), list), list)
	add(productkit.Malformed, "an event that is called a batch", batch, good, body)
	add(productkit.Malformed, "an empty batch", batch, signed(w.product, h.String(), "[]"), "[]")
	half := "[" + body + ",{}]"
	add(productkit.BadClaim, "a batch with one that is none", batch, signed(w.product, h.String(), half), half)
	add(productkit.Malformed, "another media type", "application/json", good, body)
	add(productkit.Malformed, "another charset", one+"; charset=utf-16", good, body)
	return v
}

func TestCloudEventVectorsAreTheTests(t *testing.T) { checked(t, cloudFile, newWorld(t).cloudEvents()) }

func TestCloudEvents(t *testing.T) {
	v := readFile[cloudVectors](t, cloudFile)
	keys, err := productkit.ParseKeySet(v.Keys)
	if err != nil {
		t.Fatal(err)
	}
	want := productkit.Expect{Product: v.Issuer, Audience: v.Audience, Keys: keys, Now: time.Unix(v.Now, 0)}
	for _, m := range v.Messages {
		events, err := productkit.VerifyCloudEvents(t.Context(), productkit.Message{ContentType: m.ContentType, Signature: m.Signature, Body: []byte(m.Body)}, want)
		if productkit.ReasonOf(err) != m.Reason || (err == nil) != (m.Reason == "") || len(events) != m.Events {
			t.Errorf("%s: %d events, %v, want %q", m.Name, len(events), err, m.Reason)
		}
	}
	if len(v.Messages) < 40 {
		t.Errorf("%d messages", len(v.Messages))
	}
	large := cloudBody.with("data", object{{"a", strings.Repeat("x", 200_000)}}).String()
	many := "[" + strings.Repeat(cloudBody.String()+",", 100) + cloudBody.String() + "]"
	w := newWorld(t)
	h := head(v.Type, w.product.kid).with("iss", "tracker").with("aud", controlOrigin).with("site", site).with("iat", now).with("exp", now+60).String()
	for _, c := range []struct {
		media, body string
		reason      productkit.Reason
	}{
		{productkit.CloudEventType, large, productkit.BadClaim}, {productkit.CloudEventType, large + strings.Repeat(" ", 100_000), productkit.TooLarge},
		{productkit.CloudEventBatchType, many, productkit.Malformed},
	} {
		parts := strings.Split(w.product.token(h, c.body), ".")
		m := productkit.Message{ContentType: c.media, Signature: parts[0] + ".." + parts[2], Body: []byte(c.body)}
		if _, err := productkit.VerifyCloudEvents(t.Context(), m, want); productkit.ReasonOf(err) != c.reason {
			t.Errorf("%d bytes: %v", len(c.body), err)
		}
	}
}
