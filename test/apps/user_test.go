package apps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/productkit"
)

// browser is one person's: it keeps cookies by host, as browsers do with secure ones of
// names below localhost, and knows where these names are.
type browser struct {
	http.Client
	env *testenv.Env

	mu      sync.Mutex
	cookies map[string]map[string]string
}

func newBrowser(env *testenv.Env) *browser {
	b := &browser{env: env, cookies: map[string]map[string]string{}}
	b.Transport, b.Timeout = b, time.Minute
	return b
}

var local = &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
}}

// RoundTrip implements http.RoundTripper.
func (b *browser) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	b.mu.Lock()
	for name, value := range b.cookies[r.URL.Host] {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.mu.Unlock()
	res, err := local.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range res.Cookies() {
		if b.cookies[r.URL.Host] == nil {
			b.cookies[r.URL.Host] = map[string]string{}
		}
		if c.MaxAge < 0 || c.Value == "" {
			delete(b.cookies[r.URL.Host], c.Name)
			continue
		}
		b.cookies[r.URL.Host][c.Name] = c.Value
	}
	return res, nil
}

// page opens an address and gives what is shown in the end.
func (b *browser) page(address string) (string, error) {
	res, err := b.Get(address)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", address, res.Status)
	}
	return string(text), err
}

// submit sends a form of the page at address.
func (b *browser) submit(address string, form url.Values) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", u.Scheme+"://"+u.Host)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := b.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		return fmt.Errorf("%s: %s %.300s", address, res.Status, text)
	}
	return nil
}

var hidden = regexp.MustCompile(`name="(form|digest)" value="([^"]*)"`)

// agree has a user sign in to the product, open the page that asks whether the app may act
// as them, and click.
func (a *app) agree(_ *testscript.TestScript, args []string) error {
	user, b := a.env.Access.Users[args[0]], newBrowser(a.env)
	product := a.env.Access.ProductPageURL
	if err := b.submit(product+"/login", url.Values{"login": {args[0]}, "password": {user.Password}}); err != nil {
		return err
	}
	page := a.env.Access.UIURL + "/consent/" + a.installation
	text, err := b.page(page)
	if err != nil {
		return err
	}
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(text, -1) {
		form.Set(m[1], m[2])
	}
	if form.Get("digest") == "" {
		return fmt.Errorf("%s shows nothing to agree to: %.500s", page, text)
	}
	a.result.consents(args[0])
	return b.submit(page, form)
}

// as asks a definition of a resolver for a present user of the product: as USER MODULE:KEY.
func (a *app) as(_ *testscript.TestScript, args []string) error {
	words, kind, parts, err := expected(args)
	if err != nil || len(words) < 2 || len(words) > 3 {
		return errors.Join(err, errors.New("as USER MODULE:KEY [JSON]"))
	}
	module, key, _ := strings.Cut(words[1], ":")
	token, err := a.session(words[0])
	if err != nil {
		return a.wrong(key, "no session: %v", err)
	}
	a.result.dispatches("resolver")
	var said struct {
		Result json.RawMessage
		Error  *struct {
			Code, Message string
			Fields        map[string]any
		}
	}
	if err := a.bridge("/bridge/invoke", token, object{"module": a.installation + "/" + module, "functionKey": key, "payload": json.RawMessage(word(words, 2, "{}"))}, &said); err != nil {
		return a.wrong(key, "%v", err)
	}
	if said.Error == nil {
		a.last = string(said.Result)
		return a.compare(key, "=>", kind, a.last, parts)
	}
	a.last = said.Error.Code + ": " + fmt.Sprint(said.Error.Fields["message"])
	if said.Error.Code == "NEEDS_AUTHENTICATION_ERR" && kind == "!>" {
		a.result.asked(key)
		return nil
	}
	return a.compare(key, "!>", kind, a.last, parts)
}

// session is a session of the bridge, as the product's back end opens one for its user.
func (a *app) session(name string) (string, error) {
	site, err := a.env.System.Tenancy.SiteByName(context.Background(), a.env.Access.Site)
	if err != nil {
		return "", err
	}
	signed, err := productkit.SignUser(a.env.Tracker.Key(), productkit.User{Product: a.env.Access.Product, Audience: a.env.Access.UIURL, Site: string(site.ID),
		ID: a.env.Access.Users[name].ID, Name: name, Locale: "en-GB", Timezone: "Europe/London", Admin: a.env.Access.Users[name].Admin, AuthTime: time.Now()})
	if err != nil {
		return "", err
	}
	var out struct{ Token string }
	err = a.bridge("/bridge/session", "", object{"user": signed}, &out)
	if err == nil && out.Token == "" {
		err = errors.New("the bridge gave no session")
	}
	return out.Token, err
}

func (a *app) bridge(path, token string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, a.env.Access.UIURL+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := newBrowser(a.env).Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(into)
}
