package apps

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Apps whose way in is a web trigger.

func scheduledTriggerLab(a *app) {
	hook := a.hook("motd-listener")
	res := a.post(hook, `{"motd":"Hello, world!"}`, nil, 200, "Success: Message updated\n")
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		a.Errorf("Content-Type %q", got)
	}
	a.post(hook, "no JSON", nil, 400, "SyntaxError")
	a.answers("scheduledWebTrigger", nil, `"Success: Message updated\n"`, `"statusCode":200`)
	a.logged("scheduled!")
	a.refuses("main", nil, "render(…) of @forge/ui")
}

func circleci(a *app) {
	hook := a.hook("orb-webtrigger")
	builds := `{"builds":[]}`
	with := func(token string) []string { return []string{"Authorization", token} }
	a.post(hook, builds, nil, 401, `"error":"MissingAuthHeaderError"`, `"requestId":"`)
	a.post(hook, builds, with("x"), 500, `"error":"MissingOrganizationIdError"`)
	a.answers("resolver", resolving("setStorageValue", object{"storageKey": "organizationId",
		"storageValue": object{"organizationId": organization, "audience": "audience"}}))
	a.answers("resolver", resolving("getStorageValue", object{"storageKey": "organizationId"}), organization)
	a.answers("resolver", resolving("getWebTriggerUrl", object{"moduleKey": "orb-webtrigger"}), hook)
	a.answers("resolver", resolving("getWebTriggerUrl", nil), `"error":"No module key provided`)

	for _, c := range []struct {
		change func(header, claims object)
		name   string
	}{
		{func(h, _ object) { h["kid"] = "key-2" }, "FailedToFindJwkError"},
		{func(h, _ object) { delete(h, "kid") }, "MissingKeyIdError"},
		{func(_, c object) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, "TokenExpiredError"},
		{func(_, c object) { c["iss"] = "https://elsewhere.example" }, "InvalidTokenIssuerError"},
		{func(_, c object) { c["aud"] = "another" }, "InvalidTokenAudienceError"},
	} {
		a.post(hook, builds, with(token(c.change)), 401, `"error":"`+c.name+`"`)
	}
	bent := []byte(token(nil))
	bent[len(bent)-10] ^= 1
	a.post(hook, builds, with(string(bent)), 401, `"error":"InvalidTokenSignatureError"`)
	a.post(hook, "", with(token(nil)), 400, `"error":"EmptyRequestBodyError"`)
	a.post(hook, "{}", with(token(nil)), 400, `"error":"InvalidPayloadError"`)
	a.post(hook, builds, with(token(nil)), 500, `"error":"NotOfferedError"`, "__requestAtlassianAsApp is not offered")
}

func jiraPlugin(a *app) {
	hook := a.hook("github-pr-merged-trigger")
	event := func(state, title string) string {
		text, _ := json.Marshal(object{"action": state, "pull_request": object{"state": state, "title": title, "head": object{"ref": "main"}}})
		return string(text)
	}
	a.post(hook, event("opened", "ABC-1"), nil, 204)
	a.post(hook, event("closed", "no key"), nil, 204)
	a.post(hook, event("closed", "ABC-1 sort notes"), nil, 500, `"incidentId"`)
	a.logged("asApp().requestJira is not offered")

	ask := func(key string, payload any, parts ...string) {
		a.Helper()
		a.answers("resolver", resolving(key, payload), parts...)
	}
	ask("isTokenSet", nil, "false")
	ask("validateToken", object{"token": "wrong"}, "false")
	ask("validateToken", object{"token": gitHubToken}, "true")
	ask("saveToken", object{"token": gitHubToken}, "true")
	ask("isTokenSet", nil, "true")
	ask("setPrivateRepoVisibility", object{"privateRepoVisibility": true}, "true")
	ask("getPrivateRepoVisibility", nil, "true")
	ask("getAllGitHubRepos", nil, `"name":"notes"`, `"owner":"alice"`, `"language":"Unknown"`)
	repository := object{"owner": "alice", "name": "notes"}
	ask("getAllGitHubPRsForRepoByIssueKey", object{"repository": repository, "issueKey": "ABC-1"}, `"state":"approved"`)
	ask("approveGitHubPr", object{"repository": repository, "id": 7}, "true")
	ask("mergeGitHubPr", object{"repository": repository, "id": 7}, "true")
	a.refuses("resolver", resolving("sendFeedback", object{"feedback": object{"feedbackType": "idea"}}), "asUser().requestJira")
	ask("removeToken", nil, "true")
	ask("isTokenSet", nil, "false")
}

func appscan(a *app) {
	a.post(a.hook("clear-import-trigger"), "", nil, 204)
	a.post(a.hook("my-web-trigger"), "", nil, 204)
	a.logged("No jobs scheduled")
	a.post(a.hook("cleanup-trigger"), "", nil, 500, `"incidentId"`)
	a.logged(`kvs.entity(\\\"import-details\\\").query().getMany is not offered`)

	ask := func(key string, payload any, parts ...string) {
		a.Helper()
		a.answers("resolver", resolving(key, payload), parts...)
	}
	login := func(host, key string) any {
		return object{"url": "https://" + host, "keyId": key, "keySecret": "s"}
	}
	ask("login", login("cloud.appscan.com", scannerKey), "of-the-session")
	ask("login", login("cloud.appscan.com", "wrong"), "Authentication failed")
	a.throws("resolver", resolving("login", login("elsewhere.example.net", scannerKey)), "REQUEST_EGRESS_ALLOWLIST_ERR")
	ask("fetchAllApps", object{"fetchAllAppsURL": "https://cloud.appscan.com", "authorizationHeader": "Bearer t"}, `"Name":"shop"`, `"Asked":"Bearer t"`)
	ask("storage", object{"type": "GET", "storageKey": "importStatus"}, `"isInProgress":false`)
	ask("storage", object{"type": "GET", "storageKey": "never-set"}, "{}")
	ask("secretStorage", object{"type": "POST", "storageKey": "credentials", "formData": object{"keyId": "k"}})
	ask("secretStorage", object{"type": "GET", "storageKey": "credentials"}, `"keyId":"k"`)
	ask("storage", object{"type": "POST", "storageKey": "autoImportConfig", "formData": object{"frequency": "hourly", "time": "2026-01-01T00:00:00Z", "maxIssues": 1}})
	a.post(a.hook("my-web-trigger"), "", nil, 500, `"incidentId"`)
	a.logged("Queue.push is not offered")
	a.refuses("resolver", resolving("getImportHistory", nil), `kvs.entity("import-history").query().getMany`)
}

func jenkins(a *app) {
	hook := a.hook("jenkins-webtrigger")
	a.post(hook, "x", nil, 400, "parameter jenkins_server_uuid is missing")
	a.post(hook+"?jenkins_server_uuid=u", "x", nil, 400, "Failed to fetch Jenkins server for uuid u")
	a.post(a.hook("reset-jenkins-webtrigger"), "{}", nil, 400, "JWT verification failed")
	a.refuses("resolver", resolving("connectJenkinsServer", nil), "asUser().requestJira")
}

func gheForJira(a *app) {
	hook, body := a.hook("webhook-receiver"), `{"zen":"x"}`
	a.post(hook, body, nil, 403)
	sum := hmac.New(sha256.New, []byte("a secret"))
	sum.Write([]byte(body))
	signed := []string{"X-Hub-Signature-256", "sha256=" + hex.EncodeToString(sum.Sum(nil))}
	a.post(hook, body+" ", signed, 403)
	a.post(hook, body, signed, 204)
	a.logged("UnsupportedWebhookTypeError")
}

func userNotifier(a *app) {
	a.variable("MY_WEBTRIGGER_KEY", "key")
	hook := a.hook("new-user-message")
	a.post(hook, "", []string{"X-MyWebtriggerKey", "wrong"}, 401, "Error: Unauthorized")
	a.post(hook, "", []string{"X-MyWebtriggerKey", "key", "X-AccountId", "alice"}, 500, `"incidentId"`)
	a.logged(`kvs.entity(\\\"user-message\\\").set is not offered`)
}

func cvefeed(a *app) {
	hook := a.hook("cvefeed-incoming-webhook")
	a.post(hook, "no JSON", nil, 400, "Invalid JSON payload")
	a.post(hook, "{}", nil, 400, "Missing project_id")
	a.post(hook, `{"project_id":7}`, nil, 404, "Project 7 not registered")
	a.answers("admin-resolver", resolving("getAdminConfig", nil), `"configured":false`)
	a.answers("scheduled-sync-handler", nil)
}

// issueReader assigns its web triggers to `exports` in a file that also exports.
func issueReader(a *app) {
	hook := a.hook("example-web-trigger-key")
	a.post(hook, "{}", nil, 409, "issue_list property is missing")
	a.post(hook, `{"issue_list":["A-1"]}`, nil, 200, "asApp().requestJira is not offered")
}
