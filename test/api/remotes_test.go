package api

import (
	"fmt"
	"strings"

	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// remotes goes through what a site's admin sets of an installation's remotes, with the
// networks that the operator lists for the site.
func (l *life) remotes(at string) {
	list := l.ask("GET", at+"/remotes", l.ada, nil).is(200).want("logs", "remotes", 0, "key").want(true, "remotes", 0, "configurable")
	l.ask("GET", at+"/remotes", l.admin, nil).fails(404, "NOT_YOURS")
	logs := at + "/remotes/logs"
	l.ask("PUT", logs, l.ada, object{"url": "https://logs.example.com", "epoch": 1}).fails(409, "PREVIEW_CHANGED")
	l.ask("PUT", logs, l.ada, object{"url": "http://10.20.0.5:8088", "epoch": list.get("epoch")}).fails(422, "BAD_REMOTE_URL")
	l.ask("PUT", at+"/remotes/gone", l.ada, object{"url": "https://logs.example.com", "epoch": list.get("epoch")}).fails(404, "NO_SUCH_REMOTE")
	credential := object{"origin": "https://logs.example.com", "kind": "bearer", "secret": "the-secret-of-logs"}
	l.ask("PUT", logs+"/credential", l.ada, credential).fails(403, "REMOTE_NOT_CONFIGURED")
	list = l.ask("PUT", logs, l.ada, object{"url": "https://logs.example.com/v1", "why": "ours", "epoch": list.get("epoch")}).is(200).
		want("https://logs.example.com/v1", "remotes", 0, "url").want("ours", "remotes", 0, "why").want("ada", "remotes", 0, "byName")
	l.ask("GET", at, l.ada, nil).is(200).has("permissions", object{"key": "remote:logs", "state": "on", "byName": "ada"}, "https://logs.example.com/v1")
	if shown := l.ask("POST", "/api/v1/installations/preview", l.ada, l.target("environment", "wide")).is(200); !strings.Contains(fmt.Sprint(shown.get("words")), "https://logs.example.com/v1") {
		l.t.Errorf("what is confirmed anew says nothing of where its remote is: %s", shown.body)
	}
	l.ask("PUT", logs+"/credential", l.ada, credential).is(200).want("https://logs.example.com", "origin")
	if seen := l.ask("GET", at+"/remotes", l.ada, nil).is(200).want("bearer", "remotes", 0, "credential", "kind"); strings.Contains(string(seen.body), "the-secret-of-logs") {
		l.t.Error("the credential is told")
	}
	certificate, key := netguardtest.New(l.t).ClientPEM(l.t, "tracker", false)
	mutual := object{"origin": "https://logs.example.com", "kind": "client-certificate", "secret": key, "certificate": certificate}
	l.ask("PUT", logs+"/credential", l.ada, mutual).is(200).want("CN=tracker", "certificate", "subject").want("ending", "certificate", "state")
	if seen := l.ask("GET", at+"/remotes", l.ada, nil).is(200).want("CN=tracker", "remotes", 0, "credential", "certificate", "subject"); strings.Contains(string(seen.body), "PRIVATE KEY") {
		l.t.Error("a certificate's key is told")
	}
	mutual["secret"] = "nonsense"
	l.ask("PUT", logs+"/credential", l.ada, mutual).fails(422, "BAD_CREDENTIAL")
	l.ask("DELETE", logs+"/credential", l.ada, nil).is(204)
	l.ask("DELETE", logs+"/credential", l.ada, nil).fails(404, "NO_CREDENTIAL")

	// Two keys for a private network: neither alone opens anything.
	networks := "/api/v1/sites/acme/networks"
	l.ask("POST", networks, l.ada, object{"cidr": "10.20.0.0/16", "ports": []int{8088}}).fails(403, "ROLE_REQUIRED")
	l.ask("POST", networks, l.operator, object{"cidr": "127.0.0.0/8", "ports": []int{8088}}).fails(403, "NEVER_LIFTED")
	l.ask("POST", networks, l.operator, object{"cidr": "nowhere", "ports": []int{8088}}).fails(422, "BAD_NETWORK")
	listed := l.ask("POST", networks, l.operator, object{"cidr": "10.20.0.0/16", "ports": []int{8088}, "note": "logs"}).is(201).want("10.20.0.0/16", "cidr")
	l.ask("GET", networks, l.ada, nil).is(200).want("logs", "networks", 0, "note")
	l.ask("GET", networks, l.admin, nil).fails(404, "NOT_YOURS")
	grant := object{"network": listed.text("id"), "host": "10.21.0.5", "port": 8088, "epoch": list.get("epoch")}
	l.ask("POST", logs+"/networks", l.ada, grant).fails(403, "OUTSIDE_NETWORK")
	grant["host"] = "10.20.0.5"
	list = l.ask("POST", logs+"/networks", l.ada, grant).is(200).want("10.20.0.5", "remotes", 0, "networks", 0, "host")
	l.ask("PUT", logs, l.ada, object{"url": "http://10.20.0.5:8088", "epoch": list.get("epoch")}).is(200).want("http://10.20.0.5:8088", "remotes", 0, "url")
	l.ask("PUT", logs+"/credential", l.ada, object{"origin": "http://10.20.0.5:8088", "kind": "bearer", "secret": "s"}).fails(403, "CREDENTIAL_IN_THE_CLEAR")
	l.ask("PUT", logs+"/credential", l.ada, object{"origin": "http://10.20.0.5:8088", "kind": "client-certificate", "secret": key, "certificate": certificate}).fails(403, "CERTIFICATE_NEEDS_HTTPS")
	l.ask("DELETE", logs+"/networks?host=10.20.0.6&port=8088", l.ada, nil).fails(404, "NOT_GRANTED")
	l.ask("DELETE", logs+"/networks?host=10.20.0.5&port=8088", l.ada, nil).is(200).want(nil, "remotes", 0, "url").want("http://10.20.0.5:8088", "remotes", 0, "set")
	l.ask("DELETE", networks+"/"+listed.text("id"), l.operator, nil).is(204)
	l.ask("DELETE", networks+"/"+listed.text("id"), l.operator, nil).fails(404, "NO_SUCH_NETWORK")
	list = l.ask("GET", at+"/remotes", l.ada, nil).is(200)
	l.ask("DELETE", logs, l.ada, nil).fails(400, "MISSING")
	l.ask("DELETE", fmt.Sprintf("%s?epoch=%v", logs, list.get("epoch")), l.ada, nil).is(200).want(nil, "remotes", 0, "url")
	// What the app registers is a name: listed, of no use before an admin says where it is, and removable.
	register := func(key, pattern string) answer {
		return l.ask("POST", "/api/v1/invocations", l.bob, l.target("environment", "wide", "function", "register",
			"payload", object{"key": key, "type": "remote", "userDefined": object{"name": "Second", "domainPatterns": pattern}})).is(200)
	}
	register("second", "*.example.com").want(true, "result", "success").length(0, "result", "errors")
	register("second", "*.example.com").want(false, "result", "success").want("KEY_TAKEN", "result", "errors", 0, "code")
	register("third", "http://").want("INVALID_PATTERN", "result", "errors", 0, "code")
	l.ask("GET", at+"/modules", l.ada, nil).is(200).want("second", "modules", 0, "key").want("remote", "modules", 0, "type").want(nil, "modules", 0, "url")
	list = l.ask("GET", at+"/remotes", l.ada, nil).is(200).want(true, "remotes", 1, "registered").want(nil, "remotes", 1, "url")
	l.ask("PUT", at+"/remotes/second", l.ada, object{"url": "https://evil.test", "epoch": list.get("epoch")}).fails(403, "OUTSIDE_PATTERNS")
	l.ask("PUT", at+"/remotes/second", l.ada, object{"url": "https://x.example.com", "epoch": list.get("epoch")}).is(200).want("https://x.example.com", "remotes", 1, "url")
	l.ask("GET", at, l.ada, nil).is(200).has("permissions", object{"key": "remote:second", "state": "on", "origin": "configured"}, "https://x.example.com")
	l.ask("DELETE", at+"/modules/second", l.admin, nil).fails(404, "NOT_YOURS")
	l.ask("DELETE", at+"/modules/second", l.ada, nil).is(204)
	l.ask("DELETE", at+"/modules/second", l.ada, nil).fails(404, "NO_SUCH_REMOTE")
}

// rules goes through what a site's admin keeps apps from.
func (l *life) rules() {
	rules := "/api/v1/sites/acme/access-rules"
	l.ask("GET", rules, l.ada, nil).is(200)
	l.ask("GET", rules, l.admin, nil).fails(404, "NOT_YOURS")
	rule := object{"product": "helpdesk", "type": "project", "container": "DEMO"}
	l.ask("POST", rules, l.operator, rule).fails(403, "ROLE_REQUIRED")
	l.ask("POST", rules, l.ada, object{"product": "helpdesk", "type": "planet", "container": "DEMO"}).fails(422, "BAD_CONTAINER")
	l.ask("POST", rules, l.ada, object{"product": "gone", "type": "project", "container": "DEMO"}).fails(404, "PRODUCT_UNKNOWN")
	made := l.ask("POST", rules, l.ada, rule).is(201).want("DEMO", "container").want("ada", "byName")
	l.ask("POST", rules, l.ada, rule).fails(409, "RULE_EXISTS")
	l.ask("GET", rules, l.ada, nil).is(200).want("DEMO", "rules", 0, "container")
	l.ask("DELETE", rules+"/"+made.text("id"), l.ada, nil).is(204)
	l.ask("DELETE", rules+"/"+made.text("id"), l.ada, nil).fails(404, "NO_SUCH_RULE")
}
