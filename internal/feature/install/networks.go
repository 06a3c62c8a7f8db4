package install

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
)

// A private network needs two keys. The operator lists, per site, which networks its
// admins may open; a site's admin then grants one host and port inside such a network to
// one remote of one installation. Neither alone opens anything.

// Network is a network that the operator lists for a site.
type Network struct {
	ID      string
	Site    id.Site
	CIDR    netip.Prefix
	Ports   []uint16 // never empty
	CA      string   // PEM, "" for none of its own
	Note    string
	Expires time.Time // zero for never
	By      string
	At      time.Time
}

// NetworkGrant is what a site's admin opened of such a network for one remote.
type NetworkGrant struct {
	Network string       `json:"network"` // id of the operator's entry
	Remote  string       `json:"remote"`
	Host    string       `json:"host"`
	Port    uint16       `json:"port"`
	CIDR    netip.Prefix `json:"cidr"`
	CA      string       `json:"ca,omitempty"`
	Expires time.Time    `json:"expires,omitzero"`
	By      string       `json:"by"`
	At      time.Time    `json:"at"`
}

// maxNetworks bounds what is listed for one site, and what is granted to one installation.
const maxNetworks = 50

// neverListed are what nobody opens: the server itself, its link, metadata services,
// multicast, transition forms. netguard refuses the same addresses again when it dials.
var neverListed = prefixes("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
	"::/96", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::/32", "fd20:ce::/32",
	"64:ff9b::/32", "2001::/32", "2002::/16") // forms in which IPv4 hides

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// ListNetwork lists a network for a site; only the operator may.
func (s *Service) ListNetwork(ctx context.Context, p id.Principal, n Network) (Network, error) {
	if !p.Is(id.Operator) {
		return n, denied("only the operator lists networks for sites")
	}
	if err := n.check(s.Now()); err != nil {
		return n, err
	}
	n.ID, n.By, n.At = uuid.Must(uuid.NewV7()).String(), p.String(), s.Now().UTC().Truncate(time.Millisecond)
	n.CIDR = n.CIDR.Masked()
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		have, err := s.networksOf(ctx, n.Site)
		if err != nil {
			return err
		}
		if len(have) >= maxNetworks {
			return fault.New(fault.Limit, "LIMIT_NETWORKS", "%d networks are listed for the site already", maxNetworks).With("limit", maxNetworks)
		}
		text, err := encode(n.Ports)
		if err != nil {
			return err
		}
		expires := int64(0)
		if !n.Expires.IsZero() {
			expires = n.Expires.UnixMilli()
		}
		if _, err := s.DB.Exec(ctx, addNetwork, n.ID, n.Site, n.CIDR.String(), text[0], n.CA, n.Note, expires, n.By, n.At.UnixMilli()); err != nil {
			return err
		}
		return s.Audit.Append(ctx, n.Site, "", p, "network.list", map[string]any{"network": n.ID, "cidr": n.CIDR.String(), "ports": n.Ports, "expires": n.Expires})
	})
	return n, fault.Op("install.ListNetwork", err)
}

func (n Network) check(now time.Time) error {
	bad := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Invalid, "BAD_NETWORK", format, args...)
	}
	switch {
	case !n.CIDR.IsValid() || n.CIDR.Addr().Is4In6():
		return bad("that is no network").WithFix("write it like 10.20.0.0/16")
	case n.CIDR.Bits() < 8:
		return bad("a network is at most a /8")
	case len(n.Ports) == 0 || len(n.Ports) > 50:
		return bad("name 1 to 50 ports")
	case len(n.Note) > 300:
		return bad("a note has at most 300 characters")
	case !n.Expires.IsZero() && !n.Expires.After(now):
		return bad("it would have expired already")
	}
	for _, never := range neverListed {
		if never.Overlaps(n.CIDR) && (n.CIDR.Bits() >= never.Bits() || never.Bits() <= 10) {
			return fault.New(fault.Denied, "NEVER_LIFTED", "%s holds addresses that are never opened: %s", n.CIDR, never)
		}
	}
	for _, port := range n.Ports {
		if hostrule.BlockedPort(port) {
			return bad("port %d belongs to another protocol and is never connected", port)
		}
	}
	return checkCA(n.CA)
}

func checkCA(pem string) error {
	if pem == "" {
		return nil
	}
	if len(pem) > 64<<10 || !x509.NewCertPool().AppendCertsFromPEM([]byte(pem)) || strings.Contains(pem, "PRIVATE KEY") {
		return fault.New(fault.Invalid, "BAD_CA", "that is no PEM of certificates").WithFix("give the authority's certificate, without any key")
	}
	return nil
}

// SiteNetworks are those listed for a site, for the operator and for that site's admins.
func (s *Service) SiteNetworks(ctx context.Context, p id.Principal, site id.Site) ([]Network, error) {
	if !p.Is(id.Operator) && !(p.Is(id.SiteAdmin) && p.Site == site) {
		return nil, denied("only the operator and the site's admins see its networks")
	}
	list, err := s.networksOf(ctx, site)
	return list, fault.Op("install.SiteNetworks", err)
}

// UnlistNetwork takes a network from a site's list, and with it every grant inside it.
func (s *Service) UnlistNetwork(ctx context.Context, p id.Principal, site id.Site, network string) error {
	if !p.Is(id.Operator) {
		return denied("only the operator lists networks for sites")
	}
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.tick(ctx); err != nil {
			return err
		}
		done, err := s.DB.Exec(ctx, dropNetwork, network, site)
		if err != nil {
			return err
		}
		if done == 0 {
			return noNetwork(network)
		}
		rows, err := s.query(ctx, ofSite, site)
		if err != nil {
			return err
		}
		for n := range rows {
			i := &rows[n].Installation
			left := slices.DeleteFunc(slices.Clone(i.Networks), func(g NetworkGrant) bool { return g.Network == network })
			if len(left) == len(i.Networks) {
				continue
			}
			i.Networks = left
			if err := s.save(ctx, i); err != nil {
				return err
			}
			if err := s.record(ctx, p, i, "install.network-unlisted"); err != nil {
				return err
			}
		}
		return s.Audit.Append(ctx, site, "", p, "network.unlist", map[string]any{"network": network})
	})
	if err != nil {
		return fault.Op("install.UnlistNetwork", err)
	}
	s.Refresh(ctx)
	return nil
}

func noNetwork(network string) error {
	return fault.New(fault.NotFound, "NO_SUCH_NETWORK", "no network %q is listed for this site", network).
		WithFix("`annex network list` tells which are; the operator lists them")
}

// GrantNetwork opens one host and port of a listed network for one remote. ca is PEM of
// the authority that signs that host's certificate, "" for the network's own or none.
func (s *Service) GrantNetwork(ctx context.Context, p id.Principal, install id.Install, network, remote, host string, port uint16, ca string, shown uint64) (Installation, error) {
	host = strings.ToLower(strings.Trim(host, "[]"))
	if err := checkCA(ca); err != nil {
		return Installation{}, err
	}
	return s.admin(ctx, "install.GrantNetwork", p, install, "install.network-grant", func(ctx context.Context, i *Installation) error {
		if shown != i.Epoch {
			return changedMeanwhile(i)
		}
		list, err := s.networksOf(ctx, i.Site)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(list, func(n Network) bool { return n.ID == network })
		if at < 0 {
			return noNetwork(network)
		}
		n := list[at]
		r, ok := i.remoteMay(remote)
		switch {
		case !ok:
			return noRemote(remote)
		case !r.Configurable:
			return fault.New(fault.Denied, "NOT_CONFIGURABLE", "the remote %q has a fixed URL, and only one that an admin sets may lead into a private network", remote)
		case !slices.Contains(n.Ports, port):
			return fault.New(fault.Denied, "OUTSIDE_NETWORK", "port %d is not among those listed for the network", port).With("ports", n.Ports).
				WithFix("listed are %s; the operator lists others by `annex network add`", portsOf(n.Ports))
		case !n.Expires.IsZero() && !s.Now().Before(n.Expires):
			return fault.New(fault.Denied, "NETWORK_EXPIRED", "the operator's entry has expired")
		case len(i.Networks) >= maxNetworks:
			return fault.New(fault.Limit, "LIMIT_NETWORKS", "%d networks are granted already", maxNetworks).With("limit", maxNetworks)
		}
		if u, err := hostrule.ParsePrivateURL("https://" + bracketed(host)); err != nil || u.Host != host {
			return fault.New(fault.Invalid, "BAD_HOST", "%q is no host", host).WithFix("name a host or an address, without scheme and port")
		}
		if addr, err := netip.ParseAddr(host); err == nil && !n.CIDR.Contains(addr.Unmap()) {
			return fault.New(fault.Denied, "OUTSIDE_NETWORK", "%s is not inside %s", host, n.CIDR).
				WithFix("name an address in it, or choose the network in which it lies; the operator lists others by `annex network add`")
		}
		if ca == "" {
			ca = n.CA
		}
		i.Networks = append(slices.DeleteFunc(slices.Clone(i.Networks), func(g NetworkGrant) bool {
			return g.Remote == remote && g.Host == host && g.Port == port
		}), NetworkGrant{n.ID, remote, host, port, n.CIDR, ca, n.Expires, p.String(), s.Now().UTC().Truncate(time.Millisecond)})
		return nil
	})
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// RevokeNetwork takes what was granted to a remote of private networks away.
func (s *Service) RevokeNetwork(ctx context.Context, p id.Principal, install id.Install, remote, host string, port uint16) (Installation, error) {
	return s.admin(ctx, "install.RevokeNetwork", p, install, "install.network-revoke", func(ctx context.Context, i *Installation) error {
		left := slices.DeleteFunc(slices.Clone(i.Networks), func(g NetworkGrant) bool {
			return g.Remote == remote && (host == "" || g.Host == strings.ToLower(host) && g.Port == port)
		})
		if len(left) == len(i.Networks) {
			return fault.New(fault.NotFound, "NOT_GRANTED", "no such network is granted to the remote %q", remote)
		}
		i.Networks = left
		return s.remoteChanged(ctx, i, remote)
	})
}

// privateRemote reports whether a grant stands behind a URL of the remote.
func (i *Installation) privateRemote(key, url string) bool {
	u, err := hostrule.ParsePrivateURL(url)
	return err == nil && slices.ContainsFunc(i.Networks, func(g NetworkGrant) bool {
		return g.Remote == key && g.Host == u.Host && g.Port == u.Port
	})
}

func (s *Service) networksOf(ctx context.Context, site id.Site) ([]Network, error) {
	rows, err := s.DB.Query(ctx, networksOfSite, site)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Network
	for rows.Next() {
		var (
			n           Network
			cidr, ports string
			expires, at int64
		)
		if err := rows.Scan(&n.ID, (*string)(&n.Site), &cidr, &ports, &n.CA, &n.Note, &expires, &n.By, &at); err != nil {
			return nil, err
		}
		if n.CIDR, err = netip.ParsePrefix(cidr); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(ports), &n.Ports); err != nil {
			return nil, err
		}
		if n.At = time.UnixMilli(at); expires > 0 {
			n.Expires = time.UnixMilli(expires)
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

func portsOf(ports []uint16) string {
	out := make([]string, len(ports))
	for n, p := range ports {
		out[n] = strconv.Itoa(int(p))
	}
	return strings.Join(out, ", ")
}
