package productauth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/productauth"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

var (
	operator = id.Principal{Kind: id.Operator, Account: "op"}
	admin    = id.Principal{Kind: id.SiteAdmin, Site: "s", Account: "tracker/alice"}
	alice    = id.Principal{Kind: id.EndUser, Site: "s", Product: "forge", User: "7"}
)

// server is a product with an authorization server, as strict as one has to be.
type server struct {
	*httptest.Server
	mu         sync.Mutex
	challenges map[string]string // by code
	refresh    string            // the one that counts
	refreshes  int
	revoked    []string
	dead       bool
	plain      bool // the account is no admin's
	serial     int
	life       int
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{challenges: map[string]string{}, life: 3600}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("GET /api/user", func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer access-") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(w, `{"id": 7, "login": "alice", "is_admin": %v}`, !s.plain)
	})
	mux.HandleFunc("POST /revoke", func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.revoked = append(s.revoked, r.FormValue("token"))
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// agree is the user's click at the product: it gives the code that the browser brings back.
func (s *server) agree(t *testing.T, authorize string) (state, code string) {
	t.Helper()
	u, err := url.Parse(authorize)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("client_id") != "annex" || q.Get("redirect_uri") != "http://ui/oauth/callback/forge" || q.Get("scope") != "read:issue,write:issue" {
		t.Fatalf("asked with %v", q)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	code = fmt.Sprint("code-", len(s.challenges))
	s.challenges[code] = q.Get("code_challenge")
	return q.Get("state"), code
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuse := func(code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": "echo " + r.FormValue("refresh_token")})
	}
	if user, pass, _ := r.BasicAuth(); user != "annex" || pass != "client-secret-x" || s.dead {
		refuse("invalid_client")
		return
	}
	switch r.FormValue("grant_type") {
	case "authorization_code":
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		challenge, ok := s.challenges[r.FormValue("code")]
		if !ok || challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
			refuse("invalid_grant")
			return
		}
		delete(s.challenges, r.FormValue("code"))
	default:
		s.refreshes++
		if r.FormValue("refresh_token") != s.refresh {
			refuse("invalid_grant")
			return
		}
	}
	s.serial++
	s.refresh = fmt.Sprint("refresh-", s.serial)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprint("access-", s.serial), "refresh_token": s.refresh, "token_type": "bearer", "expires_in": s.life})
}

func (s *server) Client(_ context.Context, product id.Product) (*productauth.Client, error) {
	if product != "forge" {
		return nil, fault.New(fault.Invalid, "NO_OAUTH", "no")
	}
	who, err := url.Parse(s.URL + "/api/user")
	return &productauth.Client{Product: product, AuthorizationURL: s.URL + "/authorize", TokenURL: s.URL + "/token", RevocationURL: s.URL + "/revoke",
		ClientID: "annex", Scopes: []string{"read:issue", "write:issue"}, Separator: ",", Who: who, ID: "id", Name: "login", Admin: "is_admin"}, err
}

func (s *server) HTTP(id.Product) *http.Client { return s.Server.Client() }

// world is a service on a product; its clock is the test's.
type world struct {
	*productauth.Service
	product *server
	mu      sync.Mutex
	now     time.Time
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	if err := d.Migrate(t.Context(), append(append([]db.Migration{}, audit.Migrations...), productauth.Migrations...)); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{product: newServer(t), now: time.Now()}
	w.Service = productauth.New(productauth.Config{DB: d, Sealer: ring, Audit: audit.New(d, nil), Clients: w.product, Callback: "http://ui/oauth/callback",
		Now: func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }})
	if err := w.SetSecret(t.Context(), operator, "forge", "client-secret-x"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) pass(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.now = w.now.Add(d) }

func (w *world) connect(t *testing.T, kind productauth.Kind) productauth.Done {
	t.Helper()
	sent, err := w.Begin(t.Context(), productauth.Flow{Kind: kind, Site: "s", Product: "forge", By: admin, Answers: "state-of-ours", Next: "/n"})
	if err != nil {
		t.Fatal(err)
	}
	state, code := w.product.agree(t, sent.URL)
	done, err := w.Finish(t.Context(), productauth.Back{Product: "forge", State: state, Code: code, Browser: sent.Browser})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func (w *world) token(t *testing.T, user id.User) string {
	t.Helper()
	token, err := w.Token(t.Context(), "s", "forge", user)
	if err != nil {
		return fault.CodeOf(err)
	}
	return token
}

func TestSignInConnects(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		if got := w.token(t, "7"); got != "NEEDS_AUTHENTICATION_ERR" {
			t.Error(got)
		}
		if got := w.token(t, ""); got != "SERVICE_ACCOUNT_REQUIRED" {
			t.Error(got)
		}
		done := w.connect(t, productauth.SignIn)
		var connected int
		if err := d.QueryRow(t.Context(), `SELECT count(*) FROM audit WHERE act = 'account.connect' AND site_id = 's'`).Scan(&connected); err != nil || connected != 1 {
			t.Errorf("the trail has %d connections: %v", connected, err)
		}
		if done.User != "7" || done.Name != "alice" || !done.Admin || done.Answers != "state-of-ours" || done.Next != "/n" {
			t.Errorf("%+v", done)
		}
		if got := w.token(t, "7"); got != "access-1" {
			t.Error(got)
		}
		if got := w.token(t, ""); got != "SERVICE_ACCOUNT_REQUIRED" {
			t.Error("a user's account became the app's: ", got)
		}
		sent, err := w.Begin(t.Context(), productauth.Flow{Kind: productauth.ServiceAccount, Site: "s", Product: "forge", By: admin})
		if err != nil {
			t.Fatal(err)
		}
		state, code := w.product.agree(t, sent.URL)
		if _, err := w.Finish(t.Context(), productauth.Back{Product: "forge", State: state, Code: code, Browser: sent.Browser}); fault.CodeOf(err) != "ADMINS_ACCOUNT" {
			t.Errorf("an admin's account became the apps': %v", err)
		}
		w.product.plain = true
		w.connect(t, productauth.ServiceAccount)
		if got := w.token(t, ""); got != "access-3" {
			t.Error(got)
		}
		// Of another site, or another product, it is nobody's.
		if _, err := w.Token(t.Context(), "s2", "forge", "7"); fault.CodeOf(err) != "NEEDS_AUTHENTICATION_ERR" {
			t.Error(err)
		}
		scope, err := tenant.ForSite(admin, "s")
		if err != nil {
			t.Fatal(err)
		}
		if all, err := w.Accounts(t.Context(), scope); err != nil || len(all) != 2 || all[0].User != "" || all[1].Name != "alice" {
			t.Errorf("%+v, %v", all, err)
		}
		if err := w.Disconnect(t.Context(), id.Principal{Kind: id.EndUser, Site: "s", Product: "forge", User: "8"}, "s", "forge", "7"); fault.CodeOf(err) != "NOT_YOURS" {
			t.Error(err)
		}
		if err := w.Disconnect(t.Context(), alice, "s", "forge", "7"); err != nil || len(w.product.revoked) != 1 {
			t.Error(w.product.revoked, err)
		}
		if got := w.token(t, "7"); got != "NEEDS_AUTHENTICATION_ERR" {
			t.Error(got)
		}
	})
}

func TestFlowBelongsToItsBrowser(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	sent, err := w.Begin(t.Context(), productauth.Flow{Kind: productauth.SignIn, Site: "s", Product: "forge"})
	if err != nil {
		t.Fatal(err)
	}
	state, code := w.product.agree(t, sent.URL)
	for _, b := range []productauth.Back{{Product: "forge", State: "x", Code: code, Browser: sent.Browser}, {Product: "forge", Code: code, Browser: sent.Browser},
		{Product: "forge", State: state, Code: code, Browser: "x"}} {
		if _, err := w.Finish(t.Context(), b); fault.CodeOf(err) != "SIGN_IN_REFUSED" {
			t.Errorf("%+v: %v", b, err)
		}
	}
	other, err := w.Begin(t.Context(), productauth.Flow{Kind: productauth.SignIn, Site: "s", Product: "forge"})
	if err != nil {
		t.Fatal(err)
	}
	otherState, otherCode := w.product.agree(t, other.URL)
	for _, product := range []id.Product{"desk", ""} { // the first try spends the state
		if _, err := w.Finish(t.Context(), productauth.Back{Product: product, State: otherState, Code: otherCode, Browser: other.Browser}); fault.CodeOf(err) != "SIGN_IN_REFUSED" {
			t.Errorf("came back to the address of %q: %v", product, err)
		}
	}
	if _, err := w.Finish(t.Context(), productauth.Back{Product: "forge", State: state, Code: code, Browser: sent.Browser}); fault.CodeOf(err) != "SIGN_IN_REFUSED" {
		t.Errorf("a state counted twice: %v", err)
	}
	late, err := w.Begin(t.Context(), productauth.Flow{Kind: productauth.SignIn, Site: "s", Product: "forge"})
	if err != nil {
		t.Fatal(err)
	}
	state, code = w.product.agree(t, late.URL)
	w.pass(11 * time.Minute)
	if _, err := w.Finish(t.Context(), productauth.Back{Product: "forge", State: state, Code: code, Browser: late.Browser}); fault.CodeOf(err) != "SIGN_IN_REFUSED" {
		t.Errorf("after its time: %v", err)
	}
	// A code of another flow does not fit the verifier of this one.
	one, _ := w.Begin(t.Context(), productauth.Flow{Kind: productauth.SignIn, Site: "s", Product: "forge"})
	two, _ := w.Begin(t.Context(), productauth.Flow{Kind: productauth.SignIn, Site: "s", Product: "forge"})
	stateOne, _ := w.product.agree(t, one.URL)
	_, codeTwo := w.product.agree(t, two.URL)
	if _, err := w.Finish(t.Context(), productauth.Back{Product: "forge", State: stateOne, Code: codeTwo, Browser: one.Browser}); fault.CodeOf(err) != "NOT_AUTHORIZED" {
		t.Errorf("a foreign code: %v", err)
	}
	if _, err := w.Begin(t.Context(), productauth.Flow{Kind: productauth.ServiceAccount, Site: "s2", Product: "forge", By: admin}); fault.CodeOf(err) != "ADMIN_REQUIRED" {
		t.Errorf("another site's service account: %v", err)
	}
}

// However many ask at once, on however many servers, a refresh token is spent once.
func TestRefreshOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.connect(t, productauth.SignIn)
		w.pass(2 * time.Hour)
		w.product.life = 365 * 24 * 3600
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if got := w.token(t, "7"); got != "access-2" {
					t.Error(got)
				}
			})
		}
		all.Wait()
		if w.product.refreshes != 1 {
			t.Errorf("%d refreshes", w.product.refreshes)
		}
	})
}

func TestRefreshRefused(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.connect(t, productauth.SignIn)
	w.pass(2 * time.Hour)
	w.product.dead = true
	_, err := w.Token(t.Context(), "s", "forge", "7")
	if fault.CodeOf(err) != "NOT_AUTHORIZED" || strings.Contains(fmt.Sprint(err), "refresh-") || strings.Contains(fmt.Sprint(err), "client-secret") {
		t.Errorf("%v", err)
	}
	w.product.dead, w.product.refresh = false, "another"
	w.pass(time.Minute)
	for range 2 { // the product knows it no more, and neither do we
		if got := w.token(t, "7"); got != "NEEDS_AUTHENTICATION_ERR" {
			t.Error(got)
		}
	}
	if w.product.refreshes != 1 {
		t.Errorf("%d refreshes", w.product.refreshes)
	}
}

// Nothing in the database opens anything by itself.
func TestSealedAtRest(t *testing.T) {
	d := dbtest.SQLite(t)
	w := newWorld(t, d)
	w.connect(t, productauth.SignIn)
	for _, q := range []string{"SELECT tokens FROM product_accounts", "SELECT secret FROM product_clients"} {
		var raw []byte
		if err := d.QueryRow(t.Context(), q).Scan(&raw); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"access-", "refresh-", "client-secret"} {
			if strings.Contains(string(raw), secret) {
				t.Errorf("%s holds %s", q, secret)
			}
		}
	}
	// A row moved to another user does not open.
	if _, err := d.Exec(t.Context(), "UPDATE product_accounts SET user_id = '8' WHERE user_id = '7'"); err != nil {
		t.Fatal(err)
	}
	if got := w.token(t, "8"); got != "SEAL_BROKEN" {
		t.Error(got)
	}
	if err := w.SetSecret(t.Context(), admin, "forge", "something-else"); fault.CodeOf(err) != "ROLE_REQUIRED" {
		t.Error(err)
	}
}

// A database that does not answer in time is no account that is not there.
func TestNoAnswerIsNoAbsence(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.connect(t, productauth.SignIn)
	over, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	if _, err := w.Token(over, "s", "forge", "7"); fault.KindOf(err) != fault.Unavailable {
		t.Error("a token:", err)
	}
	own := id.Principal{Kind: id.EndUser, Site: "s", Product: "forge", User: "7"}
	if err := w.Disconnect(over, own, "s", "forge", "7"); fault.KindOf(err) != fault.Unavailable {
		t.Error("disconnected:", err)
	}
	if got := w.token(t, "7"); got != "access-1" {
		t.Error(got)
	}
}
