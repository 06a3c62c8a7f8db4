package server

import (
	"net"
	"net/http"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/annexhq/annex/internal/core/fault"
)

// Origins are the four families of origins that one listener serves, told apart by
// the request's Host before anything else is looked at.
type Origins struct {
	scheme  string // of all families
	port    string // ":8480", or "" for the scheme's default
	control string // host names without port
	ui      string
	apps    string // the apps domain; installations and hooks live below it
	dev     bool   // *.localhost
}

// newOrigins places the families: on *.localhost without domains, which only the
// machine itself can reach, otherwise below the given domains.
func newOrigins(platform, apps, scheme, listen string) (Origins, error) {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return Origins{}, fault.New(fault.Usage, "LISTEN", "%q is not host:port", listen).WithFix("for instance --listen 127.0.0.1:8480").Because(err)
	}
	if platform == "" && apps == "" {
		return Origins{scheme: "http", port: ":" + port, control: "127.0.0.1", ui: "annex.localhost", apps: "localhost", dev: true}, nil
	}
	if platform == "" || apps == "" {
		return Origins{}, fault.New(fault.Usage, "DOMAINS", "the platform's domain and the apps' domain go together").
			WithFix("give both --platform-domain and --apps-domain, or neither")
	}
	if err := apart(platform, apps); err != nil {
		return Origins{}, err
	}
	platform, apps = strings.ToLower(platform), strings.ToLower(apps)
	return Origins{scheme: scheme, control: "api." + platform, ui: "ui." + platform, apps: apps}, nil
}

// apart demands two registrable domains: cookies and same-site rules do not tell
// names below one registrable domain apart.
func apart(platform, apps string) error {
	for _, d := range []string{platform, apps} {
		if !hostName.MatchString(d) {
			return fault.New(fault.Usage, "DOMAINS", "%q is no domain", d).WithFix("write its name alone, such as example-apps.net")
		}
	}
	p, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(platform))
	if err != nil {
		return fault.New(fault.Usage, "DOMAINS", "%q is not below a public suffix", platform).WithFix("give a domain of yours, such as annex.example.com")
	}
	a, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(apps))
	if err != nil {
		return fault.New(fault.Usage, "DOMAINS", "%q is not below a public suffix", apps).WithFix("give a domain of yours, such as example-apps.net")
	}
	if p == a {
		return fault.New(fault.Usage, "DOMAINS", "apps would live below %s, the platform's own registrable domain", p).
			WithFix("register another domain for apps: a page of an app could set cookies for the platform's pages")
	}
	return nil
}

// ControlURL is the origin of the control API.
func (o Origins) ControlURL() string { return o.scheme + "://" + o.control + o.port }

// UIURL is the origin of the platform's own pages.
func (o Origins) UIURL() string { return o.scheme + "://" + o.ui + o.port }

// HookBase is the origin below which each web trigger has a host of its own.
func (o Origins) HookBase() string { return o.scheme + "://hooks." + o.apps + o.port }

// appsHost is the name one label below which each installation has an origin.
func (o Origins) appsHost() string {
	if o.dev {
		return "apps." + o.apps
	}
	return o.apps
}

// AppBase is the host and port one label below which each installation has an origin.
func (o Origins) AppBase() string { return o.appsHost() + o.port }

// Scheme is that of all origins.
func (o Origins) Scheme() string { return o.scheme }

// Reserved are the names that no app may reach by way of the broker.
func (o Origins) Reserved() []string {
	return []string{o.control, o.ui, o.apps, "*." + o.apps}
}

// families are the handlers of the origins.
type families struct {
	control, ui, hook, app http.Handler
}

// route picks the family by Host alone. A name that is none of ours is 421: the
// request was sent to the wrong server, and nothing about it is looked at.
func (o Origins) route(f families) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.ToLower(r.Host)
		if h, port, err := net.SplitHostPort(host); err == nil && digits(port) {
			host = h
		}
		switch {
		case strings.HasSuffix(host, o.apps) && o.isHook(host):
			f.hook.ServeHTTP(w, r)
		case o.isApp(host):
			f.app.ServeHTTP(w, r)
		case host == o.control, o.dev && (host == "localhost" || host == "::1" || host == "[::1]"):
			f.control.ServeHTTP(w, r)
		case host == o.ui:
			f.ui.ServeHTTP(w, r)
		case isProbe(r.URL.Path) && isAddress(host):
			f.control.ServeHTTP(w, r) // probes of a load balancer know no name
		default:
			http.Error(w, "this server does not answer for that host; its API is at "+o.ControlURL(), http.StatusMisdirectedRequest)
		}
	})
}

func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" }

// isAddress reports whether a request's host is an IP address, as of those that know no
// name of ours. An app cannot be meant by it, and a cookie cannot come by it.
func isAddress(host string) bool {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return net.ParseIP(host) != nil
}

// digits reports whether a port is a number: "hook:80.evil.example" is no host of ours.
func digits(port string) bool {
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
	}
	return true
}

// isApp reports whether host is one label below the apps' own name. The names of hooks
// have two.
func (o Origins) isApp(host string) bool {
	rest, ok := strings.CutSuffix(host, "."+o.appsHost())
	return ok && rest != "" && !strings.Contains(rest, ".")
}

// isHook reports whether host is LABEL.hooks.APPS.
func (o Origins) isHook(host string) bool {
	rest, ok := strings.CutSuffix(host, ".hooks."+o.apps)
	return ok && rest != "" && !strings.Contains(rest, ".")
}
