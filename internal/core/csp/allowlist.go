package csp

import (
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// Allowlist makes the Connection-Allowlist header of an app's documents and workers: the
// origins to which the page may open a connection by whatever means, with redirects and
// WebRTC blocked. It is a second wall: only some browsers have it, it knows no paths and
// no types, hence it admits more than Compose and is sent beside it, never instead.
func Allowlist(set perm.Set) string {
	var b strings.Builder
	b.WriteString("(response-origin")
	var seen []string
	for _, e := range set.Egress {
		if directives[e.Type] == "" {
			continue
		}
		if o := urlPattern(e.Pattern.In(perm.UseOf(e.Type))); isSource(o) && !strings.ContainsAny(o, "\"()\\") && !slices.Contains(seen, o) {
			seen = append(seen, o)
			b.WriteString(` "`)
			b.WriteString(o)
			b.WriteByte('"')
		}
	}
	b.WriteString(");report-to=" + ReportGroup)
	return b.String()
}

// urlPattern is an origin as a URLPattern. WebSockets are written as https, and nothing
// follows the host: a trailing slash would admit the path "/" alone.
func urlPattern(p hostrule.Pattern) string {
	if p.Any {
		return "https://*:*"
	}
	if p.Host == "" {
		return ""
	}
	p.Path = ""
	if p.Scheme == "wss" {
		p.Scheme = "https"
	}
	return p.String()
}
