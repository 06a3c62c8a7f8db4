package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/audit"
)

const (
	auditPage  = 50
	noticeLife = time.Minute
)

// actNames are what acts are called by people. An act without a name is shown as it is.
var actNames = map[string]string{
	"install.install": "Installed an app", "install.approve": "Approved an update", "install.grant": "Changed what an app may do",
	"queue.read": "Looked at what an app gave up", "queue.retry": "Had an app try again what it gave up", "queue.drop": "Dropped what an app gave up",
	"install.uninstall": "Uninstalled an app", "install.wait": "An update waits", "install.upgrade": "An update came by itself",
	"install.request": "A developer asks to install an app", "install.reconfirm": "Confirmed after a restore",
	"install.suspend": "An app was suspended", "install.resume": "An app goes on",
	"consent.give": "A user agreed that an app acts as them", "consent.revoke": "A user's agreement was taken back",
	"install.decline": "Declined an update", "install.pin": "Kept an app at its version", "install.unpin": "Let updates come again",
	"site.add": "The site was added", "site.update": "The site was changed", "site.remove": "The site was removed",
	"tunnel.open": "A developer's tunnel that carries a user's calls was opened", "tunnel.close": "A developer's tunnel that carried a user's calls was closed",
	"tunnel.agree": "A user agreed that a developer's tunnel carries their calls", "tunnel.disagree": "A user's agreement to a developer's tunnel was taken back",
	"token.create": "A token was made", "token.revoke": "A token was revoked",
	"install.egress-set": "Addresses were granted to an app that asked", "install.egress-remove-group": "Addresses were taken away",
	"install.remote-set": "The address of a remote was set", "install.remote-reset": "The address of a remote was taken away",
	"install.remote-register": "An app registered a remote", "install.remote-unregister": "A registered remote was removed",
	"install.network-grant": "A private network was opened for a remote", "install.network-revoke": "A private network was closed for a remote",
	"install.network-unlisted": "The operator took a private network back", "network.list": "The operator listed a private network", "network.unlist": "The operator took a private network off the list",
	"access.block": "Apps were kept from a part of the product", "access.unblock": "A rule that kept apps from a part of the product was ended",
	"webtrigger.secret-make": "A web trigger was given its first secret", "webtrigger.secret-rotate": "A web trigger was given another secret", "webtrigger.secret-retire": "A web trigger's earlier secret was ended",
	"remote.credential-set": "A remote was given a credential", "remote.credential-clear": "A remote's credential was taken away",
	"provider.connect": "A user connected an account at a service", "provider.disconnect": "An account at a service was disconnected", "provider.secret": "A developer set the secret of a service",
	"provider.key-set": "A service's credential was given", "provider.key-clear": "A service's credential was taken away",
	"asking.approve": "Granted what an app asked for", "asking.decline": "Declined what an app asked for", "asking.dismiss": "Closed what an app asked for",
	"asking.block": "An app was told not to ask", "asking.unblock": "An app may ask again",
	"install.egress-add": "An address was added", "install.egress-remove": "An address was taken away", "install.rollback": "An app went back to an earlier version",
	"install.restore": "A backup brought an app back", "install.hand-over": "An app got another developer", "install.confirm-owner": "Another developer was confirmed",
	"install.block": "An app was stopped everywhere", "install.unblock": "An app may go on everywhere", "install.erase": "Stored data is to be erased at once",
	"install.erased": "Stored data was erased", "storage.export": "Stored data was taken along", "storage.relink": "An app was given what it stored before", "refused": "Calls were refused",
	"logs.read": "Logs were read", "logs.share": "Logs were shared", "logs.unshare": "Sharing of logs ended",
	"account.connect": "An account was connected", "account.disconnect": "An account was disconnected",
}

func actName(act string) string {
	if n, ok := actNames[act]; ok {
		return n
	}
	return quote.Line(act, 60)
}

type fact struct{ Name, Value string }

type entry struct {
	At    time.Time
	Who   string
	Actor string
	What  string
	App   string
	Facts []fact
}

// actKinds are what the filter offers: all acts of a kind. An act that is named in a link
// narrows further.
var actKinds = []struct{ Key, Name string }{
	{"install", "Apps: installed, approved, narrowed"}, {"consent", "Users' agreements"}, {"logs", "Logs: shared and read"}, {"queue", "Queues: read, tried again, dropped"},
	{"remote", "Credentials of remotes"}, {"provider", "Accounts and keys at services"}, {"network", "Private networks"}, {"access", "Access rules"},
	{"site", "The site and its switches"}, {"token", "Tokens and command lines"}, {"account", "Accounts of products"}, {"refused", "What was refused"},
}

// showAudit shows a site's trail, newest first.
func (c *Console) showAudit(v *visit) error {
	p, err := c.viewer(v)
	if err != nil {
		return err
	}
	scope, err := tenant.ForSite(p, v.session.Site)
	if err != nil {
		return err
	}
	apps, err := c.listed(v)
	if err != nil {
		return err
	}
	names := map[id.Install]string{}
	choices := []app{}
	for _, i := range apps {
		a := app{ID: i.ID, Name: c.appName(v.ctx(), i.App)}
		names[i.ID] = a.Name
		choices = append(choices, a)
	}
	q := v.URL.Query()
	f := audit.Filter{Act: q.Get("act"), Install: id.Install(q.Get("app")), Actor: q.Get("who"), Cursor: q.Get("after"), Limit: auditPage}
	if t, err := time.Parse(time.DateOnly, q.Get("from")); err == nil {
		f.Since = t
	}
	if t, err := time.Parse(time.DateOnly, q.Get("to")); err == nil {
		f.Until = t.AddDate(0, 0, 1)
	}
	got, err := c.Audit.Page(v.ctx(), scope, f)
	if err != nil {
		return err
	}
	entries := make([]entry, 0, len(got.Entries))
	for _, e := range got.Entries {
		entries = append(entries, entry{At: time.UnixMilli(e.At), Who: c.person(v.ctx(), e.Actor), Actor: e.Actor, What: actName(e.Act),
			App: names[e.Install], Facts: factsOf(e.Detail)})
	}
	data := map[string]any{"Entries": entries, "Kinds": actKinds, "Apps": choices, "Act": q.Get("act"), "App": q.Get("app"), "From": q.Get("from"), "To": q.Get("to"),
		"Actor": q.Get("who"), "First": q.Get("after") == ""}
	if f.Actor != "" {
		data["Who"] = c.person(v.ctx(), f.Actor)
	}
	link := func(change func(url.Values)) string {
		to := url.Values{}
		for _, name := range []string{"act", "app", "from", "to", "who"} {
			if q.Get(name) != "" {
				to.Set(name, q.Get(name))
			}
		}
		change(to)
		return "/audit?" + to.Encode()
	}
	if got.Cursor != "" {
		data["Older"] = link(func(to url.Values) { to.Set("after", got.Cursor) })
	}
	data["Newest"], data["Anybody"] = link(func(url.Values) {}), link(func(to url.Values) { to.Del("who") })
	return c.render(v, http.StatusOK, "audit.html", page{Title: "Audit log", Section: "audit", Data: data})
}

// factsOf are the plain values of an entry's detail.
func factsOf(detail json.RawMessage) []fact {
	var all map[string]any
	dec := json.NewDecoder(bytes.NewReader(detail))
	dec.UseNumber()
	if dec.Decode(&all) != nil {
		return nil
	}
	var out []fact
	for name, value := range all {
		switch value := value.(type) {
		case string:
			if value != "" {
				out = append(out, fact{quote.Line(name, 40), quote.Line(value, 120)})
			}
		case json.Number, bool:
			out = append(out, fact{quote.Line(name, 40), fmt.Sprint(value)})
		}
	}
	slices.SortFunc(out, func(a, b fact) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// person names who acted: "admin:tracker/alice" is Tracker's user alice.
func (c *Console) person(ctx context.Context, actor string) string {
	kind, who, ok := strings.Cut(actor, ":")
	if !ok {
		return quote.Line(actor, 80)
	}
	role := map[string]string{"admin": "admin", "developer": "developer", "operator": "operator", "ci": "CI token", "user": "user", "app": "app"}[kind]
	// Users are in the trail as salted hashes: the same person is the same number.
	if product, hash, ok := strings.Cut(who, ":h:"); ok && kind == "user" {
		return "user " + quote.Line(hash, 8) + " (" + quote.Line(product, 40) + ")"
	}
	if product, user, ok := strings.Cut(who, "/"); ok {
		return quote.Line(user, 60) + " (" + role + ", " + quote.Line(product, 40) + ")"
	}
	if x, err := c.Accounts.AccountByID(ctx, id.Account(who)); err == nil {
		who = x.Name
	}
	return quote.Line(who, 60) + " (" + role + ")"
}
