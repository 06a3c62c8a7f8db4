package scopemap

import (
	"fmt"
	"slices"
	"strings"
)

// The words by which operations are recognised. They name too much rather than too little:
// what is recognised is closed until somebody who knows the product decides it.
var (
	// identityWords name what a write must not change unasked, wherever they stand in a path.
	identityWords = vocabularyOf(`admin administrator password passwd passphrase token secret key apikey permission role member membership
		collaborator team invitation invite oauth oauth2 saml sso ldap scim mfa 2fa tfa otp totp webauthn passkey session credential impersonate
		impersonation sudo acl certificate transfer login logout signin signup signout registration authorization authorize grant principal
		entitlement ownership blocklist allowlist protection restriction installation`)
	// identityDeeds name it in an operation's id, where nouns say how something is found, too.
	identityDeeds = vocabularyOf(`grant invite invitation impersonate permission role member membership collaborator password passwd ownership sudo mfa`)
	// peopleWords do so where they are what the write is about, the last noun of a path:
	// "/user/starred" is about stars.
	peopleWords = vocabularyOf(`user account group owner organization people person profile email identity owner`)
	// deeds stand after the noun that they are about.
	deeds = vocabularyOf(`rename activate deactivate suspend unsuspend block unblock ban unban disable enable delete remove add create update merge
		restore archive promote demote approve reject anonymize bulk batch setting search`)
	// identityFields are fields of a request that change who may do what.
	identityFields = vocabularyOf(`password passwd passphrase permission role admin isadmin siteadmin newowner accesslevel privatekey sudo`)

	// credentialWords name credentials, in an answer's fields and as what a read is about.
	credentialWords = vocabularyOf(`password passwd passphrase secret token credential jwt otp cookie apikey privatekey`)
	credentialPairs = vocabularyOf(`privatekey apikey accesskey secretkey signingkey encryptionkey sessionid recoverycode backupcode`)
	// notCredential are words that make a name speak about a credential instead of holding one.
	notCredential = vocabularyOf(`next page continuation cursor sync type count last expire expired expiry expiration at id name scanning limit usage
		used enabled required length policy hint max min prefix rotation protection created updated is has can allow allowed needs must per total url uri fingerprint hashed
		prompt completion input output status state public number size changed forgot strength`)

	// egressWords name operations that make a product send or fetch.
	egressWords = vocabularyOf(`hook webhook mirror migrate migration import importer callback notify mail mailer email send proxy fetch crawl
		forward forwarder relay pingback trackback unfurl oembed deliver delivery redelivery invite invitation federation activitypub inbox outbox`)
	// addressWords name a field that holds an address, whether or not the product contacts it.
	addressWords = vocabularyOf(`url uri href addr endpoint hostname webhook callback`)
	// notAddress are words that make a name speak about an address instead of being one.
	notAddress = vocabularyOf(`id ignore validate validation verify enabled is has type format count secret event`)

	// tunnelWords are the last noun of a path that takes other requests in its body.
	tunnelWords = vocabularyOf(`graphql gql batch multicall jsonrpc xmlrpc rpc soap`)
)

// joined are all pairs of neighbours among words, written together.
func joined(words []string) []string {
	var out []string
	for i := 0; i+1 < len(words); i++ {
		out = append(out, words[i]+words[i+1])
	}
	return out
}

// Telling reports whether a field of a body, by name and format, says something about
// authority: a credential, a right, or an address that the product may contact.
func Telling(name, format string) bool {
	return holdsCredential(name) || isAddress(name, format) || changesIdentity(name)
}

func holdsCredential(name string) bool {
	w := words(name)
	_, single := credentialWords.in(w)
	_, pair := credentialPairs.in(joined(w))
	if !single && !pair {
		return false
	}
	_, not := notCredential.in(w)
	return !not
}

func isAddress(name, format string) bool {
	if format == "uri" || format == "url" || format == "hostname" {
		return true
	}
	w := words(name)
	if _, not := notAddress.in(w); not {
		return false
	}
	_, ok := addressWords.in(w)
	return ok
}

func changesIdentity(name string) bool { return identityFields[strings.Join(words(name), "")] }

// classify says which class an operation is of, where its request names hosts that the
// product will contact, and why in words. "" is none.
func classify(d *Described, above int) (class string, fields []EgressField, why string) {
	read := d.Method == "GET" || d.Method == "HEAD" || d.Method == "OPTIONS" || d.Method == "QUERY"
	fields, marked := addresses(d, read)
	all := nouns(d.Path, above)
	what, egress := sends(d, all, read, fields, marked)
	if !egress {
		fields = nil
	}
	if by, ok := tunnel(d, all); ok && !read {
		return Tunnel, fields, "it seems to carry other requests inside its own (" + by + ")"
	}
	if !read {
		if by, ok := identity(d, all); ok {
			return Identity, fields, "it seems to change who may do what (" + by + ")"
		}
	}
	if by, ok := credential(d, all, read); ok {
		return Credential, fields, "its answer seems to hold a credential (" + by + ")"
	}
	if egress {
		return Egress, fields, "it seems to make the product send or fetch elsewhere (" + what + ")"
	}
	return "", nil, ""
}

// nouns are the literal segments of a template as words, without those that are above the
// whole API.
func nouns(template string, above int) [][]string {
	var out [][]string
	for i, s := range strings.Split(template, "/") {
		if i <= above {
			continue
		}
		for { // literal text around parameters counts too
			a := strings.IndexByte(s, '{')
			b := strings.IndexByte(s, '}')
			if a < 0 || b < a {
				break
			}
			s = s[:a] + " " + s[b+1:]
		}
		if w := words(s); len(w) > 0 {
			out = append(out, w)
		}
	}
	return out
}

// about is the last noun of a path, deeds left out.
func about(all [][]string) string {
	for i := len(all) - 1; i >= 0; i-- {
		for j := len(all[i]) - 1; j >= 0; j-- {
			if w := all[i][j]; !deeds[w] {
				return w
			}
		}
	}
	return ""
}

// shared counts the leading segments that all paths have in common: "/admin/api" above
// everything says nothing about one operation.
func shared(all []Described) int {
	if len(all) < 2 {
		return 0
	}
	first := strings.Split(all[0].Path, "/")
	n := len(first)
	for _, d := range all[1:] {
		parts := strings.Split(d.Path, "/")
		n = min(n, len(parts))
		for i := range n {
			if parts[i] != first[i] {
				n = i
				break
			}
		}
	}
	return max(n-1, 0)
}

func tunnel(d *Described, all [][]string) (string, bool) {
	if len(all) == 0 || strings.HasSuffix(d.Path, "}") {
		return "", false
	}
	last := strings.Join(all[len(all)-1], "")
	return fmt.Sprintf("its path ends in %q", last), tunnelWords[last]
}

func identity(d *Described, all [][]string) (string, bool) {
	for _, w := range all {
		if by, ok := identityWords.in(slices.Concat(w, joined(w))); ok {
			return fmt.Sprintf("%q in its path", by), true
		}
	}
	if by := about(all); peopleWords[by] {
		return fmt.Sprintf("its path is about %q", by), true
	}
	for _, t := range d.Tags {
		if by, ok := identityWords.in(words(t)); ok {
			return fmt.Sprintf("%q in its tag", by), true
		}
	}
	if by, ok := identityDeeds.in(words(d.ID)); ok {
		return fmt.Sprintf("%q in its id", by), true
	}
	for _, f := range slices.Concat(d.Sends, d.Form) {
		if name := f[strings.LastIndexByte(f, '/')+1:]; changesIdentity(name) {
			return fmt.Sprintf("the field %s of its request", f), true
		}
	}
	return "", false
}

func credential(d *Described, all [][]string, read bool) (string, bool) {
	for _, f := range d.Answers {
		if name := f[strings.LastIndexByte(f, '/')+1:]; holdsCredential(name) {
			return fmt.Sprintf("the field %s of its answer", f), true
		}
	}
	if !read || len(all) == 0 {
		return "", false
	}
	last := all[len(all)-1]
	if _, not := notCredential.in(last); not {
		return "", false
	}
	if by, ok := credentialWords.in(slices.Concat(last, joined(last))); ok {
		return fmt.Sprintf("its path is about %q", by), true
	}
	return "", false
}

// sends says whether the product sends or fetches because of a request, and by what that
// is seen.
func sends(d *Described, all [][]string, read bool, fields []EgressField, marked bool) (string, bool) {
	switch {
	case marked:
		return "x-annex-egress", true
	case d.Callback:
		return "the document describes its callbacks", true
	case len(fields) > 0:
		return fmt.Sprintf("the address in %s of its %s", fields[0].Name, fields[0].In), true
	case read || d.Method == "DELETE":
		return "", false
	}
	for _, w := range all {
		if by, ok := egressWords.in(w); ok {
			return fmt.Sprintf("%q in its path", by), true
		}
	}
	if by, ok := egressWords.in(words(d.ID)); ok {
		return fmt.Sprintf("%q in its id", by), true
	}
	return "", false
}

// addresses are the places of a request that hold an address: those that the document
// marks, or those that look so.
func addresses(d *Described, read bool) (out []EgressField, marked bool) {
	if mark, ok := d.Extensions["x-annex-egress"]; ok && mark != false {
		return egressMark(mark), true
	}
	for _, p := range d.Parameters {
		if p.In == "query" && isAddress(p.Name, "") {
			out = append(out, EgressField{"query", p.Name})
		}
	}
	if read {
		return out, false
	}
	for _, f := range d.Sends {
		if isAddress(f[strings.LastIndexByte(f, '/')+1:], "") {
			out = append(out, EgressField{"body", f})
		}
	}
	for _, f := range d.Form {
		if isAddress(f, "") {
			out = append(out, EgressField{"form", f})
		}
	}
	return out, false
}

// egressMark reads x-annex-egress: true, a list of JSON pointers, or of {in, name}.
func egressMark(v any) []EgressField {
	list, _ := v.([]any)
	var out []EgressField
	for _, e := range list {
		switch e := e.(type) {
		case string:
			out = append(out, EgressField{"body", e})
		case map[string]any:
			in, _ := e["in"].(string)
			name, _ := e["name"].(string)
			if name != "" && (in == "body" || in == "query" || in == "form") {
				out = append(out, EgressField{in, name})
			}
		}
	}
	return out
}
