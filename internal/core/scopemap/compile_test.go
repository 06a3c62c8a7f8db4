package scopemap

import (
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
)

func one(t *testing.T, d Described, rules Rules, schemes map[string]Scheme) (*Operation, []Finding) {
	t.Helper()
	if d.Method == "" {
		d.Method = "GET"
	}
	if d.Path == "" {
		d.Path = "/thing"
	}
	d.ID = "op"
	if rules.Words == nil {
		rules.Words = map[string]bool{"a": true, "b": true, "c": true}
	}
	if schemes == nil {
		schemes = map[string]Scheme{"app": {Type: "oauth2"}, "basic": {Type: "http"}, "oidc": {Type: "openIdConnect"}}
	}
	table, findings, err := Compile(Document{Schemes: schemes, Described: []Described{d}}, rules)
	if err != nil {
		t.Fatal(err)
	}
	return table.Operation("op"), findings
}

func said(all [][]string) string {
	var out []string
	for _, s := range all {
		out = append(out, strings.Join(s, "+"))
	}
	return strings.Join(out, "|")
}

func TestScopesOfAnOperation(t *testing.T) {
	type security = []map[string][]string
	for name, x := range map[string]struct {
		d     Described
		rules Rules
		want  string // "" is closed
	}{
		"one":               {Described{Security: security{{"app": {"a"}}}}, Rules{}, "a"},
		"all of":            {Described{Security: security{{"app": {"b", "a", "b"}}}}, Rules{}, "a+b"},
		"any of":            {Described{Security: security{{"app": {"b"}}, {"oidc": {"a"}}}}, Rules{}, "a|b"},
		"both schemes":      {Described{Security: security{{"app": {"a"}, "oidc": {"c"}}}}, Rules{}, "a+c"},
		"another way in":    {Described{Security: security{{"app": {"a"}}, {"basic": {}}}}, Rules{}, "a"},
		"with a credential": {Described{Security: security{{"app": {"a"}, "basic": {}}}}, Rules{}, ""},
		"none":              {Described{}, Rules{}, ""},
		"anonymous":         {Described{Security: security{{}}}, Rules{}, ""},
		"somebody":          {Described{Security: security{{"app": {}}}}, Rules{}, ""},
		"unworded":          {Described{Security: security{{"app": {"x"}}}}, Rules{}, ""},
		"half worded":       {Described{Security: security{{"app": {"a", "x"}}, {"app": {"b"}}}}, Rules{}, "b"},
		"named scheme":      {Described{Security: security{{"app": {"a"}}, {"oidc": {"b"}}}}, Rules{Schemes: []string{"oidc"}}, "b"},
		"no scheme counts":  {Described{Security: security{{"app": {"a"}}}}, Rules{Schemes: []string{}}, ""},
		"rule":              {Described{Tags: []string{"t"}}, Rules{Rules: []Rule{{Tag: "t", Scopes: [][]string{{"a"}}}}}, "a"},
		"first rule":        {Described{}, Rules{Rules: []Rule{{Tag: "t", Scopes: [][]string{{"a"}}}, {Scopes: [][]string{{"b"}}}, {Scopes: [][]string{{"c"}}}}}, "b"},
		"document first":    {Described{Security: security{{"app": {"a"}}}}, Rules{Rules: []Rule{{Scopes: [][]string{{"b"}}}}}, "a"},
		"rule of a method":  {Described{}, Rules{Rules: []Rule{{Methods: []string{"PUT"}, Scopes: [][]string{{"a"}}}}}, ""},
		"rule of a path":    {Described{Path: "/x/{y}/z"}, Rules{Rules: []Rule{{Path: "/x/*/z", Scopes: [][]string{{"a"}}}}}, "a"},
		"rule of below":     {Described{Path: "/x/{y}/z"}, Rules{Rules: []Rule{{Path: "/x/**", Scopes: [][]string{{"a"}}}}}, "a"},
		"rule of another":   {Described{Path: "/xy/z"}, Rules{Rules: []Rule{{Path: "/x/**", Scopes: [][]string{{"a"}}}}}, ""},
		"rule of shorter":   {Described{Path: "/x/y"}, Rules{Rules: []Rule{{Path: "/x", Scopes: [][]string{{"a"}}}}}, ""},
		"decision":          {Described{Security: security{{"app": {"a"}}}}, Rules{Decisions: []Decision{{ID: "op", Open: true, Reason: "r", Scopes: [][]string{{"b"}, {"c"}}}}}, "b|c"},
		"decided open":      {Described{}, Rules{Decisions: []Decision{{ID: "op", Open: true, Reason: "r"}}}, ""},
		"decided by path":   {Described{}, Rules{Decisions: []Decision{{Method: "GET", Path: "/thing", Open: true, Reason: "r", Scopes: [][]string{{"b"}}}}}, "b"},
		"extension":         {Described{Security: security{{"app": {"a"}}}, Extensions: map[string]any{"x-s": "b"}}, Rules{Extensions: []string{"x-s"}}, "b"},
		"another extension": {Described{Security: security{{"app": {"a"}}}, Extensions: map[string]any{"x-s": "b"}}, Rules{}, "a"},
		"extension list":    {Described{Extensions: map[string]any{"x-s": []any{"a", "b"}}}, Rules{Extensions: []string{"x-s"}}, "a+b"},
		"extension any":     {Described{Extensions: map[string]any{"x-s": []any{[]any{"a"}, []any{"b", "c"}}}}, Rules{Extensions: []string{"x-s"}}, "a|b+c"},
		"extension states": {Described{Extensions: map[string]any{"x-s": []any{map[string]any{"scheme": "O", "state": "Current", "scopes": []any{"a"}}, map[string]any{"state": "Beta", "scopes": []any{"b", "c"}}}}},
			Rules{Extensions: []string{"x-s"}}, "a|b+c"},
		"extension of another form": {Described{Security: security{{"app": {"a"}}}, Extensions: map[string]any{"x-s": 7.0}}, Rules{Extensions: []string{"x-s"}}, ""},
		"extension that is empty":   {Described{Security: security{{"app": {"a"}}}, Extensions: map[string]any{"x-s": []any{}}}, Rules{Extensions: []string{"x-s"}}, ""},
	} {
		op, _ := one(t, x.d, x.rules, nil)
		if got := said(op.Scopes); got != x.want || (op.Closed == "") != (x.want != "") {
			t.Errorf("%s: %q, closed %q; want %q", name, got, op.Closed, x.want)
		}
	}
	op, _ := one(t, Described{}, Rules{Decisions: []Decision{{ID: "op", Open: true, Reason: "anybody may", Scopes: [][]string{{}}}}}, nil)
	if len(op.Scopes) != 1 || len(op.Scopes[0]) != 0 || op.Closed != "" || op.Reason != "anybody may" {
		t.Errorf("an operation without scopes, by decision: %+v", op)
	}
}

func TestMistakesInRulesAreFound(t *testing.T) {
	for rule, r := range map[string]Rules{
		"unknown-operation":   {Decisions: []Decision{{ID: "oq", Line: 3}}},
		"duplicate-decision":  {Decisions: []Decision{{ID: "op"}, {Method: "GET", Path: "/thing", Line: 3}}},
		"unknown-path":        {Also: []Also{{From: "/v1", At: "/v2", Line: 3}}},
		"scope-without-words": {Rules: []Rule{{Scopes: [][]string{{"x"}}, Line: 3}}},
	} {
		_, findings := one(t, Described{}, r, nil)
		i := slices.IndexFunc(findings, func(f Finding) bool { return f.Rule == rule })
		if i < 0 || findings[i].Severity != Error || findings[i].Line != 3 || !findings[i].InRules || findings[i].Fix == "" {
			t.Errorf("%s: %+v", rule, findings)
		}
	}
}

func TestClasses(t *testing.T) {
	for line, want := range map[string]string{
		"GET /issue/{i}": "", "POST /issue": "", "PUT /issue/{i}/assignee": "", "DELETE /repos/{o}/{r}/labels/{id}": "", "GET /users": "", "PUT /user/starred/{r}": "",
		"POST /user/repos": "", "GET /repos/{r}/keys": "", "GET /orgs/{o}/members": "", "POST /issue/{i}/comment": "", "PUT /issue/properties/{propertyKey}": "",
		"POST /users": Identity, "PUT /users/{id}": Identity, "DELETE /user": Identity, "POST /group/user": Identity, "POST /users/{u}/rename": Identity, "PATCH /user/settings": Identity,
		"PUT /orgs/{o}/members/{u}": Identity, "PUT /teams/{t}/repos/{r}": Identity, "POST /user/keys": Identity, "POST /user/gpg_keys": Identity, "POST /users/{u}/tokens": Identity,
		"PUT /repos/{r}/collaborators/{c}": Identity, "POST /permissionScheme": Identity, "PUT /project/{p}/role/{id}": Identity, "POST /admin/cron/{task}": Identity,
		"POST /oauth2/applications": Identity, "POST /repos/{r}/transfer": Identity, "PUT /repos/{r}/branches/{b}/protection": Identity, "POST /api/users.setRole": Identity,
		"POST /service-accounts": Identity, "POST /addUser": Identity, "PUT /apiKeys/{id}": Identity, "POST /password-reset": Identity, "PUT /actions/secrets/{s}": Identity,
		"GET /users/{u}/tokens": Credential, "GET /actions/secrets": Credential, "GET /runners/registration-token": Credential, "GET /apiKey": Credential,
		"POST /repos/{r}/hooks": Egress, "POST /repos/migrate": Egress, "POST /repos/{r}/push_mirrors": Egress, "PUT /repos/{r}/import": Egress, "POST /mail/send": Egress,
		"POST /issue/{i}/notify": Egress, "DELETE /repos/{r}/hooks/{h}": "", "GET /repos/{r}/hooks": "",
		"POST /graphql": Tunnel, "POST /$batch": Tunnel, "POST /rpc": Tunnel,
	} {
		method, path, _ := strings.Cut(line, " ")
		if class, _, why := classify(&Described{Method: method, Path: path}, 0); class != want {
			t.Errorf("%s is %q (%s), want %q", line, class, why, want)
		}
	}
	for _, x := range []struct {
		what Described
		want string
	}{
		{Described{Method: "GET", Answers: []string{"/items/*/clientSecret"}}, Credential},
		{Described{Method: "GET", Answers: []string{"/next_page_token", "/tokenCount", "/has_password", "/secret_scanning"}}, ""},
		{Described{Method: "POST", Answers: []string{"/accessToken"}}, Credential},
		{Described{Method: "POST", Sends: []string{"/new_password"}}, ""},
		{Described{Method: "POST", Sends: []string{"/password"}}, Identity},
		{Described{Method: "POST", Form: []string{"role"}}, Identity},
		{Described{Method: "POST", Sends: []string{"/config/url"}}, Egress},
		{Described{Method: "POST", Form: []string{"callback"}}, Egress},
		{Described{Method: "GET", Parameters: []Parameter{{Name: "imageUrl", In: "query"}}}, Egress},
		{Described{Method: "GET", Parameters: []Parameter{{Name: "fields", In: "query"}}}, ""},
		{Described{Method: "POST", Callback: true}, Egress},
		{Described{Method: "GET", Extensions: map[string]any{"x-annex-egress": true}}, Egress},
		{Described{Method: "GET", Extensions: map[string]any{"x-annex-egress": false}}, ""},
		{Described{Method: "POST", Tags: []string{"Permission schemes"}}, Identity},
		{Described{Method: "POST", ID: "grantAccess"}, Identity},
		{Described{Method: "POST", ID: "searchByToken"}, ""},
	} {
		x.what.Path = "/thing"
		if class, _, why := classify(&x.what, 0); class != x.want {
			t.Errorf("%+v is %q (%s), want %q", x.what, class, why, x.want)
		}
	}
	// What stands above everything says nothing about one operation.
	all := []Described{{Method: "POST", Path: "/admin/api/orders"}, {Method: "POST", Path: "/admin/api/users"}}
	for i, want := range []string{"", Identity} {
		if class, _, _ := classify(&all[i], shared(all)); class != want {
			t.Errorf("%s is %q, want %q", all[i].Path, class, want)
		}
	}
}

// Each class stays closed, whatever scopes the document names, until product.yaml decides.
func TestClassesAreClosedUntilDecided(t *testing.T) {
	scoped := []map[string][]string{{"app": {"a"}}}
	for class, d := range map[string]Described{
		Identity: {Method: "POST", Path: "/users", Security: scoped}, Credential: {Path: "/tokens", Security: scoped},
		Egress: {Method: "POST", Path: "/hooks", Sends: []string{"/config/url"}, Security: scoped}, Tunnel: {Method: "POST", Path: "/batch", Security: scoped},
	} {
		op, findings := one(t, d, Rules{}, nil)
		if op.Class != class || op.Closed == "" || !slices.ContainsFunc(findings, func(f Finding) bool { return f.Rule == "undecided-"+class && f.ID == "op" }) {
			t.Errorf("%s: %+v, %+v", class, op, findings)
		}
		op, _ = one(t, d, Rules{Decisions: []Decision{{ID: "op", Open: true, Reason: "known"}}}, nil)
		if op.Closed != "" || said(op.Scopes) != "a" || op.Reason != "known" {
			t.Errorf("%s decided: %+v", class, op)
		}
		if op, _ = one(t, d, Rules{Decisions: []Decision{{ID: "op", Reason: "never"}}}, nil); !strings.Contains(op.Closed, "never") {
			t.Errorf("%s decided closed: %+v", class, op)
		}
	}
	// Open egress names where the host stands in a request, or says that there is none.
	hook := Described{Method: "POST", Path: "/hooks", Security: scoped}
	op, _ := one(t, hook, Rules{Decisions: []Decision{{ID: "op", Open: true, Reason: "known"}}}, nil)
	if op.Closed == "" {
		t.Error("an operation that sends anywhere is open")
	}
	fields := []EgressField{{"body", "/config/url"}}
	if op, _ = one(t, hook, Rules{Decisions: []Decision{{ID: "op", Open: true, Reason: "known", Egress: fields}}}, nil); op.Closed != "" || !slices.Equal(op.Egress, fields) {
		t.Errorf("%+v", op)
	}
	if op, _ = one(t, hook, Rules{Decisions: []Decision{{ID: "op", Open: true, Reason: "to members only", Egress: []EgressField{}}}}, nil); op.Closed != "" || len(op.Egress) != 0 {
		t.Errorf("%+v", op)
	}
	marked := Described{Method: "PUT", Security: scoped, Extensions: map[string]any{"x-annex-egress": []any{"/target", map[string]any{"in": "query", "name": "to"}}}}
	if op, _ = one(t, marked, Rules{Decisions: []Decision{{ID: "op", Open: true, Reason: "known"}}}, nil); len(op.Egress) != 2 || op.Egress[1] != (EgressField{"query", "to"}) || op.Class != Egress {
		t.Errorf("%+v", op)
	}
}

// GraphQL has a gate of its own, which reads what is asked for.
func TestGraphIsNotCalledAsAnOperation(t *testing.T) {
	d := Described{Method: "POST", Path: "/query", Security: []map[string][]string{{"app": {"a"}}}}
	op, _ := one(t, d, Rules{GraphPath: "/query", Decisions: []Decision{{ID: "op", Open: true, Reason: "please"}}}, nil)
	if op.Closed == "" || op.Class != Tunnel {
		t.Errorf("%+v", op)
	}
}

func TestSameOperationsAtAnotherPrefix(t *testing.T) {
	doc, rules := document("GET /api/3/issue/{i}", "GET /api/3", "GET /api/30")
	rules.Also = []Also{{From: "/api/3", At: "/api/2"}}
	table, _, err := Compile(doc, rules)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"/api/2/issue/1": true, "/api/3/issue/1": true, "/api/2": true, "/api/20": false} {
		if _, err := table.Find("GET", path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	// What is closed at one prefix is at every one: by class, by its id too, and by decision.
	doc.Described = append(doc.Described, Described{ID: "grantAccess", Method: "PUT", Path: "/api/3/thing", Security: doc.Described[0].Security})
	table, _, _ = Compile(doc, rules)
	for _, path := range []string{"/api/3/thing", "/api/2/thing"} {
		if op, err := table.Find("PUT", path); err != nil || op.Class != Identity || op.Closed == "" {
			t.Errorf("%s: %+v %v", path, op, err)
		}
	}
	rules.Decisions = []Decision{{ID: "GET /api/3/issue/{i}", Reason: "no"}}
	table, _, _ = Compile(doc, rules)
	if op, err := table.Find("GET", "/api/2/issue/1"); err != nil || op.Closed == "" {
		t.Errorf("closed at one prefix, open at the other: %+v %v", op, err)
	}
}

func TestParametersOfARequest(t *testing.T) {
	op, _ := one(t, Described{Method: "POST", Path: "/issue", Body: true, MediaTypes: []string{"application/x-www-form-urlencoded", "image/*"}, Form: []string{"title", "tags"},
		Parameters: []Parameter{{Name: "fields", In: "query"}, {Name: "filter", In: "query", Keys: true}, {Name: "key", In: "query"}, {Name: "X-Trace", In: "header"}, {Name: "sudo", In: "query"}}},
		Rules{}, map[string]Scheme{"q": {Type: "apiKey", In: "query", Name: "key"}, "h": {Type: "apiKey", In: "header", Name: "X-Desk-OTP"}})
	for line, want := range map[string]string{
		"query fields": "yes", "query fields[]": "yes", "query filter[name]": "yes", "query filter": "yes", "query other": "no", "query Fields": "no", "query fields[x]": "no", "query ": "no",
		"header X-Trace": "yes", "header x-trace": "yes", "header Accept": "yes", "header Content-Type": "yes", "header If-None-Match": "yes", "header User-Agent": "yes", "header Content-Encoding": "no", "query method": "no", "query host": "no", "query accessToken": "refused", "query su_do": "refused", "header X-Other": "no", "header Connection": "no",
		"form title": "yes", "form tags[]": "yes", "form other": "no",
		"query sudo": "refused", "query SUDO": "refused", "query sudo[]": "refused", "query access_token": "refused", "query access-token": "refused", "query access.token": "refused",
		"query _method": "refused", "query  _method": "refused", "query X-HTTP-Method-Override": "refused", "query Authorization": "refused", "query cookie": "refused", "query key": "refused", "query private_token": "refused",
		"header Cookie": "refused", "header Authorization": "refused", "header Sudo": "refused", "header SUDO": "refused", "header X-HTTP-Method-Override": "refused", "header X_HTTP_Method_Override": "refused",
		"header X-Forwarded-For": "refused", "header X-Forwarded-User": "refused", "header Proxy-Authorization": "refused", "header Private-Token": "refused", "header X-Desk-OTP": "refused", "header X-Original-URL": "refused",
		"header Remote-User": "refused", "header X-WEBAUTH-USER": "refused", "header Host": "refused",
		"form sudo": "refused", "form _method": "refused", "form access_token": "refused", "form sudo\x00x": "refused", "form key": "refused",
	} {
		in, name, _ := strings.Cut(line, " ")
		ok, err := op.Takes(in, name)
		got := map[bool]string{true: "yes", false: "no"}[ok]
		if fault.CodeOf(err) == "PARAMETER_REFUSED" {
			got = "refused"
		}
		if got != want {
			t.Errorf("%q: %s (%v), want %s", line, got, err, want)
		}
	}
	for kind, ok := range map[string]bool{"application/x-www-form-urlencoded; charset=utf-8": true, "image/png": true, "application/json": false, "": false, "imagex/png": false} {
		if err := op.TakesBody(kind); (err == nil) != ok {
			t.Errorf("%q: %v", kind, err)
		}
	}
	if get, _ := one(t, Described{}, Rules{}, nil); get.TakesBody("application/json") == nil {
		t.Error("an operation without a body takes one")
	}
}
