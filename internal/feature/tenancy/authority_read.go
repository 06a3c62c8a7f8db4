package tenancy

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/internal/core/scopemap"
)

// later reads fields that earlier versions kept as written, whatever it was. What is
// registered already and is not in today's form counts as not said, so that a server
// starts with it; registering it anew demands the form.
func (r *reader) later(read func(*reader, *yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if !r.stored {
			read(r, n)
			return
		}
		quiet := &reader{file: r.file, stored: true}
		read(quiet, n)
	}
}

func (r *reader) authority(p *Product) map[string]func(*yaml.Node) {
	a := &p.Authority
	return map[string]func(*yaml.Node){
		"auth": func(n *yaml.Node) {
			r.text(n, "auth", &p.Auth, 10, oneOf(AuthAnnex, AuthOAuth2), "write annex or oauth2")
		},
		"oauth2": func(n *yaml.Node) { p.OAuth2 = r.oauth2(n) },
		"users": r.later(func(r *reader, n *yaml.Node) {
			r.text(n, "users", &p.Users, 20, oneOf(FromAssertion, FromOIDC, FromOAuth2), "write assertion, oidc or oauth2")
		}),
		"oidc":   func(n *yaml.Node) { p.OIDC = r.oidc(n) },
		"admins": r.later(func(r *reader, n *yaml.Node) { p.Admins = r.admins(n) }),
		"keys":   r.later(func(r *reader, n *yaml.Node) { p.Keys = r.keys(n) }),
		"consent": r.later(func(r *reader, n *yaml.Node) {
			p.Consent = r.consent(n)
		}),
		"graph":        func(n *yaml.Node) { p.Graph = r.graph(n) },
		"scopeSchemes": func(n *yaml.Node) { a.Schemes = []string{}; r.texts(n, "scopeSchemes", &a.Schemes, 128, nil, "") },
		"scopeExtensions": func(n *yaml.Node) {
			r.texts(n, "scopeExtensions", &a.Extensions, 128, extensionName, "write the name of a vendor extension, x-…")
		},
		"rules": func(n *yaml.Node) {
			r.list(n, "rules", func(e *yaml.Node) { a.Rules = append(a.Rules, r.rule(e)) })
		},
		"operations": func(n *yaml.Node) {
			r.list(n, "operations", func(e *yaml.Node) { a.Decisions = append(a.Decisions, r.decision(e)) })
		},
		"restOfPath": func(n *yaml.Node) {
			a.Rest = map[string]string{}
			r.entries(n, "restOfPath", func(name, v *yaml.Node) {
				var s string
				if r.text(v, name.Value, &s, 200, nil, ""); s != "" {
					a.Rest[name.Value] = s
				}
			})
		},
		"alsoAt": func(n *yaml.Node) {
			r.list(n, "alsoAt", func(e *yaml.Node) {
				x := scopemap.Also{Line: e.Line}
				r.fields(e, "an element of alsoAt", map[string]func(*yaml.Node){
					"from": func(n *yaml.Node) { r.text(n, "from", &x.From, 2000, prefix, prefixFix) },
					"at":   func(n *yaml.Node) { r.text(n, "at", &x.At, 2000, prefix, prefixFix) },
				}, "from", "at")
				a.Also = append(a.Also, x)
			})
		},
	}
}

const prefixFix = "write a path that starts with a slash and ends without one"

func prefix(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/") && !strings.ContainsAny(s, "?#;\\{}") && !strings.Contains(s, "//")
}

func extensionName(s string) bool { return strings.HasPrefix(s, "x-") }

// together is what no single field can say.
func (r *reader) together(root *yaml.Node, p *Product) {
	if p.Auth == "" {
		p.Auth = AuthAnnex
	}
	if p.Users == "" {
		p.Users = FromAssertion
		if p.Auth == AuthOAuth2 {
			p.Users = FromOAuth2
		}
	}
	if p.Consent.External == "" {
		p.Consent.External = ExternalUser
	}
	if p.Admins.From == "" && len(p.Admins.Users) == 0 {
		p.Admins.From = p.Users
	}
	needs := func(is bool, what, fix string) {
		if is && !r.stored {
			r.problem(root, "missing-field", fix, "%s", what)
		}
	}
	needs(p.Auth == AuthOAuth2 && p.OAuth2 == nil, "auth: oauth2 needs the field \"oauth2\"", "add oauth2: with authorizationUrl, tokenUrl and clientId")
	needs(p.Auth != AuthOAuth2 && p.OAuth2 != nil, "the field \"oauth2\" is for auth: oauth2", "add auth: oauth2, or leave oauth2 out")
	needs(p.Users == FromOAuth2 && p.Auth != AuthOAuth2, "users: oauth2 needs auth: oauth2", "add auth: oauth2, or say users: assertion or oidc")
	needs(p.Users == FromOAuth2 && p.OAuth2 != nil && p.OAuth2.User == nil, "users: oauth2 needs oauth2.user", "add user: {path: …, id: …} to oauth2: who a token's user is")
	needs(p.Users == FromOIDC && p.OIDC == nil, "users: oidc needs the field \"oidc\"", "add oidc: with issuer and clientId")
	needs(p.Users != FromOIDC && p.OIDC != nil, "the field \"oidc\" is for users: oidc", "add users: oidc, or leave oidc out")
	needs(p.Admins.From != "" && p.Admins.From != p.Users, "admins come from where users come from", "say admins: "+p.Users+", or list them: admins: {users: […]}")
	needs(p.Admins.From == FromOIDC && p.Admins.Claim == "", "admins of users: oidc need a claim", "say admins: {claim: NAME, values: […]}, or list them: admins: {users: […]}")
	words := map[string]bool{}
	for _, s := range p.Scopes {
		words[s.Name] = true
		if s.Offline {
			if p.Consent.Offline == nil {
				p.Consent.Offline = map[string]bool{}
			}
			p.Consent.Offline[s.Name] = true
		}
		if s.Consent == "admin" {
			if p.Consent.Admin == nil {
				p.Consent.Admin = map[string]bool{}
			}
			p.Consent.Admin[s.Name] = true
		}
	}
	if p.People != nil && !r.stored {
		for _, s := range p.People.Scopes {
			if !words[s] {
				r.problem(root, "unknown-scope", "add it to scopes:, or leave it out", "people.scopes names the scope %q, which the product does not have", s)
			}
		}
	}
	if p.OAuth2 != nil && !r.stored {
		for _, s := range slices.Sorted(maps.Keys(p.OAuth2.Scopes)) {
			if !words[s] {
				r.problem(root, "unknown-scope", "add it to scopes:, or leave it out", "oauth2.scopes names the scope %q, which the product does not have", s)
			}
		}
	}
	if p.Graph != nil && !r.stored {
		for _, fields := range []map[string][][]string{p.Graph.Query, p.Graph.Mutation, p.Graph.Subscription} {
			for _, f := range slices.Sorted(maps.Keys(fields)) {
				for _, s := range slices.Concat(fields[f]...) {
					if !words[s] {
						r.problem(root, "unknown-scope", "add it to scopes:, or leave the field out", "the field %q of graph needs the scope %q, which the product does not have", f, s)
					}
				}
			}
		}
	}
}

// endpoint is an absolute https URL; http only on this machine.
func endpoint(s string) bool {
	u, err := url.Parse(s)
	if err != nil || !baseURL(s) {
		return false
	}
	host := u.Hostname()
	return u.Scheme == "https" || host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "127.0.0.1" || host == "::1"
}

const endpointFix = "write an absolute https URL without user, query and fragment (http on this machine only)"

func (r *reader) oauth2(n *yaml.Node) *OAuth2 {
	o := &OAuth2{ClientAuth: "basic", Separator: " "}
	link := func(what string, to *string) func(*yaml.Node) {
		return func(n *yaml.Node) { r.text(n, what, to, 2000, endpoint, endpointFix) }
	}
	r.fields(n, "oauth2", map[string]func(*yaml.Node){
		"authorizationUrl": link("authorizationUrl", &o.AuthorizationURL),
		"tokenUrl":         link("tokenUrl", &o.TokenURL),
		"revocationUrl":    link("revocationUrl", &o.RevocationURL),
		"clientId":         func(n *yaml.Node) { r.text(n, "clientId", &o.ClientID, 500, nil, "") },
		"clientAuth": func(n *yaml.Node) {
			r.text(n, "clientAuth", &o.ClientAuth, 10, oneOf("basic", "body", "none"), "write basic, body or none")
		},
		"separator": func(n *yaml.Node) {
			r.text(n, "separator", &o.Separator, 1, oneOf(" ", ",", "+"), "write \" \", \",\" or \"+\"")
		},
		"always": func(n *yaml.Node) { r.texts(n, "always", &o.Always, 200, nil, "") },
		"scopes": func(n *yaml.Node) {
			o.Scopes = map[string][]string{}
			r.entries(n, "scopes of oauth2", func(name, v *yaml.Node) {
				own := []string{}
				if v.Kind == yaml.SequenceNode {
					r.texts(v, name.Value, &own, 200, nil, "")
				} else {
					var s string
					if r.text(v, name.Value, &s, 200, nil, ""); s != "" {
						own = append(own, s)
					}
				}
				o.Scopes[name.Value] = own
			})
		},
		"user": func(n *yaml.Node) {
			w := &Who{}
			field := func(what string, to *string) func(*yaml.Node) {
				return func(n *yaml.Node) { r.text(n, what, to, 200, nil, "") }
			}
			r.fields(n, "user of oauth2", map[string]func(*yaml.Node){
				"path": func(n *yaml.Node) { r.text(n, "path", &w.Path, 2000, prefix, prefixFix) },
				"id":   field("id", &w.ID), "name": field("name", &w.Name), "admin": field("admin", &w.Admin),
			}, "path", "id")
			o.User = w
		},
	}, "authorizationUrl", "tokenUrl", "clientId")
	return o
}

func (r *reader) oidc(n *yaml.Node) *OIDC {
	o := &OIDC{Subject: "sub", Name: "name", ClientAuth: "none"}
	r.fields(n, "oidc", map[string]func(*yaml.Node){
		"issuer":   func(n *yaml.Node) { r.text(n, "issuer", &o.Issuer, 2000, endpoint, endpointFix) },
		"clientId": func(n *yaml.Node) { r.text(n, "clientId", &o.ClientID, 500, nil, "") },
		"clientAuth": func(n *yaml.Node) {
			r.text(n, "clientAuth", &o.ClientAuth, 10, oneOf("none", "basic", "body"), "write none, basic or body")
		},
		"scopes":  func(n *yaml.Node) { r.texts(n, "scopes of oidc", &o.Scopes, 200, nil, "") },
		"hosts":   func(n *yaml.Node) { r.texts(n, "hosts of oidc", &o.Hosts, 2000, endpoint, endpointFix) },
		"site":    func(n *yaml.Node) { r.text(n, "site", &o.Site, 200, nil, "") },
		"subject": func(n *yaml.Node) { r.text(n, "subject", &o.Subject, 200, nil, "") },
		"name":    func(n *yaml.Node) { r.text(n, "name", &o.Name, 200, nil, "") },
	}, "issuer", "clientId")
	return o
}

// admins reads assertion, oauth2, {claim: NAME, values: […]} or {users: […]}.
func (r *reader) admins(n *yaml.Node) Admins {
	var a Admins
	if n.Kind == yaml.ScalarNode {
		r.text(n, "admins", &a.From, 20, oneOf(FromAssertion, FromOAuth2), "write assertion, oauth2, {claim: NAME, values: […]} or {users: […]}")
		return a
	}
	r.fields(n, "admins", map[string]func(*yaml.Node){
		"claim":  func(n *yaml.Node) { r.text(n, "claim", &a.Claim, 200, nil, ""); a.From = FromOIDC },
		"values": func(n *yaml.Node) { r.texts(n, "values", &a.Values, 200, nil, "") },
		"users":  func(n *yaml.Node) { r.texts(n, "users of admins", &a.Users, 255, nil, "") },
	})
	switch {
	case (a.Claim == "") == (len(a.Users) == 0):
		r.problem(n, "missing-field", "write {claim: NAME, values: […]} or {users: […]}", "admins says neither a claim nor users, or both")
	case a.Claim == "" && len(a.Values) > 0:
		r.problem(n, "bad-value", "leave values out, or add claim:", "values are those of a claim")
	}
	return a
}

func (r *reader) consent(n *yaml.Node) Consent {
	c := Consent{}
	r.fields(n, "consent", map[string]func(*yaml.Node){
		"external": func(n *yaml.Node) {
			r.text(n, "external", &c.External, 10, oneOf(ExternalUser, ExternalInform, ExternalNone), "write user, inform or none")
		},
		"stepUp": func(n *yaml.Node) { r.truth(n, "stepUp", &c.StepUp) },
	})
	return c
}

// jwk is the public half of a key as a product may give it.
type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	Use string `json:"use"`
	// Sites are those that the key signs for, where it does not sign for all.
	Sites []string `json:"sites,omitempty"`
}

// keys reads a URL, {url: …}, a list of JWKs or {keys: […]}.
func (r *reader) keys(n *yaml.Node) *Keys {
	k := &Keys{}
	if n.Kind == yaml.ScalarNode {
		r.text(n, "keys", &k.URL, 2000, endpoint, endpointFix)
		return k
	}
	var all []jwk
	list := func(n *yaml.Node) {
		r.list(n, "keys", func(e *yaml.Node) {
			if key, ok := r.jwk(e); ok {
				all = append(all, key)
			}
		})
		if len(n.Content) == 0 || len(n.Content) > 20 {
			r.problem(n, "bad-value", "list 1 to 20 keys", "keys has %d elements", len(n.Content))
		}
	}
	if n.Kind == yaml.SequenceNode {
		list(n)
	} else {
		r.fields(n, "keys", map[string]func(*yaml.Node){
			"url":  func(n *yaml.Node) { r.text(n, "url", &k.URL, 2000, endpoint, endpointFix) },
			"keys": list,
		})
		if (k.URL == "") == (all == nil) && len(r.problems) == 0 {
			r.problem(n, "missing-field", "write {url: …} or {keys: […]}", "keys says neither a url nor keys, or both")
		}
	}
	seen := map[string]bool{}
	for _, key := range all {
		if seen[key.Kid] {
			r.problem(n, "duplicate-key", "give each key its own kid", "two keys have the kid %q", key.Kid)
		}
		seen[key.Kid] = true
	}
	if k.URL == "" && all == nil {
		return nil
	}
	if all != nil {
		k.JWKS, _ = json.Marshal(map[string]any{"keys": all}) // texts only
	}
	return k
}

func (r *reader) jwk(n *yaml.Node) (jwk, bool) {
	k := jwk{Alg: "ES256", Use: "sig"}
	before := len(r.problems)
	r.fields(n, "a key", map[string]func(*yaml.Node){
		"kty": func(n *yaml.Node) { r.text(n, "kty", &k.Kty, 10, oneOf("EC"), "write EC: keys are of ES256") },
		"crv": func(n *yaml.Node) { r.text(n, "crv", &k.Crv, 10, oneOf("P-256"), "write P-256: keys are of ES256") },
		"alg": func(n *yaml.Node) { r.text(n, "alg", &k.Alg, 10, oneOf("ES256"), "write ES256") },
		"use": func(n *yaml.Node) { r.text(n, "use", &k.Use, 10, oneOf("sig"), "write sig") },
		"kid": func(n *yaml.Node) { r.text(n, "kid", &k.Kid, 200, nil, "") },
		"sites": func(n *yaml.Node) {
			if r.texts(n, "sites", &k.Sites, 200, nil, "name sites by their ids"); len(k.Sites) == 0 {
				r.problem(n, "bad-value", "name sites by their ids, or leave sites out for all", "sites is empty")
			}
		},
		"x": func(n *yaml.Node) { r.text(n, "x", &k.X, 43, nil, "") },
		"y": func(n *yaml.Node) { r.text(n, "y", &k.Y, 43, nil, "") },
		"d": func(n *yaml.Node) {
			r.problem(n, "private-key", "give the public half, and make a new key: this one has been seen", "the key is private")
		},
	}, "kty", "crv", "kid", "x", "y")
	if len(r.problems) > before {
		return k, false
	}
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
		r.problem(n, "bad-value", "write x and y as 32 bytes each in base64url without padding", "the key's x or y is not a coordinate of P-256")
		return k, false
	}
	if _, err := ecdh.P256().NewPublicKey(slices.Concat([]byte{4}, x, y)); err != nil {
		r.problem(n, "bad-value", "copy the key again", "the key is no point of P-256")
		return k, false
	}
	return k, true
}

func (r *reader) graph(n *yaml.Node) *Graph {
	g := &Graph{MaxDepth: 12, MaxFields: 200}
	fields := func(what string, to *map[string][][]string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			*to = map[string][][]string{}
			r.entries(n, what, func(name, v *yaml.Node) { (*to)[name.Value] = r.alternatives(v, name.Value) })
		}
	}
	number := func(what string, to *int, most int) func(*yaml.Node) {
		return func(n *yaml.Node) {
			v, err := strconv.Atoi(n.Value)
			if n.Kind != yaml.ScalarNode || err != nil || v < 1 || v > most {
				r.problem(n, "bad-value", "write a number from 1 to "+strconv.Itoa(most), "%s is not such a number", what)
				return
			}
			*to = v
		}
	}
	r.fields(n, "graph", map[string]func(*yaml.Node){
		"path":  func(n *yaml.Node) { r.text(n, "path", &g.Path, 2000, prefix, prefixFix) },
		"query": fields("query", &g.Query), "mutation": fields("mutation", &g.Mutation), "subscription": fields("subscription", &g.Subscription),
		"maxDepth": number("maxDepth", &g.MaxDepth, 50), "maxFields": number("maxFields", &g.MaxFields, 5000),
	}, "path")
	return g
}

// alternatives reads [a, b] (all are needed) or [[a], [b]] (one of them is).
func (r *reader) alternatives(n *yaml.Node, what string) [][]string {
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 && n.Content[0].Kind == yaml.SequenceNode {
		out := [][]string{}
		r.list(n, what, func(e *yaml.Node) { out = append(out, r.scopeSet(e, "an alternative of "+what)) })
		return out
	}
	return [][]string{r.scopeSet(n, what)}
}

func (r *reader) scopeSet(n *yaml.Node, what string) []string {
	out := []string{}
	r.texts(n, what, &out, 128, scopeForm.MatchString, "use letters, digits, colons, dots, dashes and underscores")
	return out
}

var methodNames = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"}

func (r *reader) rule(n *yaml.Node) scopemap.Rule {
	x := scopemap.Rule{Line: n.Line}
	r.fields(n, "a rule", map[string]func(*yaml.Node){
		"tag": func(n *yaml.Node) { r.text(n, "tag", &x.Tag, 200, nil, "") },
		"path": func(n *yaml.Node) {
			r.text(n, "path", &x.Path, 2000, rooted, "write a path of the document; * is one segment, /** at the end the rest")
		},
		"methods": func(n *yaml.Node) {
			r.texts(n, "methods", &x.Methods, 10, oneOf(methodNames...), "write methods in capitals: "+strings.Join(methodNames, ", "))
		},
		"scopes": func(n *yaml.Node) { x.Scopes = r.alternatives(n, "scopes") },
	}, "scopes")
	if slices.ContainsFunc(x.Scopes, func(s []string) bool { return len(s) == 0 }) || len(x.Scopes) == 0 {
		r.problem(n, "bad-value", "name scopes; what needs none is decided one by one, under operations, with a reason", "a rule opens operations to every app")
	}
	return x
}

// truth reads true or false.
func (r *reader) truth(n *yaml.Node, what string, to *bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(to) != nil {
		r.problem(n, "wrong-type", "write true or false", "%s is %s, not a truth value", what, kindOf(n))
	}
}

func rooted(s string) bool { return strings.HasPrefix(s, "/") }

func (r *reader) decision(n *yaml.Node) scopemap.Decision {
	x := scopemap.Decision{Line: n.Line}
	open := false
	r.fields(n, "an operation", map[string]func(*yaml.Node){
		"operation": func(n *yaml.Node) { r.text(n, "operation", &x.ID, 500, nil, "") },
		"method": func(n *yaml.Node) {
			r.text(n, "method", &x.Method, 10, oneOf(methodNames...), "write a method in capitals")
		},
		"path": func(n *yaml.Node) { r.text(n, "path", &x.Path, 2000, rooted, "write a path as the document has it") },
		"open": func(n *yaml.Node) {
			r.truth(n, "open", &x.Open)
			open = true
		},
		"reason": func(n *yaml.Node) { r.text(n, "reason", &x.Reason, 500, nil, "") },
		"scopes": func(n *yaml.Node) { x.Scopes = r.alternatives(n, "scopes") },
		"egress": func(n *yaml.Node) {
			x.Egress = []scopemap.EgressField{}
			r.list(n, "egress", func(e *yaml.Node) { x.Egress = append(x.Egress, r.egressField(e)) })
		},
	}, "open", "reason")
	switch {
	case (x.ID == "") == (x.Method == "" && x.Path == "") || (x.Method == "") != (x.Path == ""):
		r.problem(n, "missing-field", "write operation: ID, or method: and path:", "an operation is named by its id, or by method and path")
	case open && !x.Open && (x.Scopes != nil || x.Egress != nil):
		r.problem(n, "bad-value", "leave scopes and egress out", "a closed operation needs no scopes and no egress")
	}
	return x
}

func (r *reader) egressField(n *yaml.Node) scopemap.EgressField {
	var f scopemap.EgressField
	r.fields(n, "an element of egress", map[string]func(*yaml.Node){
		"in": func(n *yaml.Node) {
			r.text(n, "in", &f.In, 10, oneOf("body", "query", "form"), "write body, query or form")
		},
		"name": func(n *yaml.Node) { r.text(n, "name", &f.Name, 500, nil, "") },
	}, "in", "name")
	if f.In == "body" && f.Name != "" && !strings.HasPrefix(f.Name, "/") {
		r.problem(n, "bad-value", "write a JSON pointer such as /config/url, * for any element of a list", "%q is no JSON pointer", f.Name)
	}
	return f
}
