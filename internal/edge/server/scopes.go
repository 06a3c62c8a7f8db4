package server

// platformScopes are the words for scopes that belong to no product, as an admin reads
// them before an app is installed.
var platformScopes = map[string]struct{ title, detail, risk string }{
	"storage:app":           {"Keep data of its own", "kept on this platform, apart for each installation", "low"},
	"read:app-system-token": {"Let its back ends act as the app", "a token goes along with calls to the back ends below", "medium"},
	"read:app-user-token":   {"Let its back ends act as the user who is calling", "a token goes along with calls to the back ends below", "high"},
	"report:personal-data":  {"Report which people it keeps data about", "so that their data can be corrected or erased", "low"},
	"read:chat:rovo":        {"Read what is said to its agents", "messages of the conversation that calls it", "medium"},
}
