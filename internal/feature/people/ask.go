package people

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/picture"
)

// found is a person in an answer.
type found struct {
	id string
	known
}

// errNobody is an answer that says that there is no such person, for this viewer.
var errNobody = errors.New("nobody")

// person asks for one id.
func (s *Service) person(ctx context.Context, d *Directory, v Viewer, account string) (known, error) {
	answer, err := s.ask(ctx, d, v, d.Person, "{id}", account)
	if errors.Is(err, errNobody) {
		return known{}, nil
	}
	if err != nil {
		return known{}, err
	}
	// Whoever else the answer is about is not whom was asked for.
	if p := d.read(answer); p.id == account {
		return p.known, nil
	}
	return known{}, nil
}

func (s *Service) search(ctx context.Context, d *Directory, v Viewer, text string) ([]found, error) {
	answer, err := s.ask(ctx, d, v, d.Search, "{text}", text)
	if errors.Is(err, errNobody) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if d.List != "" {
		answer = at(answer, d.List)
	}
	list, _ := answer.([]any)
	var out []found
	for _, x := range list {
		if p := d.read(x); p.name != "" && len(p.id) <= maxID && plain(p.id) {
			out = append(out, p)
		}
	}
	return out, nil
}

// read takes a person out of an answer; one without id is nobody, one without name has the
// id for it.
func (d *Directory) read(of any) found {
	p := found{id: text(at(of, d.ID)), known: known{name: strings.TrimSpace(text(at(of, d.Name)))}}
	if p.id == "" {
		return found{}
	}
	if p.name == "" {
		p.name = p.id
	}
	p.name = strings.ToValidUTF8(p.name[:min(len(p.name), maxName)], "")
	if d.AvatarPath == "" && d.Avatar != "" {
		p.avatar = text(at(of, d.Avatar))
	}
	return p
}

// at is a field of an object, of one inside another by dots.
func at(of any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		in, ok := of.(map[string]any)
		if !ok {
			return nil
		}
		of = in[name]
	}
	return of
}

func text(of any) string {
	switch x := of.(type) {
	case string:
		return x
	case json.Number:
		return x.String()
	}
	return ""
}

// ask makes one question of the product as the viewer, with what takes the hole's place.
func (s *Service) ask(ctx context.Context, d *Directory, v Viewer, path, hole, value string) (any, error) {
	to, err := d.below(path, hole, value)
	if err != nil {
		return nil, err
	}
	a, err := s.send(ctx, d, v, to, "application/json", true)
	switch {
	case err != nil:
		return nil, err
	case a.Status == http.StatusUnauthorized, a.Status >= 500, a.Status == http.StatusTooManyRequests:
		return nil, fault.New(fault.Unavailable, "PEOPLE_UNAVAILABLE", "the product does not say at present who its people are").WithFix("try again later").With("status", a.Status)
	case a.Status != http.StatusOK:
		return nil, errNobody
	}
	in := json.NewDecoder(bytes.NewReader(a.Body))
	in.UseNumber()
	var out any
	if err := in.Decode(&out); err != nil {
		return nil, fault.New(fault.Unavailable, "PEOPLE_UNAVAILABLE", "what the product says of its people is no JSON").WithFix("look at people in product.yaml")
	}
	return out, nil
}

// below is a path of product.yaml below the API's base URL, with a value in the hole: one
// segment of the path, or one value of the query, whatever is in it.
func (d *Directory) below(path, hole, value string) (*url.URL, error) {
	path, query, _ := strings.Cut(path, "?")
	if value == "." || value == ".." {
		return nil, errNobody
	}
	escaped := strings.TrimSuffix(d.BaseURL.EscapedPath(), "/") + strings.ReplaceAll(path, hole, url.PathEscape(value))
	to := *d.BaseURL
	var err error
	if to.Path, err = url.PathUnescape(escaped); err != nil {
		return nil, fault.Op("people.below", err)
	}
	to.RawPath, to.RawQuery = escaped, strings.ReplaceAll(query, hole, url.QueryEscape(value))
	return &to, nil
}

// send makes one request to a destination that the operator named. No redirect is followed.
func (s *Service) send(ctx context.Context, d *Directory, v Viewer, to *url.URL, accept string, asViewer bool) (exchange.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := &http.Request{Method: http.MethodGet, URL: to, Host: to.Host, Header: http.Header{"Accept": {accept}, "User-Agent": {"Annex"}}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	o := exchange.Options{Name: string(v.Product), MaxBody: maxAnswer, Slow: slow}
	if asViewer {
		c, err := s.cfg.Credentials.Credential(ctx, v, d.Scopes)
		if err != nil {
			return exchange.Answer{}, err
		}
		r.Header.Set(c.Header, c.Value)
		o.Secrets = [][]byte{[]byte(c.Secret)}
	}
	a, err := exchange.Do(ctx, s.cfg.Network.Transport(netguard.Operator, "people:"+string(v.Site)+":"+string(v.Product)), r, o)
	if err != nil {
		return a, fault.New(fault.Unavailable, "PEOPLE_UNAVAILABLE", "the product does not say at present who its people are").WithFix("try again later").Because(err)
	}
	return a, nil
}

func (d *Directory) hasPicture(k known) bool { return d.AvatarPath != "" || k.avatar != "" }

// picture is somebody's, drawn anew; nil where it cannot be had.
func (s *Service) picture(ctx context.Context, d *Directory, v Viewer, account string, k known) []byte {
	at := v.of(account)
	if drawn, ok := s.pictures.Get(at); ok {
		return drawn
	}
	if s.paces.take(s.cfg.Now(), v) != nil {
		return nil
	}
	drawn, err := s.fetch(ctx, d, v, account, k)
	if fault.KindOf(err) == fault.Unavailable {
		return nil // asked again next time
	}
	s.pictures.Add(at, drawn)
	return drawn
}

func (s *Service) fetch(ctx context.Context, d *Directory, v Viewer, account string, k known) ([]byte, error) {
	var to *url.URL
	var err error
	if d.AvatarPath != "" {
		to, err = d.below(d.AvatarPath, "{id}", account)
	} else {
		to, err = d.named(k.avatar)
	}
	if err != nil {
		return nil, err
	}
	// An address in an answer is somebody's word: the viewer's credential is not shown there.
	a, err := s.send(ctx, d, v, to, "image/png, image/jpeg, image/gif, image/svg+xml", d.AvatarPath != "")
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, errNobody
	}
	drawn, err := picture.Redraw(a.Body)
	if err != nil || len(drawn) > maxPicture {
		return nil, errNobody
	}
	return drawn, nil
}

// named is a picture's address, on the product's own API or on a host that the operator
// named: whoever writes an address into a profile would choose else where this server sends.
func (d *Directory) named(address string) (*url.URL, error) {
	to, err := d.BaseURL.Parse(address)
	if err != nil || to.User != nil || to.Opaque != "" || len(address) > 2000 {
		return nil, errNobody
	}
	to.Fragment, to.RawFragment = "", ""
	own := originOf(to)
	if own == "" {
		return nil, errNobody
	}
	is := func(origin string) bool {
		u, err := url.Parse(origin)
		return err == nil && originOf(u) == own
	}
	if originOf(d.BaseURL) != own && !slices.ContainsFunc(d.AvatarHosts, is) {
		return nil, errNobody
	}
	return to, nil
}

// originOf is an address's scheme, host and port, "" for another scheme than http and https.
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// paces counts what is asked for each viewer in a minute.
type paces struct {
	mu    sync.Mutex
	since time.Time
	used  map[Viewer]int
}

// maxViewers bounds the table; a full one is begun anew.
const maxViewers = 50_000

func (p *paces) take(now time.Time, v Viewer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.since) > time.Minute || len(p.used) >= maxViewers {
		p.since = now
		clear(p.used)
	}
	if p.used[v]++; p.used[v] > perMinute {
		return fault.New(fault.Limit, "LIMIT_PEOPLE", "who people are is asked %d times a minute for one person", perMinute).
			WithFix("wait a minute, and show fewer people").With("limit", "people per minute").With("figure", perMinute)
	}
	return nil
}
