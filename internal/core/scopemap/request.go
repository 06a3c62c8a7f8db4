package scopemap

import (
	"net/url"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
)

// Where a parameter of a request stands.
const (
	InQuery  = "query"
	InHeader = "header"
	InForm   = "form"
)

// impersonating are names that change who is asking, or what. No declaration makes them an
// app's to give. They are compared as fold writes names.
var impersonating = map[string]map[string]bool{
	InQuery: names(`sudo access_token private_token job_token oauth_token auth_token bearer_token id_token authorization auth cookie
		_method _http_method method_override _method_override http_method_override x_http_method x_http_method_override x_method_override
		impersonate impersonate_user run_as runas act_as on_behalf_of`),
	InHeader: names(`sudo x_sudo cookie cookie2 set_cookie authorization proxy_authorization proxy_authenticate www_authenticate
		private_token job_token deploy_token x_access_token x_auth_token x_api_key api_key x_http_method x_http_method_override x_method_override
		forwarded x_real_ip x_client_ip x_original_url x_original_uri x_original_method x_original_host x_rewrite_url x_host
		remote_user x_remote_user x_webauth_user x_authenticated_user x_user x_user_id x_impersonate x_impersonate_user impersonate_user
		x_run_as x_act_as x_on_behalf_of host`),
}

// impersonatingPrefixes likewise, by how they begin.
var impersonatingPrefixes = map[string][]string{
	InHeader: {"x_forwarded_", "x_auth_request_", "x_amzn_oidc_", "x_goog_authenticated_", "x_ms_client_principal", "x_webauth_", "impersonate_"},
}

// ordinary are the headers that every operation takes: they say how to read the body and
// the answer, and nothing about who asks.
var ordinary = map[string]bool{
	"accept": true, "accept-language": true, "content-type": true, "content-language": true, "if-match": true, "if-none-match": true,
	"if-modified-since": true, "if-unmodified-since": true, "if-range": true, "range": true, "prefer": true,
}

func names(all string) map[string]bool {
	out := map[string]bool{}
	for _, n := range strings.Fields(all) {
		out[n] = true
	}
	return out
}

// foldName is a parameter's name as the most careless product reads it: in any case, with
// dashes, dots and spaces as underscores, without what makes it a list or an object.
func foldName(name string) string {
	name, _, _ = strings.Cut(name, "[")
	name, _, _ = strings.Cut(name, "\x00")
	name = strings.ToLower(strings.TrimSpace(name))
	return strings.Map(func(r rune) rune {
		switch r {
		case '-', '.', ' ':
			return '_'
		}
		return r
	}, name)
}

// Takes reports whether a request's parameter is forwarded. One that the operation does
// not declare is not; one that changes who is asking is refused by name, and the request
// with it: PARAMETER_REFUSED.
func (o *Operation) Takes(in, name string) (bool, error) {
	f := foldName(name)
	where := in
	if in == InForm {
		where = InQuery // products read both alike
	}
	bad := impersonating[where][f] || o.credentials[where][f]
	for _, p := range impersonatingPrefixes[where] {
		bad = bad || strings.HasPrefix(f, p)
	}
	if bad {
		return false, fault.New(fault.Denied, "PARAMETER_REFUSED", "the %s parameter %q can change who is asking or what, and is never an app's to give", in, printable(clipName(name))).
			WithFix("leave it out; who asks is decided by asApp() and asUser()")
	}
	switch in {
	case InHeader:
		lower := strings.ToLower(name)
		return o.Header[lower] || ordinary[lower], nil
	case InForm:
		return o.anyForm || declared(o.Form, nil, name), nil
	}
	return o.anyName || declared(o.Query, o.deep, name), nil
}

func clipName(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// declared reports whether a name is declared as it is, as a list ("ids[]" for ids) or as
// an element of an object whose keys are the request's.
func declared(all, deep map[string]bool, name string) bool {
	if all[name] {
		return true
	}
	base, keys, ok := strings.Cut(name, "[")
	return ok && (all[base] && keys == "]" || deep[base])
}

const maxParameters = 1000

// Pairs sifts an encoded query, or a body of the type application/x-www-form-urlencoded:
// what is forwarded, encoded anew so that every product splits it in the same way, and the
// names of what is not.
func (o *Operation) Pairs(in, raw string) (kept string, dropped []string, err error) {
	if raw == "" {
		return "", nil, nil
	}
	var out strings.Builder
	parts := strings.Split(raw, "&")
	if len(parts) > maxParameters {
		return "", nil, fault.New(fault.Limit, "LIMIT_PARAMETERS", "the %s has more than %d parameters", in, maxParameters)
	}
	for _, part := range parts {
		if part == "" {
			continue
		}
		rawName, rawValue, has := strings.Cut(part, "=")
		name, err := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err != nil || err2 != nil {
			return "", nil, fault.New(fault.Denied, "PARAMETER_REFUSED", "the %s is not percent-encoded correctly", in).
				WithFix("encode names and values, as URLSearchParams does")
		}
		ok, err := o.Takes(in, name)
		if err != nil {
			return "", nil, err
		}
		if !ok {
			dropped = append(dropped, name)
			continue
		}
		if out.Len() > 0 {
			out.WriteByte('&')
		}
		out.WriteString(url.QueryEscape(name))
		if has {
			out.WriteByte('=')
			out.WriteString(url.QueryEscape(value))
		}
	}
	return out.String(), dropped, nil
}

// TakesBody refuses a body that the operation does not declare: BODY_REFUSED. A body of
// another type could be read by a product in another way than it was checked.
func (o *Operation) TakesBody(contentType string) error {
	if !o.Body {
		return fault.New(fault.Denied, "BODY_REFUSED", "the operation %s takes no body", name(o)).WithFix("leave the body out")
	}
	if len(o.MediaTypes) == 0 {
		return nil
	}
	sent, _, _ := strings.Cut(contentType, ";")
	sent = strings.ToLower(strings.TrimSpace(sent))
	for _, m := range o.MediaTypes {
		major, _, _ := strings.Cut(m, "/")
		if m == "*/*" || m == sent || strings.HasSuffix(m, "/*") && strings.HasPrefix(sent, major+"/") {
			return nil
		}
	}
	return fault.New(fault.Denied, "BODY_REFUSED", "the operation %s takes a body of the type %s", name(o), strings.Join(o.MediaTypes, " or ")).
		WithFix("send it as one of these, and say so in Content-Type")
}
