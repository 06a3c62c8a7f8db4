// Package credential puts credentials into requests that were decided already: for remotes
// and for providers, by the same code. Its promise: a credential stands in the one place that
// was named for it, and whatever an app wrote in that place, in any spelling that servers read
// as the same, is gone; what a request carries is told along with it, so that no answer gives
// it back unseen; no error holds any of it.
package credential

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// Use is how a request carries a credential.
type Use struct {
	// Put puts it in. It never changes where the request goes.
	Put func(*http.Request) error
	// Hidden is all of it that must not be seen in an answer.
	Hidden [][]byte
	// As is what the connection shows, in the place of anything in the request; nil for nothing.
	As *netguard.Identity
}

// The parts of a request that hold a credential.
const (
	Header = "header"
	Query  = "query"
	Form   = "form"
)

// Place is where in a request a value goes.
type Place struct {
	In     string // Header, Query or Form
	Name   string // of the header or parameter
	Prefix string // before it in a header, "Bearer" for instance; "" for none
}

// Authorization is where bearer tokens go.
var Authorization = Place{Header, "Authorization", "Bearer"}

// At carries a value at a place; hidden is what else it is made of.
func At(p Place, value string, hidden ...string) Use {
	u := Use{Put: func(r *http.Request) error { return p.put(r, value) }, Hidden: [][]byte{[]byte(value)}}
	for _, text := range hidden {
		if text != "" {
			u.Hidden = append(u.Hidden, []byte(text))
		}
	}
	return u
}

// Basic carries a user's password, or a client's secret, as RFC 7617 writes them.
func Basic(name, secret string) Use {
	return At(Place{Header, "Authorization", "Basic"}, base64.StdEncoding.EncodeToString([]byte(name+":"+secret)), secret)
}

// Signed carries a signature of the request in the header of a name; see Signature. The
// secret itself goes nowhere.
func Signed(header, secret string, now func() time.Time) Use {
	return Use{Hidden: [][]byte{[]byte(secret)}, Put: func(r *http.Request) error {
		body, err := bodyOf(r)
		if err != nil {
			return err
		}
		at := strconv.FormatInt(now().Unix(), 10)
		return Place{Header, header, ""}.put(r, "t="+at+",v1="+Signature(secret, at, r.Method, r.URL.RequestURI(), body))
	}}
}

// Signature is HMAC-SHA256, in hexadecimal, of time, method, path with query, and the body's
// SHA-256, one on a line.
func Signature(secret, at, method, requestURI string, body []byte) string {
	sum := sha256.Sum256(body)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "\n" + method + "\n" + requestURI + "\n" + hex.EncodeToString(sum[:])))
	return hex.EncodeToString(mac.Sum(nil))
}

var visible = regexp.MustCompile(`^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$`)

// Visible reports whether a text can stand in a header as it is.
func Visible(text string) bool { return visible.MatchString(text) }

func (p Place) put(r *http.Request, value string) error {
	switch p.In {
	case Query:
		r.URL.RawQuery = withParameter(r.URL.RawQuery, p.Name, value)
		return nil
	case Form:
		return p.putInForm(r, value)
	}
	name := http.CanonicalHeaderKey(p.Name)
	for have := range r.Header { // servers read X_Token as X-Token
		if strings.EqualFold(strings.ReplaceAll(have, "_", "-"), strings.ReplaceAll(name, "_", "-")) {
			delete(r.Header, have)
		}
	}
	r.Header.Set(name, strings.TrimSpace(p.Prefix+" "+value))
	return nil
}

const formType = "application/x-www-form-urlencoded"

func (p Place) putInForm(r *http.Request, value string) error {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Body != nil && kind != formType || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return fault.New(fault.Usage, "INVALID_ARGUMENT", "the provider's credential goes into a form: send a body of %s", formType)
	}
	body, err := bodyOf(r)
	if err != nil {
		return err
	}
	body = []byte(withParameter(string(body), p.Name, value))
	r.Header.Set("Content-Type", formType)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}

// bodyOf is the whole body, which stays there to be sent.
func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// withParameter sets a parameter of a query and leaves every other as it was written. Some
// servers part a query at semicolons too.
func withParameter(query, name, value string) string {
	var out []string
	for part := range strings.SplitSeq(query, "&") {
		if part != "" && !namesParameter(part, name) {
			out = append(out, part)
		}
	}
	return strings.Join(append(out, url.QueryEscape(name)+"="+url.QueryEscape(value)), "&")
}

func namesParameter(part, name string) bool {
	for one := range strings.SplitSeq(part, ";") {
		key, _, _ := strings.Cut(one, "=")
		if plain, err := url.QueryUnescape(key); err == nil && plain == name {
			return true
		}
	}
	return false
}
