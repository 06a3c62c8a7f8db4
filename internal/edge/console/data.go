package console

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/edge/outflow"
	"github.com/annexhq/annex/internal/feature/install"
)

// The page on where an app sends data: what went, what may, and what admins set.

func (c *Console) sentOf(v *visit) (install.Installation, outflow.Sent, error) {
	i, err := c.installation(v)
	if err != nil {
		return i, outflow.Sent{}, err
	}
	p, err := c.viewer(v)
	if err != nil {
		return i, outflow.Sent{}, err
	}
	since := c.Now().Add(-outflow.Window)
	s, err := c.Outflow.Sent(v.ctx(), p, i.ID, since, c.Now())
	return i, s, err
}

func (c *Console) showData(v *visit) error {
	i, s, err := c.sentOf(v)
	if err != nil {
		return err
	}
	for n := range s.Configured {
		s.Configured[n].By = c.person(v.ctx(), s.Configured[n].By)
	}
	a := c.view(v, i)
	remotes, err := c.remotesOf(v, i)
	if err != nil {
		return err
	}
	keys, err := c.keysOf(v, i)
	if err != nil {
		return err
	}
	return c.render(v, http.StatusOK, "data.html", page{Title: "Data of " + a.Name, Section: "apps", Data: map[string]any{
		"App": a, "Sent": s, "Types": egressChoices(), "Configurable": perm.Intersect(i.Granted, i.Declared).Configurable != nil, "Epoch": i.Epoch, "Remotes": remotes, "Keys": keys}})
}

// exportData gives the page's content to programs.
func (c *Console) exportData(v *visit) error {
	_, s, err := c.sentOf(v)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", `attachment; filename="data.json"`)
	_, _ = v.w.Write(text)
	return nil
}

// signal says in a word whether data can leave the site by an app.
type signal struct{ Word, Text, Class string }

// signal is the same for everybody who may see the app.
func (c *Console) signal(v *visit, i *install.Installation) signal {
	s, err := c.Outflow.Signal(v.ctx(), v.session.Principal(), i)
	if err != nil {
		c.Log.ErrorContext(v.ctx(), "whether data can leave by an installation cannot be told", "installation", i.ID, "err", err)
		return signal{"Not known", "It cannot be said at present whether data may leave.", "out"}
	}
	return signalText(s)
}

// useOf says in words what an address is for.
func useOf(t perm.EgressType) string {
	for _, c := range egressChoices() {
		if c.Type == t {
			return c.Name
		}
	}
	return "Its pages lead people there" // what no admin adds by hand
}

// placesOf are the parts of what an app may do that a reason speaks of, as people read them;
// none where the reason has said it all.
func placesOf(r perm.SignalReason) (out []string) {
	short := map[perm.EgressType]string{perm.Backend: "functions", perm.Client: "pages", perm.Images: "images", perm.Media: "sound and video", perm.Fonts: "fonts",
		perm.Styles: "style sheets", perm.Scripts: "code", perm.Frames: "embedded pages", perm.Navigation: "links"}
	switch r.Code {
	case perm.SignalLogs, perm.SignalConfigurable:
		return nil
	case perm.SignalEgress:
		for _, w := range r.Where {
			t, at, _ := strings.Cut(w, " ")
			out = append(out, quote.Line(at, 200)+" ("+short[perm.EgressType(t)]+")")
		}
		return out
	}
	for _, w := range r.Where {
		out = append(out, quote.Line(w, 200))
	}
	return out
}

func signalText(s perm.Signal) signal {
	var why []string
	for _, r := range s.Reasons {
		why = append(why, r.Text)
	}
	text := strings.Join(why, " ")
	switch s.Value {
	case perm.StaysInside:
		return signal{"Stays inside", "Nothing that it is allowed lets data leave.", "good"}
	case perm.StaysInsideToday:
		return signal{"Stays inside today", text, "fair"}
	}
	return signal{"Sends data out", text, "out"}
}

// effect says what an act would have meant for what the app did, by doing it and taking it
// back. An act that cannot be done says so when it is tried for good.
func (c *Console) effect(ctx context.Context, by id.Principal, i id.Install, act func(ctx context.Context) error) []string {
	p, err := c.Outflow.WhatIf(ctx, by, i, act)
	if err != nil {
		return nil
	}
	return append(replayed(p), marked(p)...)
}

// replayed says what a change would have meant for the requests of the last 30 days.
func replayed(p outflow.Prediction) (out []string) {
	for n, d := range p.Differences {
		if n == 10 {
			out = append(out, fmt.Sprintf("And so for %d other destinations.", len(p.Differences)-n))
			break
		}
		to := quote.Line(cmp.Or(strings.TrimSpace(d.Origin+" "+d.Operation), "what has no address here"), 200)
		if d.Refused > 0 {
			out = append(out, fmt.Sprintf("In the last %d days it would have refused %s to %s.", p.Days, requests(d.Refused), to))
		}
		if d.Allowed > 0 {
			out = append(out, fmt.Sprintf("In the last %d days it would have let go %s to %s that were refused.", p.Days, requests(d.Allowed), to))
		}
		if d.Unsure > 0 && d.Via == "product" {
			out = append(out, fmt.Sprintf("Of %s to %s nobody knows: the people are asked again when more may leave.", requests(d.Unsure), to))
		} else if d.Unsure > 0 {
			out = append(out, fmt.Sprintf("Of %s to %s nobody knows: it depends on what is not kept.", requests(d.Unsure), to))
		}
	}
	if len(out) == 0 && p.Seen == 1 {
		out = append(out, fmt.Sprintf("Its one request of the last %d days would not have gone otherwise.", p.Days))
	} else if len(out) == 0 && p.Seen > 0 {
		out = append(out, fmt.Sprintf("None of its %d requests of the last %d days would have gone otherwise.", p.Seen, p.Days))
	}
	return out
}

func marked(p outflow.Prediction) []string {
	if p.Before.Value == p.After.Value {
		return nil
	}
	return []string{"The app is then marked: " + strings.ToLower(signalText(p.After).Word) + "."}
}

func (c *Console) analytics(by id.Principal, p proposal, epoch uint64) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		change := install.Change{Off: []string{"analytics"}}
		if p.Pinned { // switched on again
			change = install.Change{On: []string{"analytics"}, Epoch: epoch}
		}
		_, err := c.Installs.Change(ctx, by, p.Installation, change)
		return err
	}
}

func (c *Console) showAnalytics(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	title, button := "Switch off what "+p.Name+" sends for analytics?", "Switch off"
	if p.Pinned {
		title, button = "Let "+p.Name+" send for analytics again?", "Switch on"
	}
	return summary{Title: title, Button: button, Back: dataPage(p), Text: append([]string{"It counts for every destination that the app declares for analytics, in all versions to come."},
		c.effect(ctx, by, p.Installation, c.analytics(by, p, p.Epoch))...)}, nil
}

func (c *Console) doAnalytics(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "saved", dataPage(p), c.analytics(by, p, p.Epoch)(ctx)
}

// back is the page on which a decision was begun.
func (p proposal) back() string {
	if p.OnData {
		return dataPage(p)
	}
	return pageOf(p)
}

func dataPage(p proposal) string { return "/apps/" + string(p.Installation) + "/data" }
