package install_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func remoteSet(t *testing.T, patterns ...string) perm.Set {
	t.Helper()
	r := perm.Remote{Key: "logs", Endpoints: map[string]string{"default": "https://logs.example.com"}, Configurable: true, Operations: []string{"compute"}}
	for _, text := range patterns {
		p, err := hostrule.ParsePattern(text, hostrule.Remote)
		if err != nil {
			t.Fatal(err)
		}
		r.Patterns = append(r.Patterns, p)
	}
	return perm.Set{Remotes: []perm.Remote{r, {Key: "fixed", Endpoints: map[string]string{"default": "https://fixed.example.com"}}}}
}

func TestAdminsSetRemotes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		var told []string
		b.RemoteChanged = nil
		b.publish(t, "production", "v1", remoteSet(t, "*.alice.example"))
		i := b.grant(t, alice, production("site-a"), nil).Installation
		url := func(key string) string { return perm.URLOf(b.policy(t, i.ID).Set, key) }
		if url("logs") != "https://logs.example.com" {
			t.Fatalf("it begins at %q", url("logs"))
		}
		for _, c := range []struct{ key, url, code string }{
			{"logs", "https://evil.test/.alice.example", "OUTSIDE_PATTERNS"},
			{"logs", "http://logs.alice.example", "BAD_REMOTE_URL"},
			{"logs", "https://10.1.2.3", "BAD_REMOTE_URL"},
			{"fixed", "https://logs.alice.example", "NOT_CONFIGURABLE"},
			{"none", "https://logs.alice.example", "NO_SUCH_REMOTE"},
			{"none", "", "NO_SUCH_REMOTE"},
		} {
			_, err := b.SetRemote(t.Context(), alice, i.ID, c.key, c.url, "", i.Epoch)
			want(t, err, c.code)
		}
		_, err := b.SetRemote(t.Context(), alice, i.ID, "logs", "https://x.alice.example", "", i.Epoch+1)
		want(t, err, "PREVIEW_CHANGED")
		_, err = b.SetRemote(t.Context(), bob, i.ID, "logs", "https://x.alice.example", "", i.Epoch)
		want(t, err, "ROLE_REQUIRED")
		_, err = b.SetRemote(t.Context(), aliceB, i.ID, "logs", "https://x.alice.example", "", i.Epoch)
		want(t, err, "NOT_YOURS")
		b.RemoteChanged = func(_ context.Context, s tenant.Scope, key string) error {
			told = append(told, string(s.Install())+" "+key)
			return nil
		}
		i = must[install.Installation](t)(b.SetRemote(t.Context(), alice, i.ID, "logs", "https://X.alice.example/v1/", "", i.Epoch))
		if url("logs") != "https://x.alice.example/v1" || len(told) != 1 || told[0] != string(i.ID)+" logs" {
			t.Fatalf("it is at %q, told %v", url("logs"), told)
		}
		// What narrows the patterns takes the endpoint away; the declared one does not come back.
		b.publish(t, "production", "v2", remoteSet(t, "*.b.alice.example"))
		if got := b.policy(t, i.ID); got.Version == "v2" && url("logs") != "" {
			t.Fatalf("outside the new patterns it is at %q", url("logs"))
		}
		i = must[install.Installation](t)(b.SetRemote(t.Context(), alice, i.ID, "logs", "", "", b.policy(t, i.ID).Epoch))
		if url("logs") != "https://logs.example.com" {
			t.Fatalf("reset, it is at %q", url("logs"))
		}
	})
}

func TestAppsRegisterRemotesThatGrantNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		b.publish(t, "production", "v1", remoteSet(t))
		i := b.grant(t, alice, production("site-a"), nil).Installation
		scope := b.policy(t, i.ID).Scope
		before := b.policy(t, i.ID).Set
		pattern, err := hostrule.ParsePattern("*.alice.example", hostrule.Remote)
		if err != nil {
			t.Fatal(err)
		}
		reg := install.RegisteredRemote{Key: "second", Name: "Second", Patterns: []hostrule.Pattern{pattern}}
		if err := b.RegisterRemote(t.Context(), scope, reg); err != nil {
			t.Fatal(err)
		}
		if got := b.policy(t, i.ID).Set; !perm.Equal(before, got) {
			t.Fatalf("registering granted %+v", perm.Diff(before, got))
		}
		want(t, b.RegisterRemote(t.Context(), scope, reg), "KEY_TAKEN")
		want(t, b.RegisterRemote(t.Context(), scope, install.RegisteredRemote{Key: "logs", Name: "x"}), "KEY_TAKEN")
		want(t, b.RegisterRemote(t.Context(), scope, install.RegisteredRemote{Key: "a b", Name: "x"}), "INVALID_KEY")
		epoch := b.policy(t, i.ID).Epoch
		_, err = b.SetRemote(t.Context(), alice, i.ID, "second", "https://evil.test", "", epoch)
		want(t, err, "OUTSIDE_PATTERNS")
		must[install.Installation](t)(b.SetRemote(t.Context(), alice, i.ID, "second", "https://x.alice.example", "", epoch))
		if got := perm.URLOf(b.policy(t, i.ID).Set, "second"); got != "https://x.alice.example" {
			t.Fatalf("it is at %q", got)
		}
		must[install.Installation](t)(b.UnregisterRemote(t.Context(), alice, i.ID, "second"))
		if perm.HasRemote(b.policy(t, i.ID).Set, "second") {
			t.Fatal("what was removed is there")
		}
		for n := range install.MaxRegistered {
			if err := b.RegisterRemote(t.Context(), scope, install.RegisteredRemote{Key: fmt.Sprint("r", n), Name: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		want(t, b.RegisterRemote(t.Context(), scope, install.RegisteredRemote{Key: "more", Name: "x"}), "LIMIT_REMOTES")
	})
}

func TestPrivateNetworksNeedTwoKeys(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		b.publish(t, "production", "v1", remoteSet(t))
		a := b.grant(t, alice, production("site-a"), nil).Installation
		other := b.grant(t, aliceB, production("site-b"), nil).Installation
		network := install.Network{Site: "site-a", CIDR: netip.MustParsePrefix("10.20.0.0/16"), Ports: []uint16{8088}}
		_, err := b.ListNetwork(t.Context(), alice, network)
		want(t, err, "ROLE_REQUIRED")
		for _, never := range []string{"64:ff9b::/96", "2002::/16", "fec0::/10", "127.0.0.0/8", "127.0.0.1/32", "169.254.169.254/32", "::1/128", "fd00:ec2::/32", "168.63.129.16/32", "fe80::/64", "0.0.0.0/8"} {
			_, err := b.ListNetwork(t.Context(), operator, install.Network{Site: "site-a", CIDR: netip.MustParsePrefix(never), Ports: []uint16{80}})
			want(t, err, "NEVER_LIFTED")
		}
		n := must[install.Network](t)(b.ListNetwork(t.Context(), operator, network))
		// The operator's key alone opens nothing.
		_, err = b.SetRemote(t.Context(), alice, a.ID, "logs", "http://10.20.0.5:8088", "", a.Epoch)
		want(t, err, "BAD_REMOTE_URL")
		_, err = b.GrantNetwork(t.Context(), operator, a.ID, n.ID, "logs", "10.20.0.5", 8088, "", a.Epoch)
		want(t, err, "ROLE_REQUIRED")
		// What is listed for one site is not there for another.
		_, err = b.GrantNetwork(t.Context(), aliceB, other.ID, n.ID, "logs", "10.20.0.5", 8088, "", other.Epoch)
		want(t, err, "NO_SUCH_NETWORK")
		for _, c := range []struct {
			remote, host string
			port         uint16
			code         string
		}{
			{"logs", "10.21.0.5", 8088, "OUTSIDE_NETWORK"}, {"logs", "10.20.0.5", 8089, "OUTSIDE_NETWORK"}, {"fixed", "10.20.0.5", 8088, "NOT_CONFIGURABLE"},
			{"none", "10.20.0.5", 8088, "NO_SUCH_REMOTE"}, {"logs", "a b", 8088, "BAD_HOST"},
		} {
			_, err := b.GrantNetwork(t.Context(), alice, a.ID, n.ID, c.remote, c.host, c.port, "", a.Epoch)
			want(t, err, c.code)
		}
		a = must[install.Installation](t)(b.GrantNetwork(t.Context(), alice, a.ID, n.ID, "logs", "10.20.0.5", 8088, "", a.Epoch))
		_, err = b.SetRemote(t.Context(), alice, a.ID, "logs", "http://10.20.0.6:8088", "", a.Epoch)
		want(t, err, "BAD_REMOTE_URL")
		a = must[install.Installation](t)(b.SetRemote(t.Context(), alice, a.ID, "logs", "http://10.20.0.5:8088", "", a.Epoch))
		p := b.policy(t, a.ID)
		if perm.URLOf(p.Set, "logs") != "http://10.20.0.5:8088" || p.NetworkFor("logs", "10.20.0.5", 8088, a.Installed) == nil {
			t.Fatalf("%+v", p)
		}
		if p.NetworkFor("fixed", "10.20.0.5", 8088, a.Installed) != nil || p.NetworkFor("logs", "10.20.0.5", 8089, a.Installed) != nil {
			t.Fatal("the grant is wider than what was granted")
		}
		// The operator takes it back.
		want(t, b.UnlistNetwork(t.Context(), alice, "site-a", n.ID), "ROLE_REQUIRED")
		want(t, b.UnlistNetwork(t.Context(), operator, "site-b", n.ID), "NO_SUCH_NETWORK")
		if err := b.UnlistNetwork(t.Context(), operator, "site-a", n.ID); err != nil {
			t.Fatal(err)
		}
		if p := b.policy(t, a.ID); perm.URLOf(p.Set, "logs") != "" || len(p.Networks) != 0 {
			t.Fatalf("the network is closed, and the remote at %q", perm.URLOf(p.Set, "logs"))
		}
	})
}
