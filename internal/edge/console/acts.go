package console

import (
	"context"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/quote"
)

// The smaller decisions about an installed app.

func pageOf(p proposal) string { return "/apps/" + string(p.Installation) }

func (c *Console) showDecline(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	return summary{Title: "Decline the update of " + p.Name + "?", Button: "Decline", Back: pageOf(p),
		Text: []string{"The app goes on as before. It does not ask for this version again; the next one may."}}, nil
}

func (c *Console) doDecline(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	_, err = c.Installs.Decline(ctx, by, p.Installation, p.Version)
	return "declined", pageOf(p), err
}

func (c *Console) showPin(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	if p.Pinned {
		return summary{Title: "Keep " + p.Name + " at its version?", Button: "Keep", Back: pageOf(p),
			Text: []string{"No update reaches it, not even one that asks for nothing new, until you let updates come again."}}, nil
	}
	return summary{Title: "Let updates of " + p.Name + " come again?", Button: "Let them come", Back: pageOf(p),
		Text: []string{"Versions that ask for nothing new come by themselves, as this site takes updates. Others wait for you."}}, nil
}

func (c *Console) doPin(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	_, err = c.Installs.Pin(ctx, by, p.Installation, p.Pinned)
	return "saved", pageOf(p), err
}

// egressOf reads what an admin typed, so that the page before the click shows what would
// really be admitted.
func egressOf(p proposal) (perm.Set, error) {
	use := perm.UseOf(p.Type)
	if use == 0 {
		return perm.Set{}, fault.New(fault.Usage, "EGRESS_TYPE", "there is no such way of sending data").WithFix("choose one of the list")
	}
	pattern, err := hostrule.ParsePattern(p.Host, use)
	if err != nil {
		return perm.Set{}, fault.New(fault.Usage, "PATTERN", "%q is no host that an app can be allowed to reach", quote.Line(p.Host, 100)).
			WithFix("write a host such as api.example.com, or *.example.com for every host below it")
	}
	return perm.Set{Egress: []perm.Egress{{Type: p.Type, Pattern: pattern, InScopeEUD: true}}}, nil
}

func (c *Console) showEgress(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	set, err := egressOf(p)
	return summary{Title: "Let " + p.Name + " reach another address?", Button: "Allow", Back: p.back(),
		Text: append([]string{"It counts at once, also for what is running. You can take it back at any time."},
			c.effect(ctx, by, p.Installation, func(ctx context.Context) error {
				_, err := c.Installs.AddEgress(ctx, by, p.Installation, p.Type, p.Host)
				return err
			})...),
		Allowed: lineSections(perm.Describe(set, c.words(ctx, p.Target.Product)))}, err
}

func (c *Console) doEgress(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	_, err = c.Installs.AddEgress(ctx, by, p.Installation, p.Type, p.Host)
	return "saved", p.back(), err
}

func (c *Console) showNoEgress(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	set, err := egressOf(p)
	return summary{Title: "Take an address away from " + p.Name + "?", Button: "Take away", Back: p.back(),
		Text: append([]string{"It counts within a second, also for calls that are running."},
			c.effect(ctx, by, p.Installation, func(ctx context.Context) error {
				_, err := c.Installs.RemoveEgress(ctx, by, p.Installation, p.Type, p.Host)
				return err
			})...),
		Withheld: perm.Describe(set, c.words(ctx, p.Target.Product))}, err
}

func (c *Console) doNoEgress(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	_, err = c.Installs.RemoveEgress(ctx, by, p.Installation, p.Type, p.Host)
	return "narrowed", p.back(), err
}

func (c *Console) showRevoke(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	return summary{Title: "Take back that " + p.Name + " acts as " + quote.Line(string(p.User), 60) + "?", Button: "Take back", Back: pageOf(p),
		Text: []string{"The app's next call as that user is refused. The user is asked again when the app needs it."}}, nil
}

func (c *Console) doRevoke(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "narrowed", pageOf(p), c.Consents.Revoke(ctx, by, by.Site, p.Installation, by.Product, p.User)
}

func (c *Console) showNoTunnel(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	who := quote.Line(string(p.User), 60)
	return summary{Title: "End that tunnels carry what " + who + " does in " + p.Name + "?", Button: "End", Back: pageOf(p),
		Text: []string{"The tunnel closes within a second, and what runs in it ends. What " + who + " does in the app’s pages runs what is deployed. A developer may ask " + who + " again."}}, nil
}

func (c *Console) doNoTunnel(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	_, err = c.Accounts.EndAgreementsOn(ctx, by, by.Site, p.Installation, by.Product, p.User)
	return "tunnel-ended", pageOf(p), err
}
