package productkit

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

const (
	// A set is kept for as long as its answer says, within these bounds.
	minFresh, maxFresh = 10 * time.Second, 15 * time.Minute
	defaultFresh       = 5 * time.Minute
	// maxStale is how long a set counts while the issuer cannot be reached.
	maxStale = 15 * time.Minute
	// pauseKnown is the least time between two requests: tokens with invented keys do not
	// make the issuer work. After a failure it is pauseFailed.
	pauseKnown, pauseFailed = 10 * time.Second, time.Second
	fetchTimeout            = 5 * time.Second
)

// RemoteKeys are an issuer's keys by URL. They are kept in memory, asked for again when
// they are old or a token names one that is not known, and never more than once in ten
// seconds, whatever tokens come.
type RemoteKeys struct {
	url    string
	client *http.Client
	now    func() time.Time
	state  atomic.Pointer[fetched]
	turn   chan struct{} // held by the one who asks
	next   time.Time     // earliest next request; the turn's holder's
}

type fetched struct {
	set   *KeySet
	at    time.Time
	fresh time.Duration
}

// NewRemoteKeys makes a source of the key set at an https URL; plain http is for this
// machine only. With a nil client it makes one of its own. It asks nobody yet.
func NewRemoteKeys(keysURL string, client *http.Client) (*RemoteKeys, error) {
	u, err := url.Parse(keysURL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
		return nil, fmt.Errorf("productkit: %q is no https URL of a key set", keysURL)
	}
	if client == nil {
		client = &http.Client{}
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	own.Jar = nil
	return &RemoteKeys{url: keysURL, client: &own, now: time.Now, turn: make(chan struct{}, 1)}, nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// Keys gives the set, from memory where that is enough.
func (r *RemoteKeys) Keys(ctx context.Context, c Claimed) (*KeySet, error) {
	if f := r.state.Load(); f.enough(r.now(), c.KeyID) {
		return f.set, nil
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-r.turn }()
	f := r.state.Load()
	if f.enough(r.now(), c.KeyID) { // somebody asked meanwhile
		return f.set, nil
	}
	var err error
	if !r.now().Before(r.next) {
		// Others wait for this answer too: the caller's own end does not end it.
		if err = r.fetch(context.WithoutCancel(ctx)); err == nil {
			return r.state.Load().set, nil
		}
	}
	if f != nil && r.now().Sub(f.at) < maxStale {
		return f.set, nil
	}
	return nil, &Error{Reason: NoKeys, Detail: "the keys of its issuer cannot be had at present", err: err}
}

func (f *fetched) enough(now time.Time, kid string) bool {
	return f != nil && now.Sub(f.at) < f.fresh && f.set.byID[kid] != nil
}

// fetch asks for the set; the caller has the turn.
func (r *RemoteKeys) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	at := r.now()
	r.next = at.Add(pauseFailed)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	res, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the key set's URL answers %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err != nil {
		return err
	}
	set, err := ParseKeySet(body)
	if err != nil {
		return err
	}
	if set.Len() == 0 {
		return errors.New("the key set has no key for ES256")
	}
	r.state.Store(&fetched{set: set, at: at, fresh: freshFor(res.Header)})
	r.next = at.Add(pauseKnown)
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
