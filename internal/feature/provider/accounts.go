package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

const (
	// early is how long before its end a token is renewed.
	early = 30 * time.Second
	// leaseLife is how long one server may take to renew a token; patience how long others wait.
	leaseLife = 15 * time.Second
	patience  = 20 * time.Second
	pause     = 50 * time.Millisecond
)

// held is an account's credential as it lies in the database.
type held struct {
	kept
	generation      int64
	expires, leased int64
	scopes          []string
}

func nobody() error {
	return fault.New(fault.Unauthenticated, call.NeedsAuthentication, "nobody is present in this call whose account the app could use").With("status", 401)
}

// missing is what an app gets where an account has to be connected, in the shape that apps
// written for Forge look for.
func missing(d *declared, scopes []string) error {
	if len(scopes) == 0 {
		scopes = d.Scopes
	}
	return fault.New(fault.Unauthenticated, call.NeedsAuthentication, "the user has not connected their account of %s", quote.Line(d.Name, 80)).
		WithFix("the user connects it where the platform asks them; the call can then be made again").
		With("status", 401).With("serviceKey", d.Key).With("options", map[string]any{"scopes": scopes, "isExpectedError": true, "provider": d.Key})
}

func (s *Service) list(ctx context.Context, text string, args ...any) ([]Account, error) {
	rows, err := s.DB.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Account
	for rows.Next() {
		var a Account
		var scopes string
		var at int64
		if err := rows.Scan(&a.App, &a.Env, &a.Directory, &a.User, &a.Provider, &a.ID, &a.Name, &a.Avatar, &scopes, &at); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(scopes), &a.Scopes); err != nil {
			return nil, err
		}
		a.Connected = time.UnixMilli(at)
		out = append(out, a)
	}
	return out, rows.Err()
}

func (s *Service) accounts(ctx context.Context, o owner, key string) ([]Account, error) {
	return s.list(ctx, accountsOf, o.site, o.env, o.directory, o.user, key)
}

func (s *Service) load(ctx context.Context, o owner, key, account string) (h held, ok bool, err error) {
	var sealed []byte
	var scopes string
	err = s.DB.QueryRow(ctx, tokensOf, o.site, o.env, o.directory, o.user, key, account).Scan(&sealed, &h.generation, &h.expires, &h.leased, &scopes)
	if errors.Is(err, db.ErrNoRows) {
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	if h.kept, err = s.open(o, key, account, h.generation, sealed); err != nil {
		return h, false, err
	}
	return h, true, json.Unmarshal([]byte(scopes), &h.scopes)
}

func (s *Service) open(o owner, key, account string, generation int64, sealed []byte) (k kept, err error) {
	plain, err := s.Sealer.Open(seal.ForSite(o.site), seal.Credential, place(o, key, account, generation), sealed)
	if err != nil {
		return k, err
	}
	return k, json.Unmarshal(plain, &k)
}

func (s *Service) seal(o owner, key, account string, generation int64, k kept) ([]byte, error) {
	return s.Sealer.Seal(seal.ForSite(o.site), seal.Credential, place(o, key, account, generation), plain(k))
}

// place binds a credential to the whole of its key: moved to another row, it does not open.
func place(o owner, key, account string, generation int64) seal.Place {
	row := ""
	for _, part := range []string{string(o.env), string(o.site), o.directory, string(o.user), key, account} {
		row += part + "\x00"
	}
	return seal.Place{Table: "provider_accounts", Column: "tokens", Row: row, Generation: generation}
}

// use gives an account's present credential. One that is about to end, or whose generation
// the provider has just refused, is renewed, by one at a time.
func (s *Service) use(ctx context.Context, o owner, d *declared, account string, refused int64) (held, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		h, ok, err := s.load(ctx, o, d.Key, account)
		if err != nil {
			return h, err
		}
		if !ok {
			return h, missing(d, nil)
		}
		now := s.Now()
		stale := h.generation == refused || h.expires != 0 && now.Add(early).UnixMilli() >= h.expires
		if !stale {
			return h, nil
		}
		if h.Refresh == "" {
			if h.generation == refused {
				return h, nil // the answer stands: there is nothing to renew it with
			}
			return h, s.forget(ctx, o, d, account, h)
		}
		until := now.Add(leaseLife).UnixMilli()
		n, err := s.DB.Exec(ctx, lease, until, o.site, o.env, o.directory, o.user, d.Key, account, h.generation, now.UnixMilli())
		if err != nil {
			return h, err
		}
		if n == 1 {
			return s.renew(ctx, o, d, account, h, until)
		}
		select { // another one renews it
		case <-time.After(pause):
		case <-ctx.Done():
			return h, fault.New(fault.Unavailable, "PROVIDER_ERR", "the account of %s is being renewed and the provider does not answer", quote.Line(d.Name, 80)).Because(ctx.Err())
		}
	}
}

// renew spends the refresh token, which the caller has leased. What comes is on the disk
// before it is used; until then the old one stays, and is tried again when it is unknown
// whether the provider took it.
func (s *Service) renew(ctx context.Context, o owner, d *declared, account string, h held, leased int64) (held, error) {
	action := d.refresh()
	base, err := d.base(action.Remote)
	if err == nil {
		err = h.fits(d, base.Origin())
	}
	var g granted
	if err == nil {
		var c client
		if c, err = s.client(ctx, o.env, d); err == nil {
			fields := map[string]string{"grant_type": "refresh_token", "refresh_token": h.Refresh}
			g, err = s.token(context.WithoutCancel(ctx), d, action, c, fields)
		}
	}
	if dead(err) {
		return h, s.forget(ctx, o, d, account, h)
	}
	if err != nil {
		_, _ = s.DB.Exec(context.WithoutCancel(ctx), letGo, o.site, o.env, o.directory, o.user, d.Key, account, h.generation, leased)
		return h, failed(d, "the account's access could not be renewed", err)
	}
	next := held{kept: h.kept, generation: h.generation + 1, scopes: h.scopes}
	next.Access = g.access
	if g.refresh != "" {
		next.Refresh = g.refresh
	}
	if !g.expires.IsZero() {
		next.expires = g.expires.UnixMilli()
	}
	sealed, err := s.seal(o, d.Key, account, next.generation, next.kept)
	if err != nil {
		return h, err
	}
	// What the provider rotated must not be lost because the caller went away.
	n, err := s.DB.Exec(context.WithoutCancel(ctx), renew, sealed, next.generation, next.expires, o.site, o.env, o.directory, o.user, d.Key, account, h.generation)
	if err != nil {
		return h, err
	}
	if n == 0 { // disconnected, or connected anew, meanwhile
		s.revoke(context.WithoutCancel(ctx), d, o.env, next.kept)
		return h, missing(d, nil)
	}
	return next, nil
}

// forget removes an account that its provider does not know any more, and asks for it again.
func (s *Service) forget(ctx context.Context, o owner, d *declared, account string, h held) error {
	if _, err := s.DB.Exec(context.WithoutCancel(ctx), expire, o.site, o.env, o.directory, o.user, d.Key, account, h.generation); err != nil {
		return err
	}
	return missing(d, h.scopes)
}

// keep connects an account.
func (s *Service) keep(ctx context.Context, f *flow, d *declared, o owner, who profile, g granted, scopes []string) error {
	pins, err := d.pins()
	if err != nil {
		return err
	}
	now := s.Now()
	// Not 1 again after a disconnection: an old value put back into the row would open.
	generation := now.UnixMicro()
	sealed, err := s.seal(o, d.Key, who.ID, generation, kept{Access: g.access, Refresh: g.refresh, Pins: pins, Client: d.holder()})
	if err != nil {
		return err
	}
	expires := int64(0)
	if !g.expires.IsZero() {
		expires = g.expires.UnixMilli()
	}
	by := f.by()
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		// The person was at the provider meanwhile: an account that comes after the last
		// installation ended would wait for the next one.
		if on, err := s.Apps.Elsewhere(ctx, o.env, o.site, ""); err != nil || !on {
			return cmp.Or(err, error(fault.New(fault.Denied, "NOT_INSTALLED", "there is no such installation, or it has ended")))
		}
		_, err := s.DB.Exec(ctx, connect, o.site, o.env, o.directory, o.user, d.Key, who.ID, d.policy.App, who.DisplayName, who.AvatarURL, texts(scopes),
			sealed, generation, expires, now.UnixMilli(), d.policy.Install, d.policy.Version)
		if err != nil {
			return err
		}
		return s.Audit.Append(ctx, o.site, d.policy.Install, by, "provider.connect", map[string]any{"provider": d.Key, "app": d.policy.App})
	})
}
