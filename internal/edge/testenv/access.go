package testenv

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/annexhq/annex/examples/product"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/account"
)

const readHeaderTimeout = 10 * time.Second

// Access is what a person or program needs to use the deployment: the content of
// demo.json, mode 0600.
type Access struct {
	URL            string          `json:"url"`            // control API, for programs
	UIURL          string          `json:"uiUrl"`          // the platform's own pages
	ProductURL     string          `json:"productUrl"`     // for programs
	ProductPageURL string          `json:"productPageUrl"` // for browsers
	DeveloperToken string          `json:"developerToken"`
	AdminToken     string          `json:"adminToken"`
	Site           string          `json:"site"`
	Product        string          `json:"product"`
	Users          map[string]User `json:"users"`

	file string
}

// User is one of the product's users.
type User struct {
	ID       string `json:"id"`
	Password string `json:"password"`
	Admin    bool   `json:"admin"`
}

// access reads what an earlier start handed out, so that tokens and passwords stay. It puts
// the file aside until Write: whoever waits for it is not sent to an earlier start's address.
func (e *Env) access(_ context.Context, file string) error {
	err := os.Rename(file, file+aside)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		var raw []byte
		if raw, err = os.ReadFile(file + aside); err == nil {
			err = json.Unmarshal(raw, &e.Access)
			e.again = err == nil
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Invalid, "DEMO_JSON", "%s cannot be read", file+aside).Because(err).WithFix("remove it; new tokens are made")
	}
	e.Access.file = file
	e.Access.URL, e.Access.UIURL = e.System.Origins.ControlURL(), e.System.Origins.UIURL()
	if e.Access.Users == nil {
		e.Access.Users = map[string]User{
			"alice": {ID: "alice", Password: password(), Admin: true},
			"bob":   {ID: "bob", Password: password()},
		}
	}
	return nil
}

// aside ends the name of the file of an earlier start.
const aside = ".before"

func password() string { return rand.Text()[:12] }

func (a *Access) setProduct(port int) {
	a.ProductURL = fmt.Sprintf("http://127.0.0.1:%d", port)
	a.ProductPageURL = fmt.Sprintf("http://tracker.localhost:%d", port)
}

func (a *Access) trackerUsers() []tracker.User {
	alice, bob := a.Users["alice"], a.Users["bob"]
	return []tracker.User{
		{ID: alice.ID, Name: "Alice", Login: "alice", Email: "alice@tracker.test", Password: alice.Password, Admin: true, TimeZone: "Europe/London"},
		{ID: bob.ID, Name: "Bob", Login: "bob", Email: "bob@tracker.test", Password: bob.Password, TimeZone: "Europe/Berlin"},
	}
}

// nextPort is the port after a chosen one, any port after any.
func nextPort(listen string, got net.Addr) string {
	host, port, err := net.SplitHostPort(listen)
	if n, convErr := strconv.Atoi(port); err == nil && convErr == nil && n > 0 && n < 65535 {
		return net.JoinHostPort(host, strconv.Itoa(n+1))
	}
	if host, _, err = net.SplitHostPort(got.String()); err != nil {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, "0")
}

// accounts makes the developer and the site's admin, and tokens where the kept ones no
// longer work.
func (e *Env) accounts(ctx context.Context, site id.Site) error {
	for _, want := range []struct {
		name  string
		add   account.NewAccount
		req   account.TokenRequest
		token *string
	}{
		{"developer", account.NewAccount{Name: "developer", Developer: true}, account.TokenRequest{Kind: id.Developer}, &e.Access.DeveloperToken},
		{"alice", account.NewAccount{Name: "alice", AdminOf: []id.Site{site}}, account.TokenRequest{Kind: id.SiteAdmin, Site: site}, &e.Access.AdminToken},
	} {
		if _, err := e.System.Accounts.Authenticate(ctx, *want.token); err == nil {
			continue
		}
		a, err := e.System.Accounts.AddAccount(ctx, Operator, want.add)
		if err != nil {
			return err
		}
		want.req.Account, want.req.Note, want.req.TTL = a.ID, "demo", 365*24*time.Hour
		if _, *want.token, err = e.System.Accounts.CreateToken(ctx, Operator, want.req); err != nil {
			return err
		}
	}
	return nil
}

// Write keeps the access in Dir/demo.json; whoever waits for the file finds it whole.
func (e *Env) Write() error {
	raw, err := json.MarshalIndent(e.Access, "", "  ")
	if err != nil {
		return fault.Op("testenv.Write", err)
	}
	tmp := e.Access.file + ".new"
	if err := os.WriteFile(tmp, append(raw, '\n'), 0o600); err != nil {
		return fault.Op("testenv.Write", err)
	}
	if err := os.Rename(tmp, e.Access.file); err != nil {
		return fault.Op("testenv.Write", err)
	}
	_ = os.Remove(e.Access.file + aside) // there is none at a first start
	return nil
}

// Developer is the principal of the developer's token.
func (e *Env) Developer(ctx context.Context) (id.Principal, error) {
	return e.System.Accounts.Authenticate(ctx, e.Access.DeveloperToken)
}

// Admin is the site's admin.
func (e *Env) Admin(ctx context.Context) (id.Principal, error) {
	return e.System.Accounts.Authenticate(ctx, e.Access.AdminToken)
}
