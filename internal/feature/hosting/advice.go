package hosting

import (
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// fields are what a manifest calls each way of leaving.
var fields = map[perm.EgressType]string{
	perm.Client: "fetch.client", perm.Images: "images", perm.Media: "media", perm.Fonts: "fonts", perm.Frames: "frames",
	perm.Scripts: "scripts", perm.Styles: "styles",
}

// Advice says to an admin how what was blocked could be allowed, or why it cannot be.
// allowed is what the installation may do, declared what its version asks for.
func Advice(b Blocked, allowed, declared perm.Set) string {
	switch {
	case b.Origin == "inline" && b.Type == perm.Styles:
		return "its developer declares permissions.content.styles: [unsafe-inline], or moves styles into files"
	case b.Origin == "inline" || b.Origin == "eval" || b.Origin == "wasm-eval":
		return "its developer moves the script into a file of the app, or declares what it needs in permissions.content.scripts"
	case fields[b.Type] == "":
		return "it cannot be allowed: no app's page may do this"
	case strings.HasPrefix(b.Origin, "http:") || strings.HasPrefix(b.Origin, "ws:"):
		return "it cannot be allowed: what is sent without TLS can be read on the way"
	}
	u, err := hostrule.ParseURL(b.Origin + "/")
	if err != nil {
		return "it cannot be allowed: it is no host on the internet"
	}
	host := strings.TrimPrefix(u.Origin(), "https://")
	switch {
	case perm.AllowsURL(allowed, b.Type, u).Allow:
		return "it is allowed by now, or another path of the host is"
	case perm.AllowsURL(declared, b.Type, u).Allow:
		return "the app asks for it and an admin did not grant it, or switched it off: see `annex grants show`"
	}
	p, err := hostrule.ParsePattern(host, perm.UseOf(b.Type))
	if err == nil && perm.Bounds(allowed.Configurable, b.Type, p) {
		return "`annex grants allow INSTALLATION " + string(b.Type) + " " + host + "`"
	}
	return "its developer declares the host in permissions.external." + fields[b.Type] + " and deploys again"
}
