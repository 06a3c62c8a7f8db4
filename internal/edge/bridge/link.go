package bridge

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
)

// link reads an address that an app wants a person to open, for the question that is asked
// first: in letters that cannot look like others, with the part of the name that somebody
// had to register.
func (b *Bridge) link(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		ofModule
		URL string `json:"url"`
	}
	if _, err := b.stand(w, r, &in); err != nil {
		return nil, err
	}
	refused := fault.New(fault.Usage, "BAD_LINK", "this is no address of another site that can be opened").WithFix("write an absolute https address")
	read, err := hostrule.ParseURL(in.URL)
	if err != nil || read.Scheme != "https" {
		return nil, refused
	}
	whole, err := url.Parse(in.URL)
	if err != nil || whole.User != nil {
		return nil, refused
	}
	registrable, err := publicsuffix.EffectiveTLDPlusOne(strings.TrimSuffix(read.Host, "."))
	if err != nil {
		registrable = read.Host // an address, or a name of one part
	}
	to := read.String() // as a browser reads it, not as it was written
	if f := whole.EscapedFragment(); f != "" {
		to += "#" + f
	}
	return map[string]any{"url": to, "host": read.Host, "registrable": registrable}, nil
}
