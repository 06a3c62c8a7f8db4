package provider

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
)

// inject has a request carry an access token in the one way that the manifest names. What
// the app wrote in that place is gone.
func (d *declared) inject(to *Destination, access, refresh string) {
	before := to.Inject
	to.Secrets = append(to.Secrets, []byte(access))
	if refresh != "" {
		to.Secrets = append(to.Secrets, []byte(refresh))
	}
	b := d.BearerMethod
	to.Inject = func(r *http.Request) error {
		if before != nil {
			if err := before(r); err != nil {
				return err
			}
		}
		switch b.Type {
		case "uri-query":
			r.URL.RawQuery = withParameter(r.URL.RawQuery, parameter(b.Parameter, "access_token"), access)
			return nil
		case "form-encoded":
			return inForm(r, parameter(b.Parameter, "access_token"), access)
		}
		prefix := b.Prefix
		if prefix == "" {
			prefix = "Bearer"
		}
		name := http.CanonicalHeaderKey(parameter(b.Parameter, "Authorization"))
		for have := range r.Header { // servers read X_Token as X-Token
			if strings.EqualFold(strings.ReplaceAll(have, "_", "-"), strings.ReplaceAll(name, "_", "-")) {
				delete(r.Header, have)
			}
		}
		r.Header.Set(name, strings.TrimSpace(prefix)+" "+access)
		return nil
	}
}

func parameter(given, usual string) string {
	if given == "" {
		return usual
	}
	return given
}

// withParameter sets a parameter of a query and leaves every other as it was written.
func withParameter(query, name, value string) string {
	var out []string
	for part := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(key); part == "" || err == nil && plain == name {
			continue
		}
		out = append(out, part)
	}
	return strings.Join(append(out, url.QueryEscape(name)+"="+url.QueryEscape(value)), "&")
}

func inForm(r *http.Request, name, value string) error {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Body != nil && kind != formType || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return fault.New(fault.Usage, "INVALID_ARGUMENT", "the provider's credential goes into a form: send a body of %s", formType)
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return err
		}
	}
	body = []byte(withParameter(string(body), name, value))
	r.Header.Set("Content-Type", formType)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}
