package keyset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Path is where an Annex server has its set, below its control origin.
const Path = "/.well-known/jwks.json"

const (
	// A set is kept for as long as its answer says, within these bounds.
	minFresh, maxFresh = 10 * time.Second, 15 * time.Minute
	defaultFresh       = 5 * time.Minute
	// maxStale is how long a set counts while who publishes it cannot be reached.
	maxStale = 15 * time.Minute
	// pauseKnown is the least time between two requests: tokens with invented keys do not
	// make anybody work. After a failure it is pauseFailed.
	pauseKnown, pauseFailed = 10 * time.Second, time.Second
	fetchTimeout            = 5 * time.Second
)

// Source is the set at a URL, as what its reader makes of it. It is kept in memory, and
// asked for again when it is old or a token names a key that it does not have. It is safe for
// concurrent use.
type Source[Set any] struct {
	// Now is time.Now, and may be another clock until the first Get.
	Now    func() time.Time
	url    string
	client *http.Client
	parse  func([]byte) (Set, error)
	has    func(set Set, kid string) bool
	state  atomic.Pointer[fetched[Set]]
	turn   chan struct{} // held by the one who asks
	next   time.Time     // earliest next request; the turn's holder's
}

type fetched[Set any] struct {
	set   Set
	at    time.Time
	fresh time.Duration
}

// NewSource makes a source of the set at an https URL; plain http is for this machine only.
// It asks nobody yet, and follows no redirect whatever the client does.
func NewSource[Set any](at string, client *http.Client, parse func([]byte) (Set, error), has func(set Set, kid string) bool) (*Source[Set], error) {
	if u, err := url.Parse(at); err != nil || !private(u) || u.Fragment != "" {
		return nil, fmt.Errorf("%q is no https URL of a key set", at)
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	own.Jar = nil
	return &Source[Set]{Now: time.Now, url: at, client: &own, parse: parse, has: has, turn: make(chan struct{}, 1)}, nil
}

// IsOrigin reports whether a text is the origin of a server whose keys may be asked for, with
// nothing behind it.
func IsOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && private(u) && text == u.Scheme+"://"+u.Host
}

// private reports whether nobody between here and there can change what comes, and the URL
// holds no credentials.
func private(u *url.URL) bool {
	return u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" && local(u.Hostname()))
}

// local reports whether a host is this machine.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// Get gives the set, from memory where that is enough for the kid; whether the set has it is
// the caller's to see.
func (s *Source[Set]) Get(ctx context.Context, kid string) (Set, error) {
	var none Set
	if f := s.state.Load(); s.enough(f, kid) {
		return f.set, nil
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	defer func() { <-s.turn }()
	f := s.state.Load()
	if s.enough(f, kid) { // somebody asked meanwhile
		return f.set, nil
	}
	err := errors.New("it was asked for a moment ago")
	if !s.Now().Before(s.next) {
		// Others wait for this answer too: the caller's own end does not end it.
		if err = s.fetch(context.WithoutCancel(ctx)); err == nil {
			return s.state.Load().set, nil
		}
	}
	if f != nil && s.Now().Sub(f.at) < maxStale {
		return f.set, nil
	}
	return none, fmt.Errorf("the key set: %w", err)
}

func (s *Source[Set]) enough(f *fetched[Set], kid string) bool {
	return f != nil && s.Now().Sub(f.at) < f.fresh && s.has(f.set, kid)
}

// fetch asks for the set; the caller has the turn.
func (s *Source[Set]) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	at := s.Now()
	s.next = at.Add(pauseFailed)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("its URL answers %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxSet+1))
	if err != nil {
		return err
	}
	set, err := s.parse(body)
	if err != nil {
		return err
	}
	s.state.Store(&fetched[Set]{set: set, at: at, fresh: freshFor(res.Header)})
	s.next = at.Add(pauseKnown)
	return nil
}

func freshFor(h http.Header) time.Duration {
	for _, d := range strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(strings.ToLower(d)), "=")
		switch name {
		case "no-store", "no-cache":
			return minFresh
		case "max-age":
			if n, err := strconv.Atoi(strings.Trim(value, `"`)); err == nil && n >= 0 {
				return min(max(time.Duration(min(n, 1<<20))*time.Second, minFresh), maxFresh)
			}
		}
	}
	return defaultFresh
}
