package provider

import (
	"net/http"
	"strings"

	"github.com/annexhq/annex/internal/infra/credential"
)

// inject has a request carry an access token in the one way that the manifest names. What
// the app wrote in that place is gone.
func (d *declared) inject(to *Destination, access, refresh string) {
	prefix := "Bearer"
	if d.OfKeys() {
		prefix = ""
	}
	before, use := to.Inject, credential.At(d.place(prefix), access, refresh)
	to.Secrets = append(to.Secrets, use.Hidden...)
	to.Inject = func(r *http.Request) error {
		if before != nil {
			if err := before(r); err != nil {
				return err
			}
		}
		return use.Put(r)
	}
}

// place is where the manifest says that a credential goes; prefix is the usual one in a header.
func (d *declared) place(prefix string) credential.Place {
	b := d.BearerMethod
	or := func(usual string) string {
		if b.Parameter == "" {
			return usual
		}
		return b.Parameter
	}
	switch b.Type {
	case "uri-query":
		return credential.Place{In: credential.Query, Name: or("access_token")}
	case "form-encoded":
		return credential.Place{In: credential.Form, Name: or("access_token")}
	}
	if b.Prefix != "" {
		prefix = strings.TrimSpace(b.Prefix)
	}
	return credential.Place{In: credential.Header, Name: or("Authorization"), Prefix: prefix}
}
