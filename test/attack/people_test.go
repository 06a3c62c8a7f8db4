package attack

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/productkit"
)

// people is a deployment with its product, where persons have browsers.
type people struct {
	*platform
	ui, product string // hosts
}

func newPeople(t testing.TB) *people {
	t.Helper()
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false })
	return &people{p, strings.TrimPrefix(p.Access.UIURL, "http://"), strings.TrimPrefix(p.Access.ProductPageURL, "http://")}
}

// browser keeps cookies by host and follows no redirect by itself. It sends what browsers
// send with a form: where the form lies.
type browser struct {
	*people
	cookies map[string]map[string]string
}

func (p *people) browser() *browser {
	return &browser{p, map[string]map[string]string{p.ui: {}, p.product: {}}}
}

type page struct {
	answer
	url *url.URL
}

// open sends one request; a form goes with origin.
func (b *browser) open(method, address, origin string, form url.Values) page {
	b.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	if u.Host == "" {
		u.Scheme, u.Host = "http", b.ui
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	to := b.System.Listener.Addr().String()
	if u.Host == b.product {
		to = strings.TrimPrefix(b.Access.ProductURL, "http://")
	} else if strings.HasPrefix(u.Host, "127.0.0.1:") { // another server
		to = u.Host
	}
	r, err := http.NewRequestWithContext(b.ctx, method, "http://"+to+u.RequestURI(), body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Host = u.Host
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if origin != "" {
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", map[bool]string{true: "same-origin", false: "cross-site"}[origin == "http://"+u.Host])
	}
	for name, value := range b.cookies[u.Host] {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies[u.Host], c.Name)
		} else if b.cookies[u.Host] != nil {
			b.cookies[u.Host][c.Name] = c.Value
		}
	}
	return page{answer{res.StatusCode, res.Header, string(text)}, u}
}

// get opens an address and follows redirects, as a person's browser does.
func (b *browser) get(address string) page {
	b.t.Helper()
	p := b.open("GET", address, "", nil)
	for range 10 {
		to := p.header.Get("Location")
		if to == "" {
			return p
		}
		next, err := p.url.Parse(to)
		if err != nil {
			b.t.Fatal(err)
		}
		p = b.open("GET", next.String(), "", nil)
	}
	b.t.Fatalf("%s leads in circles", address)
	return p
}

// password signs the browser in to the product.
func (b *browser) password(name string) {
	b.t.Helper()
	form := url.Values{"login": {name}, "password": {b.Access.Users[name].Password}}
	if p := b.open("POST", "http://"+b.product+"/login", "http://"+b.product, form); p.status != http.StatusSeeOther {
		b.t.Fatalf("Tracker: %d %s", p.status, p.body)
	}
}

// signedIn is a browser of a person who came to the console by way of the product.
func (p *people) signedIn(name string) *browser {
	p.t.Helper()
	b := p.browser()
	b.password(name)
	if at := b.get("/sign-in?next=/my/apps"); at.url.Path != "/my/apps" || at.status != http.StatusOK {
		p.t.Fatalf("%s: %d %s", at.url, at.status, at.body)
	}
	return b
}

// post sends a form of one of our pages, with what such a form carries.
func (b *browser) post(from page, action string, form url.Values) page {
	b.t.Helper()
	form.Set("form", hidden(from.body, "form"))
	return b.open("POST", action, "http://"+b.ui, form)
}

func hidden(body, name string) string {
	if m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return ""
}

func found(body, pattern string) string {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return ""
}

// state begins a sign-in and stops at the product: what the browser was sent there with.
func (b *browser) state() string {
	b.t.Helper()
	p := b.open("GET", "/sign-in", "", nil)
	to, err := url.Parse(p.header.Get("Location"))
	if err != nil || to.Query().Get("state") == "" {
		b.t.Fatalf("%d %s", p.status, p.header.Get("Location"))
	}
	return to.Query().Get("state")
}

// says is what the product says of a user now.
func (p *people) says(user string, change func(*productkit.User)) string {
	p.t.Helper()
	u := p.user(user)
	if change != nil {
		change(&u)
	}
	token, err := productkit.SignUser(p.Tracker.Key(), u)
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

func (p *people) user(user string) productkit.User {
	p.t.Helper()
	site, err := p.System.Tenancy.SiteByName(p.t.Context(), p.Access.Site)
	if err != nil {
		p.t.Fatal(err)
	}
	return productkit.User{Product: p.Access.Product, Audience: p.Access.UIURL, Site: string(site.ID), ID: user, Name: user, Locale: "en-GB",
		Timezone: "Europe/London", Admin: p.Access.Users[user].Admin, AuthTime: time.Now()}
}

// exchange is the product's back end answering a sign-in; it gives where the browser goes.
func (p *people) exchange(assertion, state string) (location string, a answer) {
	p.t.Helper()
	a = p.api("POST", "/api/v1/sign-ins", "", map[string]string{"state": state, "assertion": assertion})
	var out struct{ Location string }
	if a.status == http.StatusCreated {
		a.into(p.t, &out)
	}
	return out.Location, a
}

// in reports whether the browser is signed in, and as whom.
func (b *browser) in() string {
	b.t.Helper()
	p := b.open("GET", "/my/apps", "", nil)
	if p.status == http.StatusOK {
		return found(p.body, `<strong>([^<]*)</strong>`)
	}
	return ""
}
