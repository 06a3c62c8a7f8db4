package scopemap

import (
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
)

// Where a parameter of a request stands.
const (
	InQuery  = "query"
	InHeader = "header"
	InForm   = "form"
)

const (
	otherPerson     = "it would act as somebody else"
	otherCredential = "credentials are the platform's to add"
	otherOperation  = "it would make another operation of the request"
)

// impersonating are the names by which products let a request change who is asking or what
// is asked, in the form of bare. They are refused wherever they stand, declared or not: an
// app that relies on them must hear of it.
var impersonating = reasons(map[string]string{
	otherPerson: "sudo xsudo impersonate impersonateuser ximpersonate ximpersonateuser runas xrunas actas xactas onbehalfof xonbehalfof",
	otherCredential: `accesstoken privatetoken jobtoken oauthtoken authtoken bearertoken idtoken authorization proxyauthorization cookie cookie2
		xaccesstoken xauthtoken`,
	otherOperation: "method httpmethod methodoverride httpmethodoverride xhttpmethod xhttpmethodoverride xmethodoverride xoriginalurl xoriginaluri xrewriteurl",
})

// proxied are headers by which programs in front of a product tell it who asks, and from
// where. As a parameter of a query or form each is an ordinary name.
var proxied = reasons(map[string]string{
	otherPerson: `deploytoken xapikey apikey forwarded xrealip xclientip remoteuser xremoteuser xwebauthuser xauthenticateduser xuser xuserid host xhost
		xoriginalmethod xoriginalhost setcookie wwwauthenticate proxyauthenticate`,
})

var proxiedPrefixes = []string{"xforwarded", "xauthrequest", "xamznoidc", "xgoogauthenticated", "xmsclientprincipal", "xwebauth"}

// ordinary are the headers that every operation takes: they say what the caller can read
// and has, not who it is. Content-Encoding is not among them: a body that is coded cannot
// be looked into.
var ordinary = map[string]bool{
	"accept": true, "accept-charset": true, "accept-encoding": true, "accept-language": true, "content-language": true, "content-type": true, "user-agent": true,
	"if-match": true, "if-modified-since": true, "if-none-match": true, "if-range": true, "if-unmodified-since": true, "range": true, "prefer": true, "traceparent": true,
}

func reasons(all map[string]string) map[string]string {
	out := map[string]string{}
	for why, names := range all {
		for _, n := range strings.Fields(names) {
			out[n] = why
		}
	}
	return out
}

// bare is a name without what careless products do not tell apart: case, dashes, dots,
// spaces and underscores, and what makes it a list or an object.
func bare(name string) string {
	name, _, _ = strings.Cut(name, "[")
	name, _, _ = strings.Cut(name, "\x00")
	return strings.Map(func(r rune) rune {
		switch r {
		case '-', '_', '.', ' ', '\t':
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// refusedName reports why a name is refused.
func (o *Operation) refusedName(in, name string) (why string, refused bool) {
	b := bare(name)
	if why, refused = impersonating[b]; refused {
		// A plain "method" is an ordinary field; only "_method" overrides one.
		lower := strings.ToLower(strings.TrimSpace(name))
		return why, b != "method" && b != "httpmethod" || !strings.HasPrefix(lower, "m")
	}
	where := in
	if in == InForm {
		where = InQuery // products read both alike
	}
	if o.credentials[where][b] {
		return otherCredential, true
	}
	if in != InHeader {
		return "", false
	}
	for _, p := range proxiedPrefixes {
		if strings.HasPrefix(b, p) {
			return otherPerson, true
		}
	}
	why, refused = proxied[b]
	return why, refused
}

// Takes reports whether a request's parameter is forwarded. One that the operation does
// not declare is not; one that changes who is asking is refused by name, and the request
// with it: PARAMETER_REFUSED.
func (o *Operation) Takes(in, name string) (bool, error) {
	if why, refused := o.refusedName(in, name); refused {
		return false, refusedPart(in, name, why)
	}
	switch in {
	case InHeader:
		lower := strings.ToLower(name)
		return ordinary[lower] || o.Header[lower] && lower != "content-encoding", nil
	case InForm:
		return o.anyForm || declared(o.Form, nil, name), nil
	}
	return o.anyName || declared(o.Query, o.deep, name), nil
}

func refusedPart(in, name, why string) error {
	kind := map[string]string{InQuery: "query parameter", InHeader: "header", InForm: "form field"}[in]
	return fault.New(fault.Denied, "PARAMETER_REFUSED", "the %s %.64q is refused: %s", kind, name, why).
		WithFix("leave it out; who asks is decided by asApp() and asUser()")
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
