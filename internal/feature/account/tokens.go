package account

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

const (
	// DefaultTTL is how long a token lives when its maker does not say.
	DefaultTTL = 90 * 24 * time.Hour
	// MaxTTL is the longest life of a token.
	MaxTTL = 3650 * 24 * time.Hour
	// FirstTTL is how long the token lives that Bootstrap makes. It lies in a file, so it
	// also ends as soon as an operator makes a token of one's own.
	FirstTTL = 24 * time.Hour
	// firstNote marks it.
	firstNote = "made at first start"
	// bootstrapName is the account that an empty database starts with.
	bootstrapName = "operator"
)

// TokenRequest says which token is wanted.
type TokenRequest struct {
	Kind         id.Kind
	Account      id.Account // the caller's own when empty; another's only for operators
	Site         id.Site    // admin
	App          id.App     // ci
	Environments []string   // ci
	Note         string
	TTL          time.Duration // DefaultTTL when 0
}

// Bootstrap makes an operator token when no usable one exists: in an empty database,
// and when the last one expired or was revoked, since otherwise nobody could let an
// operator in again. It returns "" when there is one.
//
// keep puts the secret where only the operator reads it. It is called before the token
// is valid: after a crash in between, the next start finds no usable token and makes
// another one, where the other way round there would be one that nobody has.
func (s *Service) Bootstrap(ctx context.Context, keep func(secret string) error) (string, error) {
	live, err := s.liveOperators(ctx)
	if err != nil || live {
		return "", fault.Op("account.Bootstrap", err)
	}
	secret, err := newSecret(s.Rand, id.Operator)
	if err == nil {
		err = keep(secret)
	}
	if err != nil {
		return "", fault.Op("account.Bootstrap", err)
	}
	made := false
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		made = false
		now := s.Now()
		if live, err := s.liveOperators(ctx); err != nil || live {
			return err // another server was faster
		}
		if err := s.putAccount(ctx, NewAccount{Name: bootstrapName, Operator: true}); err != nil {
			return err
		}
		a, err := s.accountNamed(ctx, bootstrapName)
		if err != nil {
			return err
		}
		t := Token{ID: id.Token(newID()), Kind: id.Operator, Account: a.ID, Note: firstNote, Created: now, Expires: now.Add(FirstTTL)}
		made = true
		return s.putToken(ctx, id.Principal{}, t, secret)
	})
	if err != nil || !made {
		return "", fault.Op("account.Bootstrap", err)
	}
	return secret, nil
}

func (s *Service) liveOperators(ctx context.Context) (bool, error) {
	var n int64
	err := s.DB.QueryRow(ctx, liveOperators, s.Now().UnixMilli()).Scan(&n)
	return n > 0, err
}

// CreateToken makes a token and returns its secret, which is never shown again. An
// operator makes tokens for every account, within that account's roles; a developer
// makes developer and CI tokens of its own, an admin admin tokens of its own site.
func (s *Service) CreateToken(ctx context.Context, p id.Principal, req TokenRequest) (Token, string, error) {
	if p.User != "" {
		return Token{}, "", denied("a token of annex login makes no others: it would outlive what the product says of its owner")
	}
	if req.Account == "" {
		req.Account = p.Account
	}
	if err := mayCreate(p, req); err != nil {
		return Token{}, "", err
	}
	if err := checkRequest(&req); err != nil {
		return Token{}, "", err
	}
	owner, err := s.AccountByID(ctx, req.Account)
	if err != nil {
		return Token{}, "", err
	}
	if err := s.withinRoles(ctx, owner, req); err != nil {
		return Token{}, "", err
	}
	secret, err := newSecret(s.Rand, req.Kind)
	if err != nil {
		return Token{}, "", fault.Op("account.CreateToken", err)
	}
	now := s.Now()
	t := Token{
		ID: id.Token(newID()), Kind: req.Kind, Account: owner.ID, AccountName: owner.Name, Site: req.Site, App: req.App,
		Environments: req.Environments, Note: req.Note, Created: now.Truncate(time.Millisecond),
		Expires: now.Add(req.TTL).Truncate(time.Millisecond),
	}
	var ended int64
	err = s.DB.Tx(ctx, func(ctx context.Context) (err error) {
		ended = 0
		if err := s.putToken(ctx, p, t, secret); err != nil || t.Kind != id.Operator {
			return err
		}
		// From now on the first token, which lies in a file, is not needed.
		ended, err = s.DB.Exec(ctx, endFirst, now.UnixMilli(), firstNote)
		return err
	})
	if err != nil {
		return Token{}, "", fault.Op("account.CreateToken", err)
	}
	if ended > 0 {
		s.forget()
		if s.FirstEnded != nil {
			s.FirstEnded()
		}
	}
	return t, secret, nil
}

// IsFirst reports whether a token is the one that Bootstrap made.
func (s *Service) IsFirst(ctx context.Context, token id.Token) (bool, error) {
	t, err := scanToken(s.DB.QueryRow(ctx, tokenByID, string(token)))
	if isNoRows(err) {
		return false, nil
	}
	return err == nil && t.Kind == id.Operator && t.Note == firstNote, fault.Op("account.IsFirst", err)
}

// mayCreate holds what the caller's own role allows.
func mayCreate(p id.Principal, req TokenRequest) error {
	own := req.Account == p.Account
	switch {
	case p.Is(id.Operator):
		return nil
	case p.Is(id.Developer) && own && (req.Kind == id.Developer || req.Kind == id.CI):
		return nil
	case p.Is(id.SiteAdmin) && own && req.Kind == id.SiteAdmin && (req.Site == "" || req.Site == p.Site):
		return nil
	case p.Is(id.Developer):
		return denied("a developer makes developer and ci tokens of the own account only")
	case p.Is(id.SiteAdmin):
		return denied("a site admin makes admin tokens of the own account and site only")
	default:
		return denied("this token may not make tokens")
	}
}

func checkRequest(req *TokenRequest) error {
	usage := func(format string, args ...any) error {
		return fault.New(fault.Usage, "TOKEN_REQUEST", format, args...)
	}
	if !tokenKind(req.Kind) {
		return usage("a token's kind is operator, developer, ci or admin, not %q", req.Kind)
	}
	if req.Kind == id.SiteAdmin && req.Site == "" {
		return usage("an admin token needs a site")
	}
	if req.Kind != id.SiteAdmin && req.Site != "" {
		return usage("only an admin token names a site")
	}
	if req.Kind == id.CI && (req.App == "" || len(req.Environments) == 0) {
		return usage("a ci token needs an app and at least one environment")
	}
	if req.Kind != id.CI && (req.App != "" || len(req.Environments) > 0) {
		return usage("only a ci token names an app and environments")
	}
	if req.TTL == 0 {
		req.TTL = DefaultTTL
	}
	if req.TTL < time.Minute || req.TTL > MaxTTL {
		return usage("a token lives one minute to %d days", MaxTTL/(24*time.Hour))
	}
	if utf8.RuneCountInString(req.Note) > 2*maxNameLength || !utf8.ValidString(req.Note) {
		return usage("a token's note has at most %d characters", 2*maxNameLength)
	}
	req.Environments = slices.Clone(req.Environments)
	slices.Sort(req.Environments)
	req.Environments = slices.Compact(req.Environments)
	return nil
}

// withinRoles refuses a token that could do more than its account.
func (s *Service) withinRoles(ctx context.Context, owner Account, req TokenRequest) error {
	switch req.Kind {
	case id.Operator:
		if owner.Operator {
			return nil
		}
	case id.Developer:
		if owner.Developer {
			return nil
		}
	case id.SiteAdmin:
		if slices.Contains(owner.AdminOf, req.Site) {
			return nil
		}
	case id.CI:
		holder, err := s.Apps.Owner(ctx, req.App)
		if err != nil {
			return fault.Op("account.withinRoles", err)
		}
		if !owner.Developer || holder != owner.ID {
			return fault.New(fault.NotFound, "NOT_YOURS", "the account owns no app with this id")
		}
		return nil
	}
	return fault.New(fault.Denied, "ROLE_MISSING", "the account %q does not have the role that a %s token needs", owner.Name, req.Kind).
		WithFix("an operator adds it: annex account add NAME --developer | --admin-of SITE")
}

// ListTokens lists the caller's own tokens, or everybody's for an operator.
func (s *Service) ListTokens(ctx context.Context, p id.Principal) ([]Token, error) {
	query, args := tokensOfAccount, []any{string(p.Account)}
	switch {
	case p.User != "":
		return s.Persons(ctx, p)
	case p.Is(id.Operator):
		query, args = allTokens, nil
	case p.Is(id.Developer, id.SiteAdmin):
	default:
		return nil, denied("this token may not list tokens")
	}
	rows, err := s.DB.Query(ctx, query, args...)
	if err != nil {
		return nil, fault.Op("account.ListTokens", err)
	}
	defer rows.Close()
	var out []Token
	for rows.Next() {
		t, err := scanToken(rows)
		if err != nil {
			return nil, fault.Op("account.ListTokens", err)
		}
		if mayTouch(p, t) {
			out = append(out, t)
		}
	}
	return out, fault.Op("account.ListTokens", rows.Err())
}

// mayTouch says which tokens a caller may see and revoke. One account may be
// developer and admin of several sites: each role sees its own tokens only, so that
// a leaked admin token cannot end the developer's.
func mayTouch(p id.Principal, t Token) bool {
	switch {
	case p.Is(id.Operator):
		return true
	case t.Account != p.Account:
		return false
	case p.Is(id.Developer):
		return t.Kind == id.Developer || t.Kind == id.CI
	case p.Is(id.SiteAdmin):
		return t.Kind == id.SiteAdmin && t.Site == p.Site
	default:
		return false
	}
}

// RevokeToken ends a token: here at once, on other server processes within a second.
func (s *Service) RevokeToken(ctx context.Context, p id.Principal, token id.Token) error {
	if p.User != "" {
		return s.RevokePerson(ctx, p, token)
	}
	unknown := fault.New(fault.NotFound, "TOKEN_UNKNOWN", "there is no such token, or it is not yours to revoke")
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		t, err := scanToken(s.DB.QueryRow(ctx, tokenByID, string(token)))
		if isNoRows(err) || (err == nil && !mayTouch(p, t)) {
			return unknown
		}
		if err != nil {
			return err
		}
		changed, err := s.DB.Exec(ctx, revokeToken, s.Now().UnixMilli(), string(token))
		if err != nil || changed == 0 {
			return err // revoked before: nothing to do, and revoking is repeatable
		}
		return s.Audit.Append(ctx, t.Site, "", p, "token.revoke", map[string]any{"token": token, "account": t.Account})
	})
	if err == nil {
		s.forget()
	}
	return fault.Op("account.RevokeToken", err)
}

func (s *Service) putToken(ctx context.Context, by id.Principal, t Token, secret string) error {
	environments, err := json.Marshal(t.Environments)
	if err != nil {
		return err
	}
	_, err = s.DB.Exec(ctx, addToken, string(t.ID), hashOf(secret), string(t.Kind), string(t.Account), string(t.Site),
		string(t.App), string(environments), t.Note, t.Created.UnixMilli(), t.Expires.UnixMilli())
	if err != nil {
		return err
	}
	return s.Audit.Append(ctx, t.Site, "", by, "token.create", map[string]any{
		"token": t.ID, "kind": t.Kind, "account": t.Account, "app": t.App, "environments": t.Environments, "expires": t.Expires.UTC()})
}

func scanToken(row interface{ Scan(...any) error }) (Token, error) {
	var (
		t                         Token
		environments              string
		created, expires, revoked int64
	)
	err := row.Scan((*string)(&t.ID), (*string)(&t.Kind), (*string)(&t.Account), &t.AccountName, (*string)(&t.Site),
		(*string)(&t.App), &environments, &t.Note, &created, &expires, &revoked)
	if err != nil {
		return Token{}, err
	}
	t.Created, t.Expires, t.Revoked = time.UnixMilli(created), time.UnixMilli(expires), revoked != 0
	if err := json.NewDecoder(strings.NewReader(environments)).Decode(&t.Environments); err != nil {
		return Token{}, err
	}
	return t, nil
}

func isNoRows(err error) bool { return errors.Is(err, db.ErrNoRows) }

// VoidTokens ends every token, in the transaction that restores a backup: some of them may
// have been revoked after it was made. The next start gives the operator a new one.
func (s *Service) VoidTokens(ctx context.Context) (n int64, err error) {
	for _, q := range []string{voidTokens, voidPersons} {
		more, err := s.DB.Exec(ctx, q, s.Now().UnixMilli())
		if n += more; err != nil {
			return n, fault.Op("account.VoidTokens", err)
		}
	}
	if _, err = s.DB.Exec(ctx, voidCodes); err == nil {
		_, err = s.DB.Exec(ctx, voidDevices)
	}
	return n, fault.Op("account.VoidTokens", err)
}
