package provider

import (
	"context"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/infra/credential"
)

// A service whose people have keys in the place of consents is an account like any other, of
// which its person typed the credential on the platform's own page: the app uses it as that
// person, and never reads it. There is one for each person; another key takes its place.
const keyAccount = "key"

// GiveKey keeps a person's key for the origins that the person was shown.
func (s *Service) GiveKey(ctx context.Context, user id.Principal, install id.Install, key string, sends []string, secret string) (Account, error) {
	d, o, err := s.here(ctx, user, install, key)
	if err != nil {
		return Account{}, fault.Op("provider.GiveKey", err)
	}
	if !d.OfKeys() {
		return Account{}, fault.New(fault.Denied, "NO_KEY_WANTED", "%s asks its people itself, and takes no key", quote.Line(d.Name, 80)).WithFix("begin again from the app")
	}
	if len(secret) < minSiteSecret || len(secret) > maxSiteSecret || !credential.Visible(secret) {
		return Account{}, fault.New(fault.Invalid, "BAD_CREDENTIAL", "a key has %d to %d bytes, all of them characters that a header may have", minSiteSecret, maxSiteSecret).
			WithFix("give it as the service gave it, on one line, without spaces around it")
	}
	pins, err := d.pins()
	if err != nil {
		return Account{}, fault.Op("provider.GiveKey", err)
	}
	sends = slices.Sorted(slices.Values(sends))
	if !slices.Equal(sends, pins) {
		return Account{}, fault.New(fault.Conflict, "PREVIEW_CHANGED", "the key of %s goes to %s by now", quote.Line(d.Name, 80), strings.Join(pins, ", ")).WithFix("look at it again")
	}
	f := &flow{site: user.Site, install: install, product: user.Product, user: user.User, provider: key}
	if err := s.keep(ctx, f, d, o, profile{ID: keyAccount, DisplayName: "Key"}, granted{access: secret}, nil); err != nil {
		return Account{}, fault.Op("provider.GiveKey", err)
	}
	return Account{Env: o.env, App: d.policy.App, Site: o.site, Directory: o.directory, User: o.user, Provider: d.Key, ID: keyAccount, Name: "Key", Connected: s.Now()}, nil
}
