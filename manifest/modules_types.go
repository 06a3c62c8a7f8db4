package manifest

// Modules are the app's functions and the places where the host calls or shows them.
// Fields are the product-neutral module types; UI holds every other type, as the
// product that declares it understands it.
type Modules struct {
	Function         []Function         `json:"function" doc:"Exported functions of the app's code."`
	WebTrigger       []WebTrigger       `json:"webtrigger" doc:"Functions that HTTP requests call."`
	ScheduledTrigger []ScheduledTrigger `json:"scheduledTrigger" rule:"max=5" doc:"Functions that are called at intervals."`
	Trigger          []Trigger          `json:"trigger" doc:"Functions that events call."`
	Consumer         []Consumer         `json:"consumer" doc:"Functions that take from queues."`
	FIFOConsumer     []Consumer         `json:"fifoConsumer" doc:"Functions that take from ordered queues."`
	Endpoint         []Endpoint         `json:"endpoint" doc:"Routes of remotes that the platform calls."`
	Event            []Event            `json:"event" doc:"Events that the app publishes."`
	PreUninstall     []PreUninstall     `json:"preUninstall" doc:"Called before the app is uninstalled."`
	APIRoute         []APIRoute         `json:"apiRoute" doc:"HTTP routes of the app's own API."`
	Action           []Action           `json:"action" rule:"max=50" doc:"What agents and automations may have the app do."`
	Agent            []Agent            `json:"rovo:agent" doc:"Agents."`
	SQL              []SQL              `json:"sql" rule:"max=1" doc:"A relational database for the app."`
	ObjectStore      []ObjectStore      `json:"objectStore" rule:"max=1" doc:"An object store for the app."`
	LLM              []LLM              `json:"llm" rule:"max=1" doc:"Language models for the app."`

	UI map[string][]Module `json:"-" rule:"rest" doc:"Module types that products declare, by type, for instance tracker:issuePanel."`
}

// Function is an exported function of the app's code.
type Function struct {
	Key            string            `json:"key" rule:"req re=key" doc:"Key that modules refer to."`
	Handler        string            `json:"handler" rule:"req re=handler" doc:"FILE.EXPORT, the file below src/ without its extension."`
	TimeoutSeconds int               `json:"timeoutSeconds" rule:"min=1 max=900" doc:"Longest run when called by a schedule or a queue."`
	Runtime        FunctionRuntime   `json:"runtime" doc:"How this function runs."`
	Providers      FunctionProviders `json:"providers" doc:"External providers that it uses."`
}

// FunctionRuntime says how one function runs.
type FunctionRuntime struct {
	MemoryMB int `json:"memoryMB" rule:"min=128 max=4096" doc:"Memory of one call in MB."`
}

// FunctionProviders names the external providers that a function uses.
type FunctionProviders struct {
	Auth []ProviderUse `json:"auth" doc:"Keys of providers, or keys with options."`
}

// ProviderUse is a provider that a function uses.
type ProviderUse struct {
	Provider         string   `json:"provider" rule:"req" doc:"Key of the provider."`
	RequiredScopes   []string `json:"requiredScopes" doc:"Scopes without which the function is not called for a user: the user is asked to connect an account with them first."`
	RequestAllScopes *bool    `json:"requestAllScopes" doc:"Whether all the provider's scopes are asked for then, not only the required ones."`
}

// WebTrigger is a function or endpoint that HTTP requests call.
type WebTrigger struct {
	Key       string             `json:"key" rule:"req re=key" doc:"Key of the module."`
	Function  string             `json:"function" doc:"Function that is called."`
	Endpoint  string             `json:"endpoint" doc:"Endpoint that is called, in place of a function."`
	URLFormat string             `json:"urlFormat" rule:"enum=v1|v2" doc:"Form of the URL; read for compatibility."`
	Response  WebTriggerResponse `json:"response" doc:"dynamic (the default): what the function returns; static: one of the outputs."`
	Request   WebTriggerRequest  `json:"request" doc:"What is demanded of requests."`
	Security  WebTriggerSecurity `json:"security" doc:"Older spelling of static responses."`
}

// WebTriggerResponse says what a web trigger may answer.
type WebTriggerResponse struct {
	Type    string   `json:"type" rule:"req enum=static|dynamic" doc:"static or dynamic."`
	Outputs []Output `json:"outputs" rule:"max=20 unique=key" doc:"The answers of a static web trigger."`
}

// Output is one answer of a static web trigger.
type Output struct {
	Key         string `json:"key" rule:"req" doc:"Key that the function returns as outputKey."`
	StatusCode  int    `json:"statusCode" rule:"req min=200 max=599" doc:"HTTP status."`
	ContentType string `json:"contentType" doc:"Content-Type header."`
	Body        string `json:"body" rule:"max=1024" doc:"Body."`
}

// WebTriggerRequest says what is demanded of a web trigger's requests.
type WebTriggerRequest struct {
	Authentication  string          `json:"authentication" rule:"enum=none|hmac|bearer|hmacSharedSecret" doc:"What callers prove before the function starts: none (the default), hmac (older spelling hmacSharedSecret) or bearer; see [web-triggers.md](web-triggers.md)."`
	SecretKeyConfig SecretKeyConfig `json:"secretKeyConfig" doc:"Read and without effect: the server makes the secrets."`
}

// SecretKeyConfig names the secret of a web trigger's authentication elsewhere; here the
// server makes the secrets.
type SecretKeyConfig struct {
	Key      string `json:"key" doc:"Without effect."`
	NoExpiry *bool  `json:"noExpiry" doc:"Without effect: a secret is valid until it is retired."`
}

// WebTriggerSecurity is the older spelling of static responses.
type WebTriggerSecurity struct {
	Egress WebTriggerEgress `json:"egress" doc:"Whether the answer may carry data."`
}

// WebTriggerEgress says whether a web trigger's answer may carry data.
type WebTriggerEgress struct {
	AllowDataEgress  *bool    `json:"allowDataEgress" doc:"false makes the web trigger static."`
	AllowedResponses []Output `json:"allowedResponses" rule:"max=20" doc:"The answers of a static web trigger."`
}

// ScheduledTrigger is a function or endpoint that is called at intervals.
type ScheduledTrigger struct {
	Key      string         `json:"key" rule:"req re=key" doc:"Key of the module."`
	Function string         `json:"function" doc:"Function that is called."`
	Endpoint string         `json:"endpoint" doc:"Endpoint that is called, in place of a function."`
	Interval string         `json:"interval" rule:"enum=fiveMinute|hour|day|week" doc:"How often."`
	Cron     string         `json:"cron" rule:"max=100" doc:"When, in UTC, in place of an interval: MINUTE HOUR DAY MONTH WEEKDAY."`
	Filter   ScheduleFilter `json:"filter" doc:"When not."`
}

// ScheduleFilter says when a schedule does not call.
type ScheduleFilter struct {
	AppIsLicensed *bool `json:"appIsLicensed" doc:"true leaves out installations without a licence."`
}

// Trigger is a function or endpoint that events call.
type Trigger struct {
	Key      string         `json:"key" rule:"req re=key" doc:"Key of the module."`
	Function string         `json:"function" doc:"Function that is called."`
	Endpoint string         `json:"endpoint" doc:"Endpoint that is called, in place of a function."`
	Events   []EventRef     `json:"events" rule:"req min=1" doc:"Event types, or event types with filters of their own."`
	Filter   EventFilter    `json:"filter" doc:"Which events are let through."`
	Payload  TriggerPayload `json:"payload" doc:"What the event carries."`
}

// EventRef is a subscribed event type.
type EventRef struct {
	EventType string         `json:"eventType" rule:"req" doc:"Event type, for instance avi:forge:installed:app."`
	Filter    EventFilter    `json:"filter" doc:"Which events of this type are let through."`
	Payload   TriggerPayload `json:"payload" doc:"What events of this type carry."`
}

// EventFilter says which events are let through.
type EventFilter struct {
	IgnoreSelf    *bool  `json:"ignoreSelf" doc:"Whether events that the app itself caused are left out."`
	Expression    string `json:"expression" doc:"Condition on the event."`
	OnError       string `json:"onError" rule:"enum=IGNORE_AND_LOG|IGNORE|RECEIVE|RECEIVE_AND_LOG" doc:"What happens when the condition fails to evaluate."`
	AppIsLicensed *bool  `json:"appIsLicensed" doc:"true leaves out installations without a licence."`
}

// TriggerPayload says what an event carries.
type TriggerPayload struct {
	Include PayloadInclude `json:"include" doc:"What is added."`
}

// PayloadInclude says what is added to an event.
type PayloadInclude struct {
	PropertyPaths []string `json:"propertyPaths" doc:"Paths of entity properties."`
	Fields        []string `json:"fields" doc:"Names of fields."`
}

// Consumer is a function or endpoint that takes from a queue.
type Consumer struct {
	Key      string           `json:"key" rule:"req re=key" doc:"Key of the module."`
	Queue    string           `json:"queue" rule:"req min=1 max=36" doc:"Name of the queue."`
	Function string           `json:"function" doc:"Function that is called."`
	Endpoint string           `json:"endpoint" doc:"Endpoint that is called, in place of a function."`
	Resolver ConsumerResolver `json:"resolver" doc:"Older spelling: a resolver function and its method."`
}

// ConsumerResolver is a consumer's older spelling of its function.
type ConsumerResolver struct {
	Function string `json:"function" rule:"req" doc:"Resolver function."`
	Method   string `json:"method" rule:"req" doc:"Method that the resolver defines."`
}

// Endpoint is a route of a remote that the platform calls.
type Endpoint struct {
	Key     string    `json:"key" rule:"req re=key max=23" doc:"Key that modules refer to."`
	Remote  string    `json:"remote" doc:"Remote that serves it."`
	Service string    `json:"service" doc:"Container service that serves it, in place of a remote."`
	Route   Route     `json:"route" doc:"Where below the remote's URL."`
	Auth    TokenAuth `json:"auth" doc:"Tokens that calls carry."`
}

// Route is a path below a remote's URL; a plain text is the path.
type Route struct {
	Path string `json:"path" rule:"req" doc:"Path."`
}

// Event is an event that the app publishes to other apps.
type Event struct {
	Key               string   `json:"key" rule:"req re=key" doc:"Key of the module."`
	Name              string   `json:"name" rule:"req" doc:"Name of the event."`
	AllowedRecipients []string `json:"allowedRecipients" rule:"req max=100" doc:"Ids of the apps that may receive it, or * for all."`
}

// PreUninstall is called before the app is uninstalled.
type PreUninstall struct {
	Key      string `json:"key" rule:"req re=key" doc:"Key of the module."`
	Function string `json:"function" doc:"Function that is called."`
	Endpoint string `json:"endpoint" doc:"Endpoint that is called, in place of a function."`
}

// APIRoute is an HTTP route of the app's own API.
type APIRoute struct {
	Key       string   `json:"key" rule:"req re=key" doc:"Key of the module."`
	Path      string   `json:"path" rule:"req re=apipath max=255" doc:"Path; * stands for one segment, ** at the end for any."`
	Operation string   `json:"operation" rule:"req enum=GET|POST|PUT|DELETE|PATCH" doc:"HTTP method."`
	Function  string   `json:"function" rule:"req" doc:"Function that is called."`
	Accept    []string `json:"accept" rule:"enum=application/json" doc:"Content types that are taken."`
	Scopes    []string `json:"scopes" rule:"req re=customscope min=1 max=20" doc:"Scopes of the app's own, each ending in :custom."`
}

// Action is something that agents and automations may have the app do.
type Action struct {
	Key         string                 `json:"key" rule:"req re=key" doc:"Key that agents refer to."`
	Name        string                 `json:"name" doc:"Name for people."`
	Function    string                 `json:"function" doc:"Function that is called."`
	Endpoint    string                 `json:"endpoint" doc:"Endpoint that is called, in place of a function."`
	ActionVerb  string                 `json:"actionVerb" rule:"req" doc:"What kind of thing it does: GET, CREATE, UPDATE, DELETE or TRIGGER."`
	Description string                 `json:"description" rule:"req" doc:"When to use it."`
	Inputs      map[string]ActionInput `json:"inputs" rule:"max=10" doc:"Its inputs by name."`
	Outputs     map[string]any         `json:"outputs" rule:"max=10" doc:"Its outputs by name."`
	Properties  map[string]any         `json:"-" rule:"rest" doc:"Fields that only products understand."`
}

// ActionInput is one input of an Action.
type ActionInput struct {
	Title       string         `json:"title" doc:"Name for people."`
	Type        string         `json:"type" rule:"req" doc:"string, integer, number, boolean, or a type that a product declares."`
	Required    *bool          `json:"required" doc:"Whether it has to be given."`
	Description string         `json:"description" doc:"What it is."`
	Properties  map[string]any `json:"-" rule:"rest" doc:"Fields that only products understand."`
}

// Agent is an assistant that uses the app's actions.
type Agent struct {
	Key                  string         `json:"key" rule:"req re=key" doc:"Key of the module."`
	Name                 string         `json:"name" rule:"req" doc:"Name for people."`
	Description          string         `json:"description" doc:"What it is good at."`
	Icon                 string         `json:"icon" doc:"Picture: a URL, or resource:KEY;PATH."`
	Prompt               string         `json:"prompt" rule:"req" doc:"What it is told: a text, or resource:KEY;PATH."`
	ConversationStarters []Text         `json:"conversationStarters" doc:"Questions to start with."`
	Actions              []string       `json:"actions" doc:"Actions that it may use."`
	FollowUpPrompt       string         `json:"followUpPrompt" doc:"What it is told for suggesting the next question."`
	Properties           map[string]any `json:"-" rule:"rest" doc:"Fields that only products understand."`
}

// SQL asks for a relational database.
type SQL struct {
	Key    string `json:"key" rule:"req re=key" doc:"Key of the module."`
	Engine string `json:"engine" rule:"req enum=mysql" doc:"mysql."`
}

// ObjectStore asks for an object store.
type ObjectStore struct {
	Key          string `json:"key" rule:"req re=key" doc:"Key of the module."`
	StorageClass string `json:"storageClass" rule:"enum=standard" doc:"standard."`
}

// LLM asks for language models.
type LLM struct {
	Key   string   `json:"key" rule:"req re=key" doc:"Key of the module."`
	Model []string `json:"model" doc:"Families of models."`
}

// Module is a module of a type that a product declares: the shape that all of them
// share, and the product's own fields in Properties.
type Module struct {
	// Type is the type as the manifest spells it, for instance jira:issuePanel.
	Type string `json:"-" rule:"skip"`

	Key               string         `json:"key" rule:"re=key" doc:"Key of the module."`
	Title             Text           `json:"title" doc:"Title: a text, or {i18n: KEY}."`
	Name              Text           `json:"name" doc:"Name: a text, or {i18n: KEY}."`
	Description       Text           `json:"description" doc:"Description: a text, or {i18n: KEY}."`
	Icon              Text           `json:"icon" doc:"Picture: a URL, or resource:KEY;PATH."`
	Resource          string         `json:"resource" doc:"Front end: KEY or KEY/ENTRY of a resource."`
	Resolver          Resolver       `json:"resolver" doc:"What answers the front end's calls."`
	Render            string         `json:"render" rule:"enum=default|native" doc:"native for UI Kit; otherwise a page of the app's own."`
	RenderRuntimeType string         `json:"renderRuntimeType" rule:"enum=iframe|webworker" doc:"Where a UI Kit front end runs."`
	Function          string         `json:"function" doc:"Function that renders it (first UI Kit) or does its work."`
	Endpoint          string         `json:"endpoint" doc:"Endpoint that does its work, in place of a function."`
	ViewportSize      string         `json:"viewportSize" doc:"How much room it takes."`
	Layout            string         `json:"layout" doc:"How the page around it looks."`
	Route             string         `json:"route" doc:"Its part of the page's address."`
	UnlicensedAccess  []string       `json:"unlicensedAccess" doc:"Who may use it without a licence."`
	DisplayConditions map[string]any `json:"displayConditions" doc:"When it is shown; not a security control."`
	Properties        map[string]any `json:"-" rule:"rest" doc:"Fields that the product understands."`
}

// Resolver is what answers a front end's calls: a function or an endpoint.
type Resolver struct {
	Function string `json:"function" doc:"Resolver function."`
	Endpoint string `json:"endpoint" doc:"Endpoint of a remote."`
}
