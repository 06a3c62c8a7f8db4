package productkit

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/compact"
)

const (
	// maxData bounds an event's data; larger ones are never delivered to apps.
	maxData = 200_000
	// sendTimeout is how long the server has to take an event from a product without a
	// client of its own.
	sendTimeout = 5 * time.Second
)

// Event is something that happened in the product, for the apps of one site.
type Event struct {
	Product  string // the product's key
	Audience string // the control origin of the Annex server
	Site     string // the site's id
	// ID is the event's own: published twice it is one event. SignEvent gives it one when
	// it is empty.
	ID string
	// Source says which part of the product it comes from, a URI reference; the product's
	// key when empty. An id counts once for each source.
	Source string
	Type   string // one that product.yaml declares
	Time   time.Time
	// User is the product's id of the user who caused it, "" for nobody. Installation is
	// the app's that caused it by a call (Access.Installation), "" for none: apps may ask
	// not to hear of what they did themselves.
	User, Installation string
	Data               json.RawMessage // a JSON object
	// Containers are where it happened, by all their names (a project's id and its key): apps
	// that a site's admin keeps from one of them are not told.
	Containers []Container

	IssuedAt, Expires time.Time // of a verified event
}

// eventClaims has the order of docs/PROTOCOL.md.
type eventClaims struct {
	Issuer       string          `json:"iss"`
	Audience     string          `json:"aud"`
	Site         string          `json:"site"`
	Type         string          `json:"type"`
	Time         string          `json:"time"`
	User         string          `json:"user,omitempty"`
	Installation string          `json:"installation,omitempty"`
	Containers   string          `json:"containers,omitempty"`
	Data         json.RawMessage `json:"data"`
	IssuedAt     int64           `json:"iat"`
	Expires      int64           `json:"exp"`
	ID           string          `json:"jti"`
}

// SignEvent signs an event as a token, the older form; its source is the product.
func SignEvent(k *Key, e Event) (string, error) {
	now := time.Now()
	if e.ID == "" {
		e.ID = rand.Text()
	}
	if e.Time.IsZero() {
		e.Time = now
	}
	token, err := k.sign(eventType, eventClaims{
		Issuer: e.Product, Audience: e.Audience, Site: e.Site, Type: e.Type, Time: e.Time.UTC().Format(time.RFC3339Nano),
		User: e.User, Installation: e.Installation, Containers: written(e.Containers), Data: e.Data, IssuedAt: now.Unix(), Expires: now.Add(assertionLife).Unix(), ID: e.ID,
	})
	if err != nil {
		return "", err
	}
	_, err = VerifyEvent(context.Background(), token, Expect{Product: e.Product, Audience: e.Audience, Keys: k.public()})
	return token, err
}

// VerifyEvent verifies an event.
func VerifyEvent(ctx context.Context, token string, want Expect) (*Event, error) {
	c, err := open(ctx, token, eventType, maxEvent, want.Keys)
	if err != nil {
		return nil, err
	}
	r := &reader{claims: c}
	r.from(want.Product, want.Audience)
	e := &Event{Product: r.text("iss", 500), Source: r.text("iss", 500), Audience: want.Audience, Site: r.text("site", 200), ID: r.text("jti", 128), Type: r.text("type", 200),
		User: r.optional("user", 255), Installation: r.optional("installation", 200), Containers: r.containers(), Data: c["data"]}
	e.IssuedAt, e.Expires = r.times(want.now(), maxAssertion)
	if e.Time, err = time.Parse(time.RFC3339, r.text("time", 50)); err != nil {
		r.bad("time", "a time of RFC 3339")
	}
	if data, err := compact.Object(e.Data); err != nil || data == nil || len(e.Data) > maxData {
		r.bad("data", "an object of at most 200 kB")
	}
	if r.err == nil && !idForm.MatchString(e.ID) {
		r.bad("jti", "16 to 128 letters, digits and . _ : -")
	}
	if r.err != nil {
		return nil, r.err
	}
	return e, nil
}

// Publisher sends a product's events to an Annex server.
type Publisher struct {
	Key     *Key
	Product string // the product's key
	Server  string // the control origin of the Annex server
	Client  *http.Client
	// Pause waits between two tries; a growing pause when nil.
	Pause func(ctx context.Context, try int) error
}

const publishTries = 4

// Publish signs an event and sends it as a CloudEvent until the server has it, or gives up
// after some seconds. Several, of one site, are taken together or not at all. An event that
// is sent again keeps its id, so it is one event all the same.
func (p *Publisher) Publish(ctx context.Context, events ...Event) error {
	all := append([]Event{}, events...)
	for i := range all {
		all[i].Product, all[i].Audience = p.Product, p.audience()
		if all[i].ID == "" {
			all[i].ID = rand.Text()
		}
		if all[i].Time.IsZero() {
			all[i].Time = time.Now()
		}
	}
	return p.send(ctx, func() (Message, error) { return SignCloudEvents(p.Key, all...) })
}

// Send does the same with CloudEvents that other tools wrote: contentType is CloudEventType
// or CloudEventBatchType.
func (p *Publisher) Send(ctx context.Context, site, contentType string, body []byte) error {
	return p.send(ctx, func() (Message, error) { return SignBody(p.Key, p.Product, p.audience(), site, contentType, body) })
}

func (p *Publisher) audience() string { return strings.TrimSuffix(p.Server, "/") }

// send signs anew for each try: a signature counts for a minute.
func (p *Publisher) send(ctx context.Context, sign func() (Message, error)) error {
	to, err := url.JoinPath(p.Server, "/api/v1/events")
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		m, err := sign()
		if err != nil {
			return err
		}
		again, err := p.once(ctx, to, m)
		if err == nil || !again || try == publishTries {
			return err
		}
		if err := p.pause(ctx, try); err != nil {
			return err
		}
	}
}

// once reports whether another try may help.
func (p *Publisher) once(ctx context.Context, to string, m Message) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(m.Body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", m.ContentType)
	req.Header.Set(SignatureHeader, m.Signature)
	client := p.Client
	if client == nil {
		client = &http.Client{Timeout: sendTimeout}
	}
	res, err := client.Do(req)
	if err != nil {
		return ctx.Err() == nil, err
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 2000))
	if res.StatusCode/100 == 2 {
		return false, nil
	}
	again = res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500
	return again, fmt.Errorf("productkit: the event was not taken: %d %s", res.StatusCode, body)
}

func (p *Publisher) pause(ctx context.Context, try int) error {
	if p.Pause != nil {
		return p.Pause(ctx, try)
	}
	timer := time.NewTimer(250 * time.Millisecond << try)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), errors.New("productkit: the event was not taken in time"))
	}
}
