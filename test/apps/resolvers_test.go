package apps

import "encoding/json"

// Apps whose way in is a resolver, an action or an event.

func unsplash(a *app) {
	search := object{"query": "nature", "orientation": "landscape"}
	ask := func(key string, payload any, parts ...string) {
		a.Helper()
		a.answers("resolver", resolving(key, payload), parts...)
	}
	a.answers("searchPhotos", search, `"error":"Unsplash access key not configured`, `"status":"error"`)
	ask("isAccessKeySet", nil, "false")
	ask("saveAccessKey", object{"accessKey": "  "}, `"error":"Access key is required"`)
	ask("saveAccessKey", object{"accessKey": "wrong"}, `"success":true`)
	a.answers("searchPhotos", search, `"error":"Invalid access key`)
	ask("saveAccessKey", object{"accessKey": photoKey}, `"success":true`)
	ask("isAccessKeySet", nil, "true")
	a.answers("searchPhotos", search, `"status":"success"`, `"total":1`, `"description":"a hill"`, `"photographer":"Alice"`, `Found 1 photos for \"nature\"`)
	a.answers("searchPhotos", nil, "error")
}

func todoList(a *app) {
	ask := func(key string, payload any, parts ...string) string {
		a.Helper()
		result, thrown := a.call("resolver", resolving("/api/todos/"+key, payload))
		a.holds(key, result+thrown, parts)
		return result
	}
	ask("get-all", nil, `{"success":true,"data":[]}`)
	ask("create", object{"title": "Buy milk", "priority": "high"}, `"success":true`, `"title":"Buy milk"`)
	ask("create", object{"title": "Sleep", "priority": "low"}, `"title":"Sleep"`)
	type todo struct{ ID, Title, CreatedAt, UpdatedAt string }
	todos := func() []todo {
		a.Helper()
		var got struct{ Data []todo }
		if err := json.Unmarshal([]byte(ask("get-all", nil)), &got); err != nil {
			a.Fatal(err)
		}
		return got.Data
	}
	all := todos()
	if len(all) != 2 || all[0].Title != "Sleep" {
		a.Fatalf("the newest comes first: %+v", all)
	}
	ask("update", object{"id": all[0].ID, "todo": object{"completed": true}}, `"completed":true`)
	if now := todos(); now[0].UpdatedAt == all[0].UpdatedAt || now[0].CreatedAt != all[0].CreatedAt {
		a.Errorf("updated: %+v", now)
	}
	ask("update", object{"id": "none", "todo": object{}}, `{"success":false,"error":"Todo not found"}`)
	ask("delete", object{"id": all[0].ID}, `"data":true`)
	if left := todos(); len(left) != 1 || left[0].Title != "Buy milk" {
		a.Errorf("left: %+v", left)
	}
	a.throws("resolver", resolving("nothing", nil), `Resolver has no definition for "nothing"`)
}

func growthbook(a *app) {
	ask := func(key string, payload any, parts ...string) {
		a.Helper()
		a.answers("resolver", resolving(key, payload), parts...)
	}
	link := object{"issueId": "10001", "issueData": object{"linkedObject": object{"type": "feature", "id": "f", "name": "F"}}}
	ask("getAppSettings", nil, `{"apiKey":"","persistedState":{},"customFieldId":""}`)
	ask("updateAppSettings", object{"apiKey": "k"}, "true")
	ask("getAppSettings", nil, `"apiKey":"k"`)
	ask("getIssueData", object{"issueId": "10001"}, "{}")
	ask("setIssueData", link, "true")
	ask("getIssueData", object{"issueId": "10001"}, `"type":"feature"`)
	ask("updateAppSettings", object{"customFieldId": "customfield_1"}, "true")
	a.refuses("resolver", resolving("setIssueData", link), "asApp().requestJira")
}

func dataHandling(a *app) {
	ask := func(key string, payload any, parts ...string) {
		a.Helper()
		a.answers("ui-resolver-fn", resolving(key, payload), parts...)
	}
	ask("getDataProcessingStatuses", nil, `{"statuses":[]}`)
	ask("getDataProcessingStatus", object{"dataProcessingId": "none"}, `"{}"`)
	ask("startDataProcessing", nil, "dataProcessingId")
	a.logged("Queue.push is not offered")
	ask("cleanupAllJobStatusStorage", nil, `"{}"`)
}

func issueStatusHelper(a *app) {
	a.answers("resolver", resolving("loadData", object{"key": "SUPPORTED_PROJECTS"}), "{}")
	a.refuses("resolver", resolving("saveData", object{"key": "SUPPORTED_PROJECTS", "value": object{}}), "asUser().requestJira")
	a.refuses("trigger-main", object{"issue": object{"id": "1", "key": "ABC-1"}, "changelog": object{"items": []any{}}}, "asApp().requestJira")
}

func spotify(a *app) {
	a.answers("spotify-profile", object{"status": 200, "body": object{"id": "u", "email": "alice@example.com", "images": []any{}}},
		`{"id":"u","displayName":"alice@example.com","avatarUrl":""}`)
	a.throws("spotify-profile", object{"status": 401, "body": object{"error": object{"message": "no"}}}, "HTTP 401: no")
	a.refuses("resolver", resolving("searchSpotify", nil), "withProvider().hasCredentials")
	a.refuses("uikit-macro-fn", nil, "render(…) of @forge/ui")
}

func checklist(a *app) { a.refuses("main", nil, "render(…) of @forge/ui") }

func remoteDemo(a *app) {
	a.answers("resolver", resolving("storeLastGeneration", object{"runtime": 3}), "{}")
	a.logged(`\"runtime\":3`)
}

// imageGenerator reads a variable at module scope: it has to be set before the first deploy.
func imageGenerator(a *app) {
	a.answers("image-gen-fn", object{"prompt": "a hill"}, `["https://images.example/1"]`)
}
