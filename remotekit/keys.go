package remotekit

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// KeySource gives the key of an id; nil for one that the server does not have.
type KeySource interface {
	Key(ctx context.Context, kid string) (*rsa.PublicKey, error)
}

const (
	maxKeySet = 64 << 10
	maxKeys   = 32
	minBits   = 2048
	maxBits   = 8192
	// A set is asked for again after fresh, or when a token names a key that it does not have;
	// it counts for stale while the server cannot be reached. No matter what tokens come, it is
	// asked for once in pause.
	fresh, stale = 5 * time.Minute, 15 * time.Minute
	pause        = 10 * time.Second
	pauseFailed  = time.Second
	fetchTimeout = 5 * time.Second
)

// KeySet is a key set that is at hand, by kid.
type KeySet map[string]*rsa.PublicKey

// ParseKeySet reads the keys for RS256 of a JSON Web Key Set (RFC 7517); those for other
// purposes are left out.
func ParseKeySet(jwks []byte) (KeySet, error) {
	var doc struct {
		Keys []struct {
			Type    string          `json:"kty"`
			Use     string          `json:"use"`
			Alg     string          `json:"alg"`
			ID      string          `json:"kid"`
			N       string          `json:"n"`
			E       string          `json:"e"`
			Private json.RawMessage `json:"d"`
		} `json:"keys"`
	}
	if len(jwks) > maxKeySet || json.Unmarshal(jwks, &doc) != nil || len(doc.Keys) > maxKeys {
		return nil, errors.New("remotekit: not a JSON Web Key Set, or too large a one")
	}
	set := KeySet{}
	for i, k := range doc.Keys {
		if k.Type != "RSA" || k.ID == "" || k.Use != "" && k.Use != "sig" || k.Alg != "" && k.Alg != "RS256" {
			continue
		}
		n, err := base64.RawURLEncoding.DecodeString(k.N)
		e, err2 := base64.RawURLEncoding.DecodeString(k.E)
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		switch bits := key.N.BitLen(); {
		case k.Private != nil:
			return nil, fmt.Errorf("remotekit: key %d of the set is a private one", i+1)
		case err != nil || err2 != nil || len(e) > 4 || key.E < 3 || key.E%2 == 0 || bits < minBits || bits > maxBits:
			return nil, fmt.Errorf("remotekit: key %d of the set is no key for RS256", i+1)
		case set[k.ID] != nil:
			return nil, fmt.Errorf("remotekit: key %d of the set has the kid of another one", i+1)
		}
		set[k.ID] = key
	}
	return set, nil
}

// Key makes a set a source that gives itself.
func (s KeySet) Key(_ context.Context, kid string) (*rsa.PublicKey, error) { return s[kid], nil }

// serverKeys are a server's keys, kept in memory.
type serverKeys struct {
	url    string
	client *http.Client
	now    func() time.Time
	state  atomic.Pointer[fetched]
	turn   chan struct{} // held by the one who asks
	next   time.Time     // earliest next request; the turn's holder's
}

type fetched struct {
	set KeySet
	at  time.Time
}

func newServerKeys(server string, now func() time.Time) (*serverKeys, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
		return nil, fmt.Errorf("remotekit: Server %q is not the https origin of an Annex server", server)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &serverKeys{url: server + "/.well-known/jwks.json", client: client, now: now, turn: make(chan struct{}, 1)}, nil
}

// local reports whether a host is this machine: only there plain http will do.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

func (k *serverKeys) Key(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	if f := k.state.Load(); f.enough(k.now(), kid) {
		return f.set[kid], nil
	}
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-k.turn }()
	f, now := k.state.Load(), k.now()
	if f.enough(now, kid) { // somebody asked meanwhile
		return f.set[kid], nil
	}
	var err error
	if !now.Before(k.next) {
		// Others wait for this answer too: the caller's own end does not end it.
		set, failed := k.fetch(context.WithoutCancel(ctx))
		if err = failed; err == nil {
			k.next = now.Add(pause)
			k.state.Store(&fetched{set, now})
			return set[kid], nil
		}
		k.next = now.Add(pauseFailed)
	}
	if f != nil && now.Sub(f.at) < stale {
		return f.set[kid], nil
	}
	if err == nil {
		err = errors.New("remotekit: the server was asked for its keys a moment ago")
	}
	return nil, err
}

func (f *fetched) enough(now time.Time, kid string) bool {
	return f != nil && now.Sub(f.at) < fresh && f.set[kid] != nil
}

func (k *serverKeys) fetch(ctx context.Context) (KeySet, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, err
	}
	res, err := k.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("remotekit: the key set's URL answers %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	return ParseKeySet(body)
}
