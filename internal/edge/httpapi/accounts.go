package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/account"
)

func (a *API) whoami(w http.ResponseWriter, r *request) error {
	if p := r.caller; p.User != "" { // a person whom a product vouched for, without an account here
		writeJSON(w, http.StatusOK, map[string]any{"kind": p.Kind, "account": p.Account, "name": p.User, "product": p.Product, "site": a.siteName(r.ctx(), p.Site)})
		return nil
	}
	acc, err := a.Accounts.AccountByID(r.ctx(), r.caller.Account)
	if err != nil {
		return err
	}
	out := map[string]any{"kind": r.caller.Kind, "account": acc.ID, "name": acc.Name}
	first, err := a.Accounts.IsFirst(r.ctx(), r.caller.Token)
	if err != nil {
		return err
	}
	if first {
		out["first"] = true
	}
	if r.caller.Site != "" {
		out["site"] = a.siteName(r.ctx(), r.caller.Site)
	}
	if r.caller.App != "" {
		out["app"], out["environments"] = r.caller.App, r.caller.Environments
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

type accountJSON struct {
	ID        id.Account `json:"id"`
	Name      string     `json:"name"`
	Operator  bool       `json:"operator"`
	Developer bool       `json:"developer"`
	AdminOf   []string   `json:"adminOf"`
	CreatedAt time.Time  `json:"createdAt"`
}

func (a *API) accountView(ctx context.Context, x account.Account) accountJSON {
	out := accountJSON{ID: x.ID, Name: x.Name, Operator: x.Operator, Developer: x.Developer, AdminOf: []string{}, CreatedAt: x.Created.UTC()}
	for _, s := range x.AdminOf {
		out.AdminOf = append(out.AdminOf, a.siteName(ctx, s))
	}
	return out
}

func (a *API) listAccounts(w http.ResponseWriter, r *request) error {
	all, err := a.Accounts.Accounts(r.ctx(), r.caller)
	if err != nil {
		return err
	}
	out := []accountJSON{}
	for _, x := range all {
		out = append(out, a.accountView(r.ctx(), x))
	}
	writeJSON(w, http.StatusOK, map[string]any{"accounts": out})
	return nil
}

// maxAdminOf bounds the sites of one request, and so the tokens that it makes.
const maxAdminOf = 100

// addAccount adds an account with a first token per role, so that its owner can sign in.
// One that exists gets the roles that it lacks, and tokens only if that is asked for:
// repeating a command must not leave a trail of tokens.
func (a *API) addAccount(w http.ResponseWriter, r *request) error {
	var in struct {
		Name      string   `json:"name"`
		Developer bool     `json:"developer"`
		AdminOf   []string `json:"adminOf"`
		Token     bool     `json:"token"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("name", in.Name); err != nil {
		return err
	}
	if !in.Developer && len(in.AdminOf) == 0 {
		return fault.New(fault.Usage, "NO_ROLE", "an account needs a role").WithFix("set developer, or name sites in adminOf (`annex account add`: --developer, --admin-of)")
	}
	if len(in.AdminOf) > maxAdminOf {
		return fault.New(fault.Usage, "TOO_MANY_SITES", "adminOf names at most %d sites at once", maxAdminOf)
	}
	add := account.NewAccount{Name: in.Name, Developer: in.Developer}
	for _, name := range in.AdminOf {
		s, err := a.site(r.ctx(), name)
		if err != nil {
			return err
		}
		if !slices.Contains(add.AdminOf, s.ID) {
			add.AdminOf = append(add.AdminOf, s.ID)
		}
	}
	before, err := a.Accounts.AccountByName(r.ctx(), in.Name)
	exists := err == nil
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if exists && !in.Token && (before.Developer || !add.Developer) && containsAll(before.AdminOf, add.AdminOf) {
		return fault.New(fault.Conflict, "ACCOUNT_EXISTS", "there is an account %q, and it has these roles", in.Name).
			WithFix("give it another role, or set token for another token")
	}
	acc, err := a.Accounts.AddAccount(r.ctx(), r.caller, add)
	if err != nil {
		return err
	}
	tokens := []newTokenJSON{}
	if exists && !in.Token {
		writeJSON(w, http.StatusCreated, map[string]any{"account": a.accountView(r.ctx(), acc), "tokens": tokens})
		return nil
	}
	make := func(req account.TokenRequest) error {
		t, secret, err := a.Accounts.CreateToken(r.ctx(), r.caller, req)
		tokens = append(tokens, newTokenJSON{a.tokenView(r.ctx(), t), secret})
		return err
	}
	if in.Developer {
		if err := make(account.TokenRequest{Kind: id.Developer, Account: acc.ID, Note: "first token"}); err != nil {
			return err
		}
	}
	for _, s := range add.AdminOf {
		if err := make(account.TokenRequest{Kind: id.SiteAdmin, Account: acc.ID, Site: s, Note: "first token"}); err != nil {
			return err
		}
	}
	writeJSON(w, http.StatusCreated, map[string]any{"account": a.accountView(r.ctx(), acc), "tokens": tokens})
	return nil
}

// removeAccount takes an account by name or id.
func (a *API) removeAccount(w http.ResponseWriter, r *request) error {
	ref := r.PathValue("account")
	acc, err := a.Accounts.AccountByName(r.ctx(), ref)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		acc, err = a.Accounts.AccountByID(r.ctx(), id.Account(ref))
	}
	if err != nil {
		return err
	}
	tokens, err := a.Accounts.RemoveAccount(r.ctx(), r.caller, acc.ID)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"account": acc.ID, "name": acc.Name, "tokens": tokens})
	return nil
}

func containsAll(have, want []id.Site) bool {
	return !slices.ContainsFunc(want, func(s id.Site) bool { return !slices.Contains(have, s) })
}

type tokenJSON struct {
	ID           id.Token  `json:"id"`
	Kind         id.Kind   `json:"kind"`
	Account      string    `json:"account,omitempty"`
	Site         string    `json:"site,omitempty"`
	App          id.App    `json:"app,omitempty"`
	Environments []string  `json:"environments,omitempty"`
	Note         string    `json:"note,omitempty"`
	CreatedAt    time.Time `json:"createdAt"`
	ExpiresAt    time.Time `json:"expiresAt"`
	Revoked      bool      `json:"revoked"`
}

type newTokenJSON struct {
	tokenJSON
	Secret string `json:"secret"`
}

func (a *API) tokenView(ctx context.Context, t account.Token) tokenJSON {
	out := tokenJSON{
		ID: t.ID, Kind: t.Kind, Account: t.AccountName, App: t.App, Environments: t.Environments, Note: t.Note,
		CreatedAt: t.Created.UTC(), ExpiresAt: t.Expires.UTC(), Revoked: t.Revoked,
	}
	if t.Site != "" {
		out.Site = a.siteName(ctx, t.Site)
	}
	return out
}

func (a *API) listTokens(w http.ResponseWriter, r *request) error {
	all, err := a.Accounts.ListTokens(r.ctx(), r.caller)
	if err != nil {
		return err
	}
	out := []tokenJSON{}
	for _, t := range all {
		out = append(out, a.tokenView(r.ctx(), t))
	}
	writeJSON(w, http.StatusOK, map[string]any{"tokens": out})
	return nil
}

func (a *API) createToken(w http.ResponseWriter, r *request) error {
	var in struct {
		Kind          id.Kind  `json:"kind"`
		Account       string   `json:"account"`
		Site          string   `json:"site"`
		App           id.App   `json:"app"`
		Environments  []string `json:"environments"`
		ExpiresInDays *int     `json:"expiresInDays"`
		Note          string   `json:"note"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("kind", string(in.Kind)); err != nil {
		return err
	}
	req := account.TokenRequest{Kind: in.Kind, App: in.App, Environments: in.Environments, Note: in.Note}
	if days := in.ExpiresInDays; days != nil {
		const day = 24 * time.Hour
		if *days < 1 || *days > int(account.MaxTTL/day) { // before it can overflow
			return fault.New(fault.Usage, "BAD_EXPIRY", "expiresInDays is a whole number from 1 to %d", account.MaxTTL/day)
		}
		req.TTL = time.Duration(*days) * day
	}
	if in.Account != "" {
		acc, err := a.Accounts.AccountByName(r.ctx(), in.Account)
		if err != nil {
			return err
		}
		req.Account = acc.ID
	}
	if in.Site != "" {
		s, err := a.site(r.ctx(), in.Site)
		if err != nil {
			return err
		}
		req.Site = s.ID
	}
	t, secret, err := a.Accounts.CreateToken(r.ctx(), r.caller, req)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, newTokenJSON{a.tokenView(r.ctx(), t), secret})
	return nil
}

func (a *API) revokeToken(w http.ResponseWriter, r *request) error {
	if err := a.Accounts.RevokeToken(r.ctx(), r.caller, id.Token(r.PathValue("token"))); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
