package client

import (
	"encoding/json"
	"time"
)

// The types are the schemas of openapi.yaml under their names there.
type (
	Health struct {
		Status    string `json:"status"`
		Isolation string `json:"isolation"`
		Walls     Walls  `json:"walls"`
		Version   string `json:"version"`
		Workers   int    `json:"workers,omitempty"`
	}
	Walls struct {
		Network   []string `json:"network"`
		Files     []string `json:"files"`
		Processes []string `json:"processes"`
		Layers    []string `json:"layers"`
		Landlock  int      `json:"landlock"`
	}
	Whoami struct {
		Kind         string   `json:"kind"`
		Account      string   `json:"account,omitempty"`
		Name         string   `json:"name,omitempty"`
		First        bool     `json:"first,omitempty"`
		Product      string   `json:"product,omitempty"`
		Site         string   `json:"site,omitempty"`
		App          string   `json:"app,omitempty"`
		Environments []string `json:"environments,omitempty"`
	}
	SigningKey struct {
		ID        string     `json:"id"`
		Family    string     `json:"family"`
		Algorithm string     `json:"algorithm"`
		State     string     `json:"state"`
		Published time.Time  `json:"published"`
		SignsFrom time.Time  `json:"signsFrom"`
		Leaves    *time.Time `json:"leaves,omitempty"`
	}
	Account struct {
		ID        string     `json:"id"`
		Name      string     `json:"name"`
		Operator  bool       `json:"operator,omitempty"`
		Developer bool       `json:"developer,omitempty"`
		AdminOf   []string   `json:"adminOf,omitempty"`
		CreatedAt *time.Time `json:"createdAt,omitempty"`
	}
	NewAccount struct {
		Name      string   `json:"name"`
		Developer bool     `json:"developer,omitempty"`
		AdminOf   []string `json:"adminOf,omitempty"`
		Token     bool     `json:"token,omitempty"`
	}
	AddedAccount struct {
		Account Account    `json:"account"`
		Tokens  []NewToken `json:"tokens"`
	}
	RemovedAccount struct {
		Account string `json:"account"`
		Name    string `json:"name"`
		Tokens  int    `json:"tokens"`
	}
	RemovedSite struct {
		Site          string `json:"site"`
		Name          string `json:"name"`
		Installations int    `json:"installations"`
		Tokens        int    `json:"tokens"`
	}
	Token struct {
		ID           string     `json:"id"`
		Kind         string     `json:"kind"`
		Account      string     `json:"account,omitempty"`
		Site         string     `json:"site,omitempty"`
		App          string     `json:"app,omitempty"`
		Environments []string   `json:"environments,omitempty"`
		Note         string     `json:"note,omitempty"`
		CreatedAt    *time.Time `json:"createdAt,omitempty"`
		ExpiresAt    *time.Time `json:"expiresAt,omitempty"`
		Revoked      bool       `json:"revoked,omitempty"`
	}
	NewToken struct {
		Token
		Secret string `json:"secret"`
	}
	DeviceLogin struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
		URL        string `json:"verification_uri"`
		ExpiresIn  int    `json:"expires_in"`
		Interval   int    `json:"interval"`
	}
	TunnelAgreement struct {
		Proof        string    `json:"proof"`
		Site         string    `json:"site"`
		Product      string    `json:"product"`
		User         string    `json:"user"`
		Installation string    `json:"installation"`
		ExpiresAt    time.Time `json:"expiresAt"`
	}
	TokenRequest struct {
		Kind          string   `json:"kind"`
		Account       string   `json:"account,omitempty"`
		Site          string   `json:"site,omitempty"`
		App           string   `json:"app,omitempty"`
		Environments  []string `json:"environments,omitempty"`
		ExpiresInDays int      `json:"expiresInDays,omitempty"`
		Note          string   `json:"note,omitempty"`
	}
	Product struct {
		Key     string       `json:"key"`
		Name    string       `json:"name,omitempty"`
		Aliases []string     `json:"aliases,omitempty"`
		Modules []ModuleType `json:"modules,omitempty"`
		Scopes  []Scope      `json:"scopes,omitempty"`
		// Operations are those of the product's API, when asked for.
		Operations []Operation `json:"operations,omitempty"`
		// Events are those that it publishes, then too; nil where a server does not tell them.
		Events []Event `json:"events,omitempty"`
	}
	Operation struct {
		Method string     `json:"method"`
		Path   string     `json:"path"`
		Scopes [][]string `json:"scopes,omitempty"`
		Closed bool       `json:"closed,omitempty"`
		// Contacts says that the product then sends to a host that the request names.
		Contacts bool `json:"contacts,omitempty"`
	}
	Event struct {
		Names  []string `json:"names"`
		Scope  string   `json:"scope,omitempty"`
		Scopes []string `json:"scopes,omitempty"`
	}
	ModuleType struct {
		Type    string   `json:"type"`
		Aliases []string `json:"aliases,omitempty"`
	}
	Scope struct {
		Name   string `json:"name"`
		Title  string `json:"title,omitempty"`
		Detail string `json:"detail,omitempty"`
		Access string `json:"access,omitempty"`
		Risk   string `json:"risk,omitempty"`
	}
	AddedProduct struct {
		Product     Product         `json:"product"`
		Diagnostics []Diagnostic    `json:"diagnostics,omitempty"`
		Operations  OperationCounts `json:"operations"`
	}
	OperationCounts struct {
		Total   int                    `json:"total"`
		Open    int                    `json:"open"`
		Closed  int                    `json:"closed"`
		Classes map[string]ClassCounts `json:"classes"`
	}
	ClassCounts struct {
		Total   int `json:"total"`
		Decided int `json:"decided"`
		Open    int `json:"open"`
	}
	Site struct {
		ID              string   `json:"id"`
		Name            string   `json:"name"`
		Products        []string `json:"products"`
		DevelopmentApps bool     `json:"developmentApps,omitempty"`
		Updates         string   `json:"updates,omitempty"`
	}
	NewSite struct {
		Name            string   `json:"name"`
		Products        []string `json:"products"`
		DevelopmentApps bool     `json:"developmentApps,omitempty"`
	}
	App struct {
		ID        string     `json:"id"`
		Name      string     `json:"name"`
		CreatedAt *time.Time `json:"createdAt,omitempty"`
	}
	Environment struct {
		ID         string     `json:"id"`
		Name       string     `json:"name"`
		Type       string     `json:"type"`
		Version    string     `json:"version,omitempty"`
		DeployedAt *time.Time `json:"deployedAt,omitempty"`
	}
	Version struct {
		ID        string     `json:"id"`
		Number    string     `json:"number"`
		Hash      string     `json:"hash"`
		Message   string     `json:"message,omitempty"`
		CreatedAt *time.Time `json:"createdAt,omitempty"`
		Current   bool       `json:"current,omitempty"`
	}
	VariableValue struct {
		Value  string `json:"value"`
		Sealed bool   `json:"sealed,omitempty"`
		Unseal bool   `json:"unseal,omitempty"`
	}
	Variable struct {
		Key       string     `json:"key"`
		Sealed    bool       `json:"sealed"`
		Value     string     `json:"value,omitempty"`
		UpdatedAt *time.Time `json:"updatedAt,omitempty"`
	}
	Deployment struct {
		App         string       `json:"app"`
		AppCreated  bool         `json:"appCreated,omitempty"`
		Environment string       `json:"environment"`
		Version     string       `json:"version"`
		Number      string       `json:"number"`
		Hash        string       `json:"hash"`
		Created     bool         `json:"created"`
		Kind        string       `json:"kind,omitempty"`
		Growth      []Line       `json:"growth,omitempty"`
		Upgraded    int          `json:"upgraded,omitempty"`
		Waiting     int          `json:"waiting,omitempty"`
		Scheduled   int          `json:"scheduled,omitempty"`
		AppManaged  bool         `json:"appManaged,omitempty"`
		Snapshot    *Snapshot    `json:"snapshot,omitempty"`
		Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
	}
	Snapshot struct {
		Snapshotted   bool    `json:"snapshotted"`
		Reason        string  `json:"reason,omitempty"`
		Bytes         int     `json:"bytes,omitempty"`
		ModuleScopeMs float64 `json:"moduleScopeMs,omitempty"`
	}
	Diagnostic struct {
		File     string `json:"file,omitempty"`
		Line     int    `json:"line,omitempty"`
		Column   int    `json:"column,omitempty"`
		Rule     string `json:"rule"`
		Severity string `json:"severity"`
		Message  string `json:"message"`
		Fix      string `json:"fix,omitempty"`
	}
	// Target names an installation that is or may be.
	Target struct {
		App         string `json:"app"`
		Environment string `json:"environment"`
		Site        string `json:"site"`
		Product     string `json:"product"`
	}
	Line struct {
		Group  string   `json:"group,omitempty"`
		Text   string   `json:"text"`
		Items  []string `json:"items,omitempty"`
		Detail string   `json:"detail,omitempty"`
		Risk   string   `json:"risk,omitempty"`
		Loud   bool     `json:"loud,omitempty"`
	}
	Preview struct {
		App                string          `json:"app"`
		AppName            string          `json:"appName"`
		Environment        string          `json:"environment"`
		EnvironmentType    string          `json:"environmentType,omitempty"`
		Site               string          `json:"site"`
		Product            string          `json:"product"`
		Version            string          `json:"version"`
		Number             string          `json:"number"`
		Declared           json.RawMessage `json:"declared,omitempty"`
		Words              []Line          `json:"words"`
		Growth             []Line          `json:"growth,omitempty"`
		Digest             string          `json:"digest"`
		Installation       string          `json:"installation,omitempty"`
		DevelopmentWarning string          `json:"developmentWarning,omitempty"`
		Hash               string          `json:"hash,omitempty"`
		Back               bool            `json:"back,omitempty"`
		Handover           *Handover       `json:"handover,omitempty"`
		Pieces             []Permission    `json:"pieces,omitempty"`
		Restored           bool            `json:"restored,omitempty"`
		Signal             *Signal         `json:"signal,omitempty"`
	}
	Handover struct {
		From string     `json:"from"`
		To   string     `json:"to"`
		At   *time.Time `json:"at"`
	}
	InstallRequest struct {
		Target
		Confirmation
	}
	Confirmation struct {
		Digest             string              `json:"digest,omitempty"`
		ConfirmDevelopment bool                `json:"confirmDevelopment,omitempty"`
		Version            string              `json:"version,omitempty"`
		Grant              json.RawMessage     `json:"grant,omitempty"`
		Without            []string            `json:"without,omitempty"`
		Replace            map[string][]string `json:"replace,omitempty"`
	}
	// Permission is one thing that an admin can take away or switch off by itself.
	Permission struct {
		Key    string     `json:"key"`
		Words  []Line     `json:"words"`
		State  string     `json:"state"`
		Origin string     `json:"origin"`
		By     string     `json:"by,omitempty"`
		ByName string     `json:"byName,omitempty"`
		At     *time.Time `json:"at,omitempty"`
	}
	Waiting struct {
		Version string     `json:"version"`
		Number  string     `json:"number"`
		Hash    string     `json:"hash,omitempty"`
		Reason  string     `json:"reason"`
		Due     *time.Time `json:"due,omitempty"`
		More    []Line     `json:"more"`
		Less    []Line     `json:"less"`
	}
	PastVersion struct {
		Version  string     `json:"version"`
		Number   string     `json:"number"`
		Hash     string     `json:"hash"`
		LastAt   *time.Time `json:"lastAt"`
		Declined bool       `json:"declined,omitempty"`
		Current  bool       `json:"current,omitempty"`
	}
	Bounds struct {
		Types    []string `json:"types"`
		Patterns []string `json:"patterns"`
	}
	InstallationDetail struct {
		Installation    Installation  `json:"installation"`
		EnvironmentType string        `json:"environmentType"`
		Epoch           uint64        `json:"epoch"`
		Hash            string        `json:"hash,omitempty"`
		AppManaged      bool          `json:"appManaged,omitempty"`
		Permissions     []Permission  `json:"permissions"`
		Effective       []Line        `json:"effective"`
		Off             []string      `json:"off"`
		Configurable    *Bounds       `json:"configurable,omitempty"`
		Waiting         *Waiting      `json:"waiting,omitempty"`
		Asks            []Line        `json:"asks"`
		Pinned          bool          `json:"pinned"`
		Past            []PastVersion `json:"past"`
		Handover        *Handover     `json:"handover,omitempty"`
		Blocked         string        `json:"blocked,omitempty"`
		Updates         string        `json:"updates,omitempty"`
	}
	// GrantChange is what an admin changes at a grant, by keys of permissions.
	GrantChange struct {
		Epoch   uint64              `json:"epoch,omitempty"`
		Trim    []string            `json:"trim,omitempty"`
		Replace map[string][]string `json:"replace,omitempty"`
		Restore []string            `json:"restore,omitempty"`
		Off     []string            `json:"off,omitempty"`
		On      []string            `json:"on,omitempty"`
	}
	Pages struct {
		Origin    string            `json:"origin"`
		Documents map[string]string `json:"documents"`
		Policy    string            `json:"policy"`
		Allowlist string            `json:"connectionAllowlist"`
		Sources   []PageSource      `json:"sources"`
		Blocked   []PageBlocked     `json:"blocked"`
	}
	PageSource struct {
		Directive string `json:"directive"`
		Source    string `json:"source"`
		Grant     string `json:"grant,omitempty"`
		Text      string `json:"text"`
	}
	PageBlocked struct {
		Directive string    `json:"directive"`
		Type      string    `json:"type,omitempty"`
		Origin    string    `json:"origin"`
		Times     int64     `json:"times"`
		FirstAt   time.Time `json:"firstAt"`
		LastAt    time.Time `json:"lastAt"`
		Allow     string    `json:"allow"`
	}
	// Usage is what an installation uses of what all share.
	Usage struct {
		PerMinute map[string]int `json:"perMinute"` // a negative figure bounds nothing
		Days      []UsedOnDay    `json:"days"`
		Stored    StoredHere     `json:"stored"`
		Queued    Queued         `json:"queued"`
	}
	// Queued is what waits, runs and was given up, and may; a negative figure bounds nothing.
	Queued struct {
		Events    int64 `json:"events"`
		Bytes     int64 `json:"bytes"`
		MaxEvents int64 `json:"maxEvents"`
		MaxBytes  int64 `json:"maxBytes"`
	}
	// UsedOnDay is one of Usage's counts.
	UsedOnDay struct {
		What    string `json:"what"`
		Day     string `json:"day"`
		Used    int64  `json:"used"`
		Refused int64  `json:"refused"`
	}
	// StoredHere is what an installation has stored, and all of its app's environment, which the
	// developer is told, or all of its site, which its admin is.
	StoredHere struct {
		Stored
		App  *Stored `json:"app,omitempty"`
		Site *Stored `json:"site,omitempty"`
	}
	// Stored is what is stored, and may be; a negative figure bounds nothing.
	Stored struct {
		Keys     int64 `json:"keys"`
		Bytes    int64 `json:"bytes"`
		MaxKeys  int64 `json:"maxKeys"`
		MaxBytes int64 `json:"maxBytes"`
	}
	Queue struct {
		Counts []QueueCount `json:"counts"`
		Dead   []DeadLetter `json:"dead"`
	}
	QueueCount struct {
		Kind    string `json:"kind"`
		Name    string `json:"name"`
		Waiting int    `json:"waiting"`
		Running int    `json:"running"`
		Dead    int    `json:"dead"`
	}
	DeadLetter struct {
		ID        string          `json:"id"`
		Kind      string          `json:"kind"`
		Name      string          `json:"name"`
		Job       string          `json:"job,omitempty"`
		Class     string          `json:"class"`
		Attempts  int             `json:"attempts"`
		CreatedAt *time.Time      `json:"createdAt"`
		EndedAt   *time.Time      `json:"endedAt"`
		Body      json.RawMessage `json:"body,omitempty"`
	}
	LogSharing struct {
		Shared bool       `json:"shared"`
		With   string     `json:"with,omitempty"`
		Since  *time.Time `json:"since,omitempty"`
		Until  *time.Time `json:"until,omitempty"`
		By     string     `json:"by,omitempty"`
	}
	Offer struct {
		App  string     `json:"app"`
		Name string     `json:"name"`
		From string     `json:"from"`
		At   *time.Time `json:"at"`
	}
	VersionDiff struct {
		From       Version `json:"from"`
		To         Version `json:"to"`
		Grows      bool    `json:"grows"`
		SameBytes  bool    `json:"sameBytes,omitempty"`
		Example    string  `json:"example,omitempty"`
		More       []Line  `json:"more"`
		Less       []Line  `json:"less"`
		Waiting    int     `json:"waiting,omitempty"`
		AppManaged bool    `json:"appManaged,omitempty"`
	}
	Installation struct {
		ID            string          `json:"id"`
		App           string          `json:"app"`
		AppName       string          `json:"appName,omitempty"`
		Environment   string          `json:"environment"`
		Site          string          `json:"site"`
		Product       string          `json:"product"`
		Version       string          `json:"version,omitempty"`
		Number        string          `json:"number"`
		WaitingNumber string          `json:"waitingNumber,omitempty"`
		WaitingReason string          `json:"waitingReason,omitempty"`
		WaitingDue    *time.Time      `json:"waitingDue,omitempty"`
		Asks          bool            `json:"asks,omitempty"`
		Pinned        bool            `json:"pinned,omitempty"`
		State         string          `json:"state,omitempty"`
		InstalledAt   *time.Time      `json:"installedAt,omitempty"`
		InstalledBy   string          `json:"installedBy,omitempty"`
		Granted       json.RawMessage `json:"granted,omitempty"`
	}
	InstallationRequest struct {
		ID          string     `json:"id"`
		App         string     `json:"app"`
		AppName     string     `json:"appName,omitempty"`
		Environment string     `json:"environment"`
		Site        string     `json:"site"`
		Product     string     `json:"product"`
		RequestedBy string     `json:"requestedBy,omitempty"`
		RequestedAt *time.Time `json:"requestedAt,omitempty"`
	}
	WebTrigger struct {
		URL       string     `json:"url"`
		Module    string     `json:"module"`
		CreatedAt *time.Time `json:"createdAt,omitempty"`
		// Authentication is how callers prove themselves; Secret is there only in the answer
		// to the request that made it.
		Authentication string                `json:"authentication,omitempty"`
		Secret         string                `json:"secret,omitempty"`
		Secrets        []WebTriggerSecretAge `json:"secrets,omitempty"`
	}
	WebTriggerSecret struct {
		Module         string                `json:"module"`
		Authentication string                `json:"authentication"`
		Secret         string                `json:"secret"`
		Secrets        []WebTriggerSecretAge `json:"secrets"`
	}
	WebTriggerSecretAge struct {
		CreatedAt time.Time `json:"createdAt"`
	}
	WebTriggerRequest struct {
		Target
		Module string `json:"module"`
	}
	WebTriggerRotation struct {
		Target
		Module string `json:"module"`
		Retire bool   `json:"retire,omitempty"`
	}
	InvokeRequest struct {
		Target
		Function string          `json:"function"`
		Payload  json.RawMessage `json:"payload,omitempty"`
	}
	Invocation struct {
		Invocation string          `json:"invocation"`
		Result     json.RawMessage `json:"result,omitempty"`
		DurationMs float64         `json:"durationMs,omitempty"`
		CPUMs      float64         `json:"cpuMs,omitempty"`
	}
	LogEntry struct {
		Time         time.Time         `json:"time"`
		Level        string            `json:"level"`
		Invocation   string            `json:"invocation"`
		Trace        string            `json:"trace,omitempty"`
		Installation string            `json:"installation,omitempty"`
		Version      string            `json:"version,omitempty"`
		Function     string            `json:"function,omitempty"`
		Message      string            `json:"message,omitempty"`
		Args         []json.RawMessage `json:"args,omitempty"`
	}
	Logs struct {
		Entries []LogEntry `json:"entries"`
		Cursor  string     `json:"cursor,omitempty"`
	}
	LogQuery struct {
		App, Environment, Site, Product, Invocation, Trace, Since, Cursor string
		Limit                                                             int
	}
)

// AuditQuery says which entries of a trail are wanted; empty fields do not bound.
type AuditQuery struct {
	Site, Kind, Installation, Actor, Since, Until, Cursor string
	Limit                                                 int
}

// AuditPage is a part of a trail, newest first.
type AuditPage struct {
	Entries []AuditEntry `json:"entries"`
	Cursor  string       `json:"cursor"`
}

// AuditEntry is one act.
type AuditEntry struct {
	Time         time.Time       `json:"time"`
	Act          string          `json:"act"`
	Actor        string          `json:"actor"`
	Site         string          `json:"site,omitempty"`
	Installation string          `json:"installation,omitempty"`
	Detail       json.RawMessage `json:"detail"`
	Segment      string          `json:"segment"`
	Seq          int64           `json:"seq"`
	Hash         string          `json:"hash"`
}
