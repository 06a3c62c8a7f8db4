package bundle

// testTable is a small base image for tests.
var testTable = &Table{
	Modules: map[string][]string{
		"@annex/api":               {"default", "asApp", "asUser", "authorize", "fetch", "getAppContext", "route", "assumeTrustedRoute", "startsWith", "storage", "webTrigger", "__requestAtlassianAsApp", "WhereConditions", "FilterConditions", "SortOrder", "AuthProfile"},
		"@annex/kvs":               {"default", "kvs", "WhereConditions", "Filter", "Sort", "delete"},
		"@annex/resolver":          {"default"},
		"@annex/events":            {"Queue", "InvocationError", "InvocationErrorCode", "PayloadTooBigError", "QueueResponse", "default"},
		"@annex/response":          {"AuthProfile"},
		"@annex/ui":                {"default", "render", "Text", "Fragment", "Macro", "MacroConfig", "useState", "useAction", "useProductContext", "Table", "Row", "Cell", "Head", "Form", "TextField", "Button", "Heading", "Code", "Select", "Option", "IssuePanel", "GlobalPage", "ButtonSet", "CheckboxGroup", "Checkbox", "ModalDialog", "useEffect", "useConfig", "Link", "Strong", "Em", "ProjectPage", "TextArea", "RadioGroup", "Radio"},
		"@annex/ui-jira":           {"useIssueProperty"},
		"@annex/bridge":            {"invoke", "view", "requestJira", "getContext"},
		"@annex/react":             {"default"},
		"@annex/react/jsx-runtime": {"jsx", "jsxs", "Fragment"},
		"node:crypto":              {"default", "createHash", "createHmac", "randomBytes", "randomUUID", "randomFillSync", "createPrivateKey", "createSign", "createVerify", "constants"},
		"node:buffer":              {"default", "Buffer"},
		"node:events":              {"default", "EventEmitter"},
		"node:fs":                  {"default", "readFileSync", "existsSync", "promises"},
		"node:path":                {"default", "join", "resolve", "dirname"},
		"node:url":                 {"default", "URL", "fileURLToPath"},
		"node:util":                {"default", "inspect", "inherits", "promisify"},
		"node:stream":              {"default", "Stream", "Readable", "Writable", "Transform", "Duplex", "PassThrough"},
		"node:process":             {"default", "env"},
	},
	Aliases: map[string]string{
		"@forge/api":        "@annex/api",
		"@forge/kvs":        "@annex/kvs",
		"@forge/resolver":   "@annex/resolver",
		"@forge/events":     "@annex/events",
		"@forge/response":   "@annex/response",
		"@forge/ui":         "@annex/ui",
		"@forge/ui-jira":    "@annex/ui-jira",
		"@forge/bridge":     "@annex/bridge",
		"@forge/react":      "@annex/react",
		"react/jsx-runtime": "@annex/react/jsx-runtime",
	},
}
