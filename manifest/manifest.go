package manifest

// The struct tags are the table from which reader, canonical form and JSON Schema
// are made:
//
//	json  the field's name in the file
//	rule  space-separated constraints: req, enum=a|b, re=NAME (see patterns), max=N and
//	      min=N (of a number, or of a text's or list's length), rest (a map that takes
//	      the fields which the type does not name), unique=FIELD (of a list's elements)
//	doc   one sentence for editors

// Manifest is a loaded manifest. Values are normal: of two spellings of one meaning,
// only one is left.
type Manifest struct {
	App            App            `json:"app" rule:"req" doc:"What the app is and how it runs."`
	Perms          Permissions    `json:"permissions" doc:"What the app may do."`
	Remotes        []Remote       `json:"remotes" rule:"unique=key" doc:"Back ends of the app's developer and other named hosts."`
	Providers      Providers      `json:"providers" doc:"External services that users connect accounts of, or for which a site's admin gives a credential."`
	Modules        Modules        `json:"modules" doc:"The app's functions and where they appear."`
	Resources      []Resource     `json:"resources" rule:"max=50 unique=key" doc:"Static files and front ends."`
	Services       []any          `json:"services" doc:"Container services; read, not offered here."`
	Environment    Environment    `json:"environment" doc:"Variables that are put in place of ${NAME} when the manifest is read."`
	Translations   Translations   `json:"translations" doc:"Texts by language."`
	Overrides      []Override     `json:"overrides" doc:"Values that differ by environment or placement."`
	ConnectModules map[string]any `json:"connectModules" doc:"Modules of the older Connect platform; read, not offered here."`

	positions map[string]Position
}

// App says what the app is and how it runs.
type App struct {
	ID            string        `json:"id" doc:"Id of the app, ari:cloud:ecosystem::app/UUID; when blank, the first deploy gives one."`
	Name          string        `json:"name" rule:"max=255" doc:"Name of the app for people."`
	Description   string        `json:"description" rule:"max=1000" doc:"What the app does, for people."`
	Runtime       Runtime       `json:"runtime" doc:"How functions run."`
	Licensing     Licensing     `json:"licensing" doc:"Whether the app is licensed."`
	Access        Access        `json:"access" doc:"Who may use the app."`
	Compatibility Compatibility `json:"compatibility" doc:"The products that the app works with."`
	Features      Features      `json:"features" doc:"Switches of older manifests."`
	Storage       Storage       `json:"storage" doc:"Entities and classes of the data that the app stores."`
	Package       Package       `json:"package" doc:"How the app is bundled."`
	Connect       Connect       `json:"connect" doc:"Ties the app to one of the older Connect platform."`
}

// Runtime says how functions run. Every name, and none, means the sandbox.
type Runtime struct {
	Name         string `json:"name" rule:"re=runtime" doc:"API surface that the code expects; each runs in the sandbox."`
	Isolation    string `json:"isolation" rule:"enum=sandbox|process" doc:"sandbox (the default), or process for native Node.js, which is weaker and has to be allowed."`
	MemoryMB     int    `json:"memoryMB" rule:"min=128 max=1024" doc:"Memory of one call in MB; 512 unless given."`
	Architecture string `json:"architecture" rule:"enum=x86_64|arm64" doc:"Read for compatibility; it changes nothing."`
	Snapshots    *bool  `json:"snapshots" doc:"false runs module scope at each call instead of once at deploy."`
}

// Licensing says whether the app is licensed.
type Licensing struct {
	Enabled         *bool    `json:"enabled" doc:"Whether installations need a licence."`
	EditionsEnabled *bool    `json:"editionsEnabled" doc:"Whether licences have editions."`
	Modes           []string `json:"modes" rule:"enum=user-access" doc:"How licences are counted."`
}

// Access says who may use the app.
type Access struct {
	UserAccess *bool `json:"userAccess" doc:"Whether access is given user by user; needs licensing.enabled."`
}

// Compatibility names the products that the app works with.
type Compatibility struct {
	Products map[string]CompatibleProduct `json:"-" rule:"rest" doc:"By product key."`
}

// CompatibleProduct is one entry of Compatibility.
type CompatibleProduct struct {
	Required *bool `json:"required" doc:"Whether the app is useless without this product; true for exactly one."`
}

// Features are switches of older manifests.
type Features struct {
	AutoUserConsent *bool `json:"autoUserConsent" doc:"Obsolete: this is how it always works now."`
}

// Storage describes the data that the app stores.
type Storage struct {
	Entities        []Entity `json:"entities" rule:"max=20 unique=name" doc:"Kinds of entities."`
	Classifications []string `json:"classifications" rule:"enum=ugc|pii|other" doc:"What kinds of data are stored."`
}

// Entity is a kind of stored entity.
type Entity struct {
	Name       string               `json:"name" rule:"req min=3 max=60 re=entity" doc:"Name of the entity."`
	Attributes map[string]Attribute `json:"attributes" rule:"req max=50" doc:"Its attributes by name."`
	Indexes    []Index              `json:"indexes" rule:"max=7 unique=name" doc:"What queries may go by."`
}

// Attribute is one attribute of an Entity.
type Attribute struct {
	Type string `json:"type" rule:"req enum=string|integer|float|boolean|any" doc:"Type of the values; an integer has 32 bits."`
}

// Package says how the app is bundled.
type Package struct {
	Bundler    string   `json:"bundler" rule:"enum=webpack|manual@2026" doc:"Who bundles; webpack is read as the built-in bundler."`
	Path       string   `json:"path" doc:"Where a bundle made by hand lies."`
	ExtraFiles []string `json:"extraFiles" doc:"Globs of files to put beside the code."`
}

// Connect ties the app to one of the older Connect platform. It has no effect here.
type Connect struct {
	Key            string `json:"key" doc:"Key of the Connect app."`
	Remote         string `json:"remote" doc:"Remote that serves it."`
	Authentication string `json:"authentication" rule:"enum=jwt|none" doc:"How it is authenticated."`
}

// Resource is a front end or a folder of static files.
type Resource struct {
	Key     string            `json:"key" rule:"req re=key max=23" doc:"Key that modules refer to."`
	Path    string            `json:"path" rule:"req" doc:"Folder with index.html, or entry source file of a UI Kit front end."`
	Entry   map[string]string `json:"entry" rule:"max=50" doc:"Further entry files by name, for KEY/NAME references."`
	Bundler string            `json:"bundler" rule:"enum=manual@2026" doc:"manual@2026 when path holds a finished bundle."`
	Tunnel  Tunnel            `json:"tunnel" doc:"Where a local development server listens."`
}

// Tunnel says where a local development server listens.
type Tunnel struct {
	Port int `json:"port" rule:"min=1 max=65535" doc:"Port on this machine."`
}

// Environment names the variables for ${NAME}.
type Environment struct {
	Variables []Variable `json:"variables" doc:"Names, or names with defaults."`
}

// Translations are texts by language.
type Translations struct {
	Resources []Translation `json:"resources" rule:"unique=key" doc:"One file per language."`
	Fallback  Fallback      `json:"fallback" doc:"Which language stands in for which."`
}

// Translation is the file of one language.
type Translation struct {
	Key  string `json:"key" rule:"req" doc:"Language code, for instance en-US."`
	Path string `json:"path" rule:"req" doc:"JSON file of texts."`
}

// Fallback says which language stands in for which.
type Fallback struct {
	Default string              `json:"default" rule:"req" doc:"Language for everybody else."`
	Locales map[string][]string `json:"-" rule:"rest" doc:"By language, the languages that it stands in for."`
}

// Override is a value that differs by environment or placement. It is read and has
// no effect here.
type Override struct {
	ApplyTo ApplyTo        `json:"applyTo" rule:"req" doc:"Where it applies."`
	Value   map[string]any `json:"value" rule:"req" doc:"What it sets."`
}

// ApplyTo says where an Override applies.
type ApplyTo struct {
	EnvironmentTypes []string `json:"environmentTypes" doc:"Kinds of environments."`
	Placements       []string `json:"placements" doc:"Placements."`
}
