package scopemap

import (
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
)

// Sent are the named parts of a request: its query, its headers under their canonical
// names, and the fields of its form, if its body is one.
type Sent struct {
	Query  map[string][]string
	Header map[string][]string
	Form   map[string][]string
}

// always are the headers that every operation takes: they say what the caller can read
// and has, not who it is. Content-Encoding is not among them: a body that is coded cannot
// be looked into.
var always = map[string]bool{
	"accept": true, "accept-charset": true, "accept-encoding": true, "accept-language": true, "content-language": true, "content-type": true, "user-agent": true,
	"if-match": true, "if-modified-since": true, "if-none-match": true, "if-range": true, "if-unmodified-since": true, "range": true, "prefer": true, "traceparent": true,
}

// personal are the names by which products let a request change who is asking or what is
// asked, in the form of bare. They are refused wherever they stand, declared or not: an
// app that relies on them must hear of it.
var personal = map[string]string{
	"sudo": "it would act as somebody else", "xsudo": "it would act as somebody else", "impersonateuser": "it would act as somebody else",
	"xonbehalfof": "it would act as somebody else", "runas": "it would act as somebody else",
	"accesstoken": "credentials are the platform's to add", "privatetoken": "credentials are the platform's to add",
	"jobtoken": "credentials are the platform's to add", "authorization": "credentials are the platform's to add",
	"proxyauthorization": "credentials are the platform's to add", "cookie": "credentials are the platform's to add",
	"method": "it would make another operation of the request", "httpmethod": "it would make another operation of the request",
	"xhttpmethod": "it would make another operation of the request", "xhttpmethodoverride": "it would make another operation of the request",
	"xmethodoverride": "it would make another operation of the request", "xoriginalurl": "it would make another operation of the request",
	"xrewriteurl": "it would make another operation of the request",
}

// bare is a name without what products do not tell apart: case, hyphens, underscores and
// what follows a bracket.
func bare(name string) string {
	name, _, _ = strings.Cut(name, "[")
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' || r == '.' || r == 0 {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// refusedName reports why a name is refused. A plain "method" is an ordinary field; only
// "_method" overrides one.
func refusedName(name string) (string, bool) {
	why, ok := personal[bare(name)]
	if ok && (bare(name) == "method" || bare(name) == "httpmethod") {
		ok = strings.HasPrefix(name, "_") || strings.HasPrefix(strings.ToLower(name), "http")
	}
	return why, ok
}

// Screen gives what of a request is forwarded: declared parameters and headers. Form
// fields cannot be left out of a body, so an undeclared one is refused where the operation
// declares any. Error: PARAMETER_REFUSED.
func (o *Operation) Screen(s Sent) (Sent, error) {
	kept := Sent{Query: map[string][]string{}, Header: map[string][]string{}, Form: s.Form}
	for name, values := range s.Query {
		if why, ok := refusedName(name); ok {
			return Sent{}, refusedPart("query parameter", name, why)
		}
		head, _, keys := strings.Cut(name, "[")
		if o.anyName || o.Query[name] || keys && o.deep[head] {
			kept.Query[name] = values
		}
	}
	for name, values := range s.Header {
		if why, ok := refusedName(name); ok {
			return Sent{}, refusedPart("header", name, why)
		}
		if lower := strings.ToLower(name); always[lower] || o.Header[lower] && lower != "content-encoding" {
			kept.Header[name] = values
		}
	}
	for name := range s.Form {
		if why, ok := refusedName(name); ok {
			return Sent{}, refusedPart("form field", name, why)
		}
		if len(o.Form) > 0 && !o.Form[name] && !o.Form[strings.TrimSuffix(name, "[]")] {
			return Sent{}, refusedPart("form field", name, "the product does not declare it for this operation")
		}
	}
	return kept, nil
}

func refusedPart(kind, name, why string) error {
	return fault.New(fault.Denied, "PARAMETER_REFUSED", "the %s %.64q is refused: %s", kind, name, why).
		WithFix("leave it out")
}
