package console

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/edge/outflow"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/remote"
	"github.com/annexhq/annex/internal/infra/credential"
)

// Remotes on the page of data: where they are, what they are called with, and the private
// networks that were opened for them.

type remoteList struct {
	outflow.Remotes
	Networks []install.Network // that the operator listed for the site
	Kinds    []string
}

func (c *Console) remotesOf(v *visit, i install.Installation) (remoteList, error) {
	p, err := c.viewer(v)
	if err != nil {
		return remoteList{}, err
	}
	out := remoteList{Kinds: remote.Kinds}
	if out.Remotes, err = c.Outflow.Remotes(v.ctx(), p, i.ID); err != nil {
		return out, err
	}
	for n := range out.Remotes.Remotes {
		r := &out.Remotes.Remotes[n]
		if r.By != "" {
			r.By = c.person(v.ctx(), r.By)
		}
		if r.Credential != nil {
			r.Credential.By = c.person(v.ctx(), r.Credential.By)
		}
		for k := range r.Networks {
			r.Networks[k].By = c.person(v.ctx(), r.Networks[k].By)
		}
	}
	out.Networks, err = c.Installs.SiteNetworks(v.ctx(), p, i.Site)
	return out, err
}

// readRemote reads what a form says of a remote.
func (p *proposal) readRemote(v *visit) {
	p.Remote, p.Why = v.PostFormValue("remote"), quote.Line(strings.TrimSpace(v.PostFormValue("why")), 300)
	p.Network, p.CA, p.Origin = v.PostFormValue("network"), strings.TrimSpace(v.PostFormValue("ca")), v.PostFormValue("origin")
	if n, err := strconv.ParseUint(v.PostFormValue("port"), 10, 16); err == nil {
		p.Port = uint16(n)
	}
	if kind := v.PostFormValue("kind"); kind != "" {
		p.Credential = &remote.Credential{Kind: kind, Name: strings.TrimSpace(v.PostFormValue("name")),
			TokenPath: strings.TrimSpace(v.PostFormValue("token-path")), Scope: strings.TrimSpace(v.PostFormValue("scope")), Certificate: strings.TrimSpace(v.PostFormValue("certificate"))}
	}
}

func (c *Console) setRemote(by id.Principal, p proposal) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := c.Installs.SetRemote(ctx, by, p.Installation, p.Remote, p.Host, p.Why, p.Epoch)
		return err
	}
}

func (c *Console) showRemote(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	if p.Remote == "" {
		return summary{}, fault.New(fault.Usage, "MISSING", "no remote was named")
	}
	out := summary{Title: "Set where the remote " + quote.Line(p.Remote, 60) + " of " + p.Name + " is?", Button: "Save", Back: dataPage(p),
		Text: []string{"From then on the app sends to " + quote.Line(p.Host, 200) + ". Its credential, if it has one, is emptied when the endpoint is another one."}}
	if strings.HasPrefix(strings.ToLower(p.Host), "http:") {
		out.Text = append(out.Text, "That is not encrypted: everybody on the way can read and change what is sent.")
	}
	if p.Host == "" {
		out = summary{Title: "Take the address of the remote " + quote.Line(p.Remote, 60) + " away from " + p.Name + "?", Button: "Take away", Back: dataPage(p),
			Text: []string{"It counts within a second. What the app's developer declared as its address, if anything, counts again."}}
	}
	out.Text = append(out.Text, c.effect(ctx, by, p.Installation, c.setRemote(by, p))...)
	return out, nil
}

func (c *Console) doRemote(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "saved", dataPage(p), c.setRemote(by, p)(ctx)
}

func noRemoteNamed(p proposal) error {
	if p.Remote == "" {
		return fault.New(fault.Usage, "MISSING", "no remote was named")
	}
	return nil
}

func (c *Console) showCredential(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	if p.Credential == nil || p.Origin == "" || !slices.Contains(remote.Kinds, p.Credential.Kind) {
		return summary{}, fault.New(fault.Usage, "MISSING", "no kind of credential was named")
	}
	what := strings.TrimSpace(p.Credential.Kind + " " + quote.Line(p.Credential.Name, 60))
	out := summary{Title: "Give the remote " + quote.Line(p.Remote, 60) + " of " + p.Name + " a credential?", Button: "Store", Back: dataPage(p),
		Secret: "The secret (" + what + ")",
		Text: []string{"It goes to " + quote.Line(p.Origin, 200) + " and nowhere else. The app uses it and never reads it; neither does its developer, nor you, once it is stored.",
			"When the remote is elsewhere it is emptied. One that was there before is replaced."}}
	if p.Credential.Kind == remote.Certificate {
		known, err := credential.ReadCertificate(p.Credential.Certificate, c.Now())
		if err != nil {
			return summary{}, err
		}
		out.Secret, out.Lines = "The certificate’s private key (PEM)", true
		out.Text = append(out.Text, "The certificate is of "+known.Subject+", by "+known.Issuer+", until "+known.Expires.Format(time.DateOnly)+
			". Its fingerprint (SHA-256): "+known.Fingerprint+". It is shown when a connection is made, to that host and port alone.")
	}
	return out, noRemoteNamed(p)
}

func (c *Console) doCredential(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	cred := *p.Credential
	cred.Secret = p.secret
	_, err = c.Remotes.SetCredential(ctx, by, p.Installation, p.Remote, p.Origin, cred)
	return "saved", dataPage(p), err
}

func (c *Console) showNoCredential(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	return summary{Title: "Take the credential of the remote " + quote.Line(p.Remote, 60) + " away?", Button: "Take away", Back: dataPage(p),
		Text: []string{"From then on the remote is called without it."}}, noRemoteNamed(p)
}

func (c *Console) doNoCredential(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "saved", dataPage(p), c.Remotes.ClearCredential(ctx, by, p.Installation, p.Remote)
}

func (c *Console) showNetwork(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	out := summary{Title: "Open a private network to the remote " + quote.Line(p.Remote, 60) + " of " + p.Name + "?", Button: "Open", Danger: true, Back: dataPage(p),
		Text: []string{fmt.Sprintf("The app, whoever wrote it, may then be sent to %s, port %d, behind your walls: that host alone, by this remote alone, once its address is set to it.", quote.Line(p.Host, 200), p.Port),
			"There, and only there, the address may be plain http, which everybody on the way can read."}}
	if p.CA != "" {
		out.Text = append(out.Text, "The host proves itself with a certificate of the authority that you gave.")
	}
	out.Text = append(out.Text, c.effect(ctx, by, p.Installation, c.openNetwork(by, p))...)
	return out, noRemoteNamed(p)
}

func (c *Console) doNetwork(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "saved", dataPage(p), c.openNetwork(by, p)(ctx)
}

func (c *Console) closeNetwork(by id.Principal, p proposal) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := c.Installs.RevokeNetwork(ctx, by, p.Installation, p.Remote, p.Host, p.Port)
		return err
	}
}

func (c *Console) showNoNetwork(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	return summary{Title: fmt.Sprintf("Close %s:%d to the remote %s?", quote.Line(p.Host, 200), p.Port, quote.Line(p.Remote, 60)), Button: "Close", Back: dataPage(p),
		Text: append([]string{"It counts within a second, also for calls that are running."}, c.effect(ctx, by, p.Installation, c.closeNetwork(by, p))...)}, noRemoteNamed(p)
}

func (c *Console) doNoNetwork(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "saved", dataPage(p), c.closeNetwork(by, p)(ctx)
}

func (c *Console) dropModule(by id.Principal, p proposal) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := c.Installs.UnregisterRemote(ctx, by, p.Installation, p.Remote)
		return err
	}
}

func (c *Console) showNoModule(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	return summary{Title: "Remove the remote " + quote.Line(p.Remote, 60) + " that " + p.Name + " registered?", Button: "Remove", Back: dataPage(p),
		Text: append([]string{"Its address, its credential and the networks opened for it go with it. The app may register it again, and gets nothing by that."},
			c.effect(ctx, by, p.Installation, c.dropModule(by, p))...)}, noRemoteNamed(p)
}

func (c *Console) doNoModule(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "saved", dataPage(p), c.dropModule(by, p)(ctx)
}
