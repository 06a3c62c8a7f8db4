// Package csp turns a set of permissions into the policy that a browser enforces on an
// app's pages: the Content-Security-Policy of the app's documents and of the shell around
// them, and the Connection-Allowlist that says the same a second time.
//
// It promises that a policy admits nothing that the set does not: each source is written
// from a pattern's normal form with its scheme, every directive that can reach a host is
// there, and a policy too long for a header is an error, never a shorter policy. Match
// reads a policy as a browser does (CSP Level 3), so that the promise can be checked.
package csp

import (
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/perm"
)

const (
	// MaxHeader is the length that a policy may have. Servers in between refuse longer
	// heads, and a page without its policy would be open.
	MaxHeader = 8 << 10
	// MaxHashes is how many inline scripts one document may have.
	MaxHashes = 24
	// reserve is what Fits leaves for what it does not know: the hashes of a document's
	// inline scripts, the origins that frame it and the address of reports.
	reserve = MaxHashes*54 + 1200
)

// ReportPath is where browsers report on an app's origin, and the group in
// Reporting-Endpoints that names it.
const (
	ReportPath  = "/_annex/reports"
	ReportGroup = "csp"
)

// Place is where a document stands: the origins around it.
type Place struct {
	// App is the origin of the installation's files, "https://LABEL.apps.example".
	App string
	// Shell is the platform's ui origin, which frames the app.
	Shell string
	// Pages are the origins of the product's pages, which frame the shell.
	Pages []string
	// Hashes are those of the document's inline scripts, "sha256-…".
	Hashes []string
}

// Compose makes the policy of an app's documents, and of every other answer of its origin.
func Compose(set perm.Set, p Place) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	return bounded(compose(set, p))
}

func compose(set perm.Set, p Place) string {
	var b builder
	b.loads(sourcesOf(set), p.Hashes)
	b.directive("frame-ancestors", orNone(p.ancestors())...)
	b.directive("webrtc", "'block'")
	b.directive("sandbox", sandbox(set)...)
	b.directive("report-uri", ReportPath)
	b.directive("report-to", ReportGroup)
	return b.String()
}

// Answer makes the policy of what a function answers to a request from outside, at an address
// that is nobody's page: it loads what the app's pages may, is an origin that nothing else
// has, and is framed by none.
func Answer(set perm.Set) (string, error) {
	var b builder
	b.loads(sourcesOf(set), nil)
	b.directive("frame-ancestors", "'none'")
	b.directive("webrtc", "'block'")
	b.directive("sandbox", "allow-scripts", "allow-forms")
	return bounded(b.String())
}

// loads are the directives of what an app's document may load and where it may send.
func (b *builder) loads(s sources, hashes []string) {
	b.directive("default-src", "'none'")
	b.directive("script-src", s.scripts(hashes)...)
	b.directive("style-src", slices.Concat([]string{"'self'"}, s.of[perm.Styles], s.styleWords)...)
	b.directive("img-src", slices.Concat([]string{"'self'", "data:", "blob:"}, s.of[perm.Images])...)
	b.directive("font-src", slices.Concat([]string{"'self'", "data:"}, s.of[perm.Fonts])...)
	b.directive("media-src", slices.Concat([]string{"'self'", "blob:"}, s.of[perm.Media])...)
	b.directive("connect-src", slices.Concat([]string{"'self'"}, s.of[perm.Client])...)
	b.directive("frame-src", orNone(s.of[perm.Frames])...)
	b.directive("child-src", "'none'")
	b.directive("worker-src", s.workers()...)
	b.directive("manifest-src", "'none'")
	b.directive("object-src", "'none'")
	b.directive("base-uri", "'none'")
	b.directive("form-action", "'self'")
}

// sandbox leaves out what leads out of the frame: popups, navigation of the top. What a
// set may add is a right towards the browser, none towards other hosts.
func sandbox(set perm.Set) []string {
	out := []string{"allow-scripts", "allow-forms", "allow-same-origin"}
	if slices.Contains(set.Sandbox, "allow-storage-access-by-user-activation") {
		out = append(out, "allow-storage-access-by-user-activation")
	}
	return out
}

// Shell makes the policy of the shell's page for one installation: it frames this
// installation's origin and no other, and what a UI Kit tree may load is what the app's
// own pages might.
func Shell(set perm.Set, p Place) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	s := sourcesOf(set)
	var b builder
	b.directive("default-src", "'none'")
	b.directive("script-src", "'self'")
	b.directive("style-src", "'self'")
	b.directive("img-src", slices.Concat([]string{"'self'", "data:", "blob:"}, only(p.App), s.of[perm.Images])...)
	b.directive("font-src", slices.Concat([]string{"'self'"}, s.of[perm.Fonts])...)
	b.directive("media-src", slices.Concat([]string{"'self'", "blob:"}, s.of[perm.Media])...)
	b.directive("connect-src", "'self'")
	b.directive("frame-src", orNone(only(p.App))...)
	b.directive("child-src", "'none'")
	b.directive("worker-src", "'none'")
	b.directive("manifest-src", "'none'")
	b.directive("object-src", "'none'")
	b.directive("base-uri", "'none'")
	b.directive("form-action", "'none'")
	b.directive("frame-ancestors", append([]string{"'self'"}, p.Pages...)...)
	b.directive("webrtc", "'block'")
	b.directive("require-trusted-types-for", "'script'")
	b.directive("trusted-types", "'none'")
	if p.App != "" {
		b.directive("report-uri", p.App+ReportPath)
	}
	return bounded(b.String())
}

// Fits refuses a set whose policy could become too long for a header, before anybody
// grants it: a page would otherwise have to be served without, or not at all.
func Fits(set perm.Set) error {
	length := max(len(compose(set, Place{}))+reserve, len(Allowlist(set)))
	if length <= MaxHeader {
		return nil
	}
	return tooLong(length)
}

func bounded(header string) (string, error) {
	if len(header) > MaxHeader {
		return "", tooLong(len(header))
	}
	return header, nil
}

func tooLong(length int) error {
	return fault.New(fault.Limit, "LIMIT_PAGE_POLICY", "the hosts that the app's pages may reach make a security policy of %d bytes; browsers are sent at most %d", length, MaxHeader).
		WithFix("name fewer hosts for pages (fetch.client, images, scripts …), or a wildcard in the place of many").
		With("limit", MaxHeader).With("figure", length)
}

// check refuses origins that are none: what they come from is the operator's
// configuration, and a slip there must not write a policy.
func (p Place) check() error {
	for _, o := range slices.Concat(only(p.App), only(p.Shell), p.Pages) {
		scheme, host, ok := strings.Cut(o, "://")
		if !ok || scheme != "https" && scheme != "http" || host == "" || strings.Trim(host, hostChars+":[]") != "" || !isSource(o) {
			return fault.New(fault.Internal, "BAD_ORIGIN", "%q is no origin", o)
		}
	}
	if len(p.Hashes) > MaxHashes {
		return fault.New(fault.Limit, "LIMIT_INLINE_SCRIPTS", "the document has %d inline scripts, at most %d are taken", len(p.Hashes), MaxHashes).
			WithFix("move scripts into files of the bundle").With("limit", MaxHashes).With("figure", len(p.Hashes))
	}
	for _, h := range p.Hashes {
		if !isHash(h) {
			return fault.New(fault.Internal, "BAD_HASH", "%q is no hash of a script", h)
		}
	}
	return nil
}

// ancestors are those that may frame an app: the browser checks each of them.
func (p Place) ancestors() []string { return slices.Concat(only(p.Shell), p.Pages) }

func only(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func orNone(sources []string) []string {
	if len(sources) == 0 {
		return []string{"'none'"}
	}
	return sources
}

// builder writes directives. A source that could end a directive or a header is left
// out: none can come from a pattern, and if one did, less would be admitted.
type builder struct{ strings.Builder }

func (b *builder) directive(name string, sources ...string) {
	if b.Len() == 0 {
		b.Grow(2 << 10)
	} else {
		b.WriteString("; ")
	}
	b.WriteString(name)
	for _, s := range sources {
		if isSource(s) {
			b.WriteByte(' ')
			b.WriteString(s)
		}
	}
}
