package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/feature/account"
)

// A program that runs where its user's browser does has the browser come back to it (OAuth
// 2.1). Anybody can lead anybody to this page, so it says where the browser would go, and
// nothing happens without its button.

// authorization is what a program asks, as the address of the page says it.
type authorization struct {
	account.Asking
	Client          account.Client
	State, Resource string
}

// fields are the request's own, which the form carries on.
var authorizeFields = []string{"response_type", "client_id", "redirect_uri", "code_challenge", "code_challenge_method", "resource", "state", "scope"}

// asking reads what a program asks. back says that the program can be told of an error: an
// address that is not the program's is sent nothing.
func (c *Console) asking(v *visit, q url.Values) (a authorization, back bool, err error) {
	a = authorization{State: q.Get("state"), Resource: q.Get("resource"),
		Asking: account.Asking{ClientID: q.Get("client_id"), Redirect: q.Get("redirect_uri"), Challenge: q.Get("code_challenge")}}
	if a.Client, err = account.ReadAsking(a.Asking); err != nil {
		return a, false, err
	}
	for _, name := range authorizeFields {
		if len(q[name]) > 1 || len(q.Get(name)) > 4096 {
			return a, true, fault.New(fault.Usage, "invalid_request", "%s is given twice, or too long", name)
		}
	}
	switch {
	case q.Get("response_type") != "code":
		return a, true, fault.New(fault.Usage, "unsupported_response_type", "the only response_type is code")
	case a.Challenge == "" || q.Get("code_challenge_method") != "S256":
		return a, true, fault.New(fault.Usage, "invalid_request", "a code_challenge with the method S256 is needed")
	case q.Get("scope") != "" && q.Get("scope") != "actions":
		return a, true, fault.New(fault.Usage, "invalid_scope", "the only scope is actions")
	}
	name, ok := strings.CutPrefix(a.Resource, c.Server().Control+"/mcp/")
	if name, err = url.PathUnescape(name); !ok || err != nil {
		return a, true, fault.New(fault.Usage, "invalid_target", "resource is no site's actions")
	}
	site, err := c.Tenancy.SiteByName(v.ctx(), name)
	if fault.KindOf(err) == fault.NotFound {
		site, err = c.Tenancy.SiteByID(v.ctx(), id.Site(name))
	}
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return a, false, err
	}
	if a.Site = site.ID; err != nil || a.Site != v.session.Site {
		return a, false, fault.New(fault.Denied, "ANOTHER_SITE", "the program asks for another site than the one that you are signed in to").
			WithFix("sign out, sign in on that site, and have the program ask again")
	}
	return a, true, nil
}

func (c *Console) askAuthorize(v *visit) error {
	a, _, err := c.asking(v, v.URL.Query())
	if err != nil {
		return err // and nobody is led anywhere by a link: the program's address is its own word
	}
	fields := map[string]string{}
	for _, name := range authorizeFields {
		fields[name] = v.URL.Query().Get(name)
	}
	to, err := url.Parse(a.Redirect)
	if err != nil {
		return err
	}
	return c.render(v, http.StatusOK, "program_authorize.html", page{Title: "A program asks", Section: "programs", Data: map[string]any{
		"Program": quote.Line(a.Client.Name, 60), "Fields": fields, "Life": hours(account.ProgramLife), "Host": to.Host, "Here": to.Scheme == "http"}})
}

func (c *Console) authorize(v *visit) error {
	if err := v.ParseForm(); err != nil {
		return fault.New(fault.Usage, "BAD_FORM", "the form cannot be read")
	}
	a, back, err := c.asking(v, v.PostForm)
	if err == nil && v.PostForm.Get("decision") != "allow" {
		err = fault.New(fault.Denied, "access_denied", "the user turned it away")
	}
	if err != nil {
		return c.turnedBack(v, a, back, err)
	}
	code, err := c.Accounts.AllowProgram(v.ctx(), v.session.Principal(), a.Asking)
	if err != nil {
		return err
	}
	return c.goBack(v, a, url.Values{"code": {code}})
}

// turnedBack tells the program of an error if it may be told, and the person otherwise.
func (c *Console) turnedBack(v *visit, a authorization, back bool, err error) error {
	e, ok := fault.As(err)
	if !back || !ok || e.Kind == fault.Internal {
		return err
	}
	return c.goBack(v, a, url.Values{"error": {e.Code}, "error_description": {e.Public}})
}

// goBack leads the browser to the program. It is a page and no redirect: browsers hold a
// form's redirects to the origins that its page names.
func (c *Console) goBack(v *visit, a authorization, q url.Values) error {
	to, err := url.Parse(a.Redirect)
	if err != nil {
		return err
	}
	have := to.Query()
	for name, value := range q {
		have[name] = value
	}
	have.Set("iss", c.Server().Control) // RFC 9207: who answers
	if a.State != "" {
		have.Set("state", a.State)
	}
	to.RawQuery = have.Encode()
	return c.render(v, http.StatusOK, "leave.html", page{Title: "One moment", Section: "programs", Data: map[string]any{"URL": to.String(), "Program": quote.Line(a.Client.Name, 60)}})
}
