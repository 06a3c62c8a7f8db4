package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/id"
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
	"install.uninstall": "Uninstalled an app", "install.wait": "An update waits", "install.upgrade": "An update came by itself",
	"install.request": "A developer asks to install an app", "install.reconfirm": "Confirmed after a restore",
	"install.suspend": "An app was suspended", "install.resume": "An app goes on",
	"consent.give": "A user agreed that an app acts as them", "consent.revoke": "A user's agreement was taken back",
	"install.decline": "Declined an update", "install.pin": "Kept an app at its version", "install.unpin": "Let updates come again",
	"site.add": "The site was added", "site.update": "The site was changed", "site.remove": "The site was removed",
	"token.create": "A token was made", "token.revoke": "A token was revoked",
	"logs.read": "Logs were read",
}

func actName(act string) string {
	if n, ok := actNames[act]; ok {
		return n
	}
	return clean(act, 60)
}

type fact struct{ Name, Value string }

type entry struct {
	At    time.Time
	Who   string
	What  string
	App   string
	Facts []fact
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
	all, err := c.Audit.List(v.ctx(), scope)
	if err != nil {
		return err
	}
	sort.SliceStable(all, func(a, b int) bool { return all[a].At > all[b].At })
	q := v.URL.Query()
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
	kinds := map[string]bool{}
	var shown []audit.Entry
	for _, e := range all {
		kinds[e.Act] = true
		if fits(e, q.Get("act"), q.Get("app"), q.Get("from"), q.Get("to")) {
			shown = append(shown, e)
		}
	}
	skip := 0
	_, _ = fmt.Sscanf(q.Get("skip"), "%d", &skip)
	skip = min(max(skip, 0), len(shown))
	older := ""
	if rest := shown[skip:]; len(rest) > auditPage {
		q.Set("skip", fmt.Sprint(skip+auditPage))
		older = "/audit?" + q.Encode()
		shown = rest[:auditPage]
	} else {
		shown = rest
	}
	entries := make([]entry, 0, len(shown))
	for _, e := range shown {
		entries = append(entries, entry{At: time.UnixMilli(e.At), Who: c.person(v.ctx(), e.Actor), What: actName(e.Act),
			App: names[e.Install], Facts: factsOf(e.Detail)})
	}
	type kind struct{ Key, Name string }
	var list []kind
	for k := range kinds {
		list = append(list, kind{k, actName(k)})
	}
	slices.SortFunc(list, func(a, b kind) int { return strings.Compare(a.Name, b.Name) })
	return c.render(v, http.StatusOK, "audit.html", page{Title: "Audit log", Section: "audit", Data: map[string]any{
		"Entries": entries, "Kinds": list, "Apps": choices, "Act": q.Get("act"), "App": q.Get("app"), "From": q.Get("from"), "To": q.Get("to"), "Older": older}})
}

func fits(e audit.Entry, act, app, from, to string) bool {
	at := time.UnixMilli(e.At).UTC()
	if t, err := time.Parse(time.DateOnly, from); err == nil && at.Before(t) {
		return false
	}
	if t, err := time.Parse(time.DateOnly, to); err == nil && !at.Before(t.AddDate(0, 0, 1)) {
		return false
	}
	return (act == "" || e.Act == act) && (app == "" || string(e.Install) == app)
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
				out = append(out, fact{clean(name, 40), clean(value, 120)})
			}
		case json.Number, bool:
			out = append(out, fact{clean(name, 40), fmt.Sprint(value)})
		}
	}
	slices.SortFunc(out, func(a, b fact) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// person names who acted: "admin:tracker/alice" is Tracker's user alice.
func (c *Console) person(ctx context.Context, actor string) string {
	kind, who, ok := strings.Cut(actor, ":")
	if !ok {
		return clean(actor, 80)
	}
	role := map[string]string{"admin": "admin", "developer": "developer", "operator": "operator", "ci": "CI token", "user": "user", "app": "app"}[kind]
	if product, user, ok := strings.Cut(who, "/"); ok {
		return clean(user, 60) + " (" + role + ", " + clean(product, 40) + ")"
	}
	if x, err := c.Accounts.AccountByID(ctx, id.Account(who)); err == nil {
		who = x.Name
	}
	return clean(who, 60) + " (" + role + ")"
}
