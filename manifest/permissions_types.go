package manifest

// Permissions says what the app may do.
type Permissions struct {
	Scopes      Scopes   `json:"scopes" doc:"Scopes of products and of the platform: a list, or a map from scope to options."`
	Enforcement string   `json:"enforcement" rule:"enum=app-managed" doc:"app-managed lets a version run before all it asks for is granted."`
	Content     Content  `json:"content" doc:"Relaxations of the front end's content security policy."`
	Sandbox     []string `json:"sandbox" rule:"enum=allow-storage-access-by-user-activation" doc:"Relaxations of the front end's frame."`
	External    External `json:"external" doc:"Hosts that the app may reach."`
}

// Scope is one scope with its options.
type Scope struct {
	Name string
	// AllowImpersonation lets the app act for an absent user.
	AllowImpersonation bool
}

// Content relaxes the content security policy.
type Content struct {
	Scripts []string `json:"scripts" rule:"re=script max=128" doc:"unsafe-inline, unsafe-hashes, unsafe-eval, blob: or a hash."`
	Styles  []string `json:"styles" rule:"enum=unsafe-inline" doc:"unsafe-inline."`
}

// External says which hosts the app may reach, by the way of leaving.
type External struct {
	Fetch        Fetch        `json:"fetch" doc:"Requests made by code."`
	Images       []Egress     `json:"images" doc:"Images in front ends."`
	Media        []Egress     `json:"media" doc:"Audio and video in front ends."`
	Scripts      []Egress     `json:"scripts" doc:"Scripts in front ends."`
	Styles       []Egress     `json:"styles" doc:"Style sheets in front ends."`
	Fonts        []Egress     `json:"fonts" doc:"Fonts in front ends."`
	Frames       []Egress     `json:"frames" doc:"Pages framed by front ends."`
	Navigation   []Egress     `json:"navigation" doc:"Pages that front ends may open."`
	Configurable Configurable `json:"configurable" doc:"Whether the app may ask a present admin for more hosts."`
}

// Fetch says which hosts code may call.
type Fetch struct {
	Backend []Egress `json:"backend" doc:"From functions."`
	Client  []Egress `json:"client" doc:"From front ends."`
}

// Egress is one destination: an address, or the key of a remote.
type Egress struct {
	Address    string `json:"address" rule:"max=1000" doc:"Host pattern, for instance https://*.example.com."`
	Category   string `json:"category" rule:"enum=analytics" doc:"analytics lets an admin switch it off."`
	InScopeEUD *bool  `json:"inScopeEUD" doc:"Whether end-user data goes there; true unless said."`
	Remote     string `json:"remote" doc:"Key of a remote, in place of an address."`
}

// Configurable says whether, and within which bounds, the app may ask a present
// admin for more hosts at run time. RFC-94 writes it as a plain boolean.
type Configurable struct {
	Enabled  bool     `json:"enabled" rule:"req" doc:"Whether it may."`
	Types    []string `json:"types" rule:"enum=FETCH_BACKEND_SIDE|FETCH_CLIENT_SIDE|FONTS|FRAMES|IMAGES|MEDIA|SCRIPTS|STYLES|NAVIGATION" doc:"For which ways of leaving; all unless given."`
	Patterns []string `json:"patterns" doc:"Within which host patterns; any unless given."`
}

// Remote is a named host: a back end of the app's developer, or a provider's.
type Remote struct {
	Key          string         `json:"key" rule:"req re=key max=23" doc:"Key that the rest of the manifest refers to."`
	BaseURL      BaseURL        `json:"baseUrl" doc:"Its URL, or URLs by region with a default."`
	Operations   []string       `json:"operations" rule:"enum=storage|compute|fetch|other" doc:"What it is for; storing of end-user data unless given."`
	Storage      RemoteStorage  `json:"storage" doc:"Required when operations has storage."`
	Auth         TokenAuth      `json:"auth" doc:"Tokens that calls from functions carry."`
	Configurable *RemoteSetting `json:"configurable" doc:"Lets an admin set the URL."`
	// UserConfiguration is RFC-94's spelling of Configurable; the reader turns it into that.
	UserConfiguration *UserConfiguration `json:"userConfiguration" doc:"Older spelling of configurable."`
}

// RemoteStorage says what a remote stores.
type RemoteStorage struct {
	InScopeEUD *bool `json:"inScopeEUD" rule:"req" doc:"Whether end-user data is stored there."`
}

// TokenAuth says which tokens of the platform a call carries.
type TokenAuth struct {
	AppUserToken   TokenSwitch `json:"appUserToken" doc:"A token that acts as the present user."`
	AppSystemToken TokenSwitch `json:"appSystemToken" doc:"A token that acts as the app."`
}

// TokenSwitch switches one kind of token on.
type TokenSwitch struct {
	Enabled bool `json:"enabled" doc:"Whether it is sent."`
}

// RemoteSetting is what an admin reads when setting a remote's URL.
type RemoteSetting struct {
	Name              string   `json:"name" rule:"req" doc:"Name of the setting."`
	Description       string   `json:"description" rule:"req" doc:"What the URL is for."`
	Default           string   `json:"default" doc:"The URL until an admin sets one, where baseUrl has none; https unless it says so."`
	SupportedPatterns Patterns `json:"supportedPatterns" doc:"Host patterns that the URL has to match."`
	DomainPatterns    Patterns `json:"domainPatterns" doc:"Older spelling of supportedPatterns."`
}

// UserConfiguration is RFC-94's spelling of RemoteSetting, with the remote's own
// URL inside.
type UserConfiguration struct {
	Name              string   `json:"name" rule:"req" doc:"Name of the setting."`
	Description       string   `json:"description" doc:"What the URL is for."`
	Default           string   `json:"default" doc:"The URL until an admin sets one; https unless it says so."`
	SupportedPatterns Patterns `json:"supportedPatterns" doc:"Host patterns that the URL has to match."`
	DomainPatterns    Patterns `json:"domainPatterns" doc:"Older spelling of supportedPatterns."`
}

// Providers are external services that an app uses with a credential it never holds.
type Providers struct {
	Auth []Provider `json:"auth" rule:"unique=key" doc:"The providers."`
}

// Provider is an external service: one whose accounts people connect (oauth2), described in
// full or by the name of an integration that the platform knows; one for which each person gives
// a key of theirs (user_api_key); or one for which an admin of each site gives a credential
// (client_credentials, api_key, hmac). All but oauth2 are Annex's own.
type Provider struct {
	Key          string       `json:"key" rule:"req re=key max=23" doc:"Key that functions and code refer to."`
	Name         string       `json:"name" rule:"req" doc:"Name for people."`
	Type         string       `json:"type" rule:"enum=oauth2|user_api_key|client_credentials|api_key|hmac" doc:"oauth2: accounts of people. user_api_key: keys of people, which each gives for themselves. Or what an admin of each site gives: client_credentials, api_key, hmac."`
	Integration  string       `json:"integration" rule:"enum=adobe|azuredevops|dropbox|google|miro" doc:"A known integration in place of type and actions."`
	ClientID     string       `json:"clientId" doc:"The app's client id at the provider, of oauth2. The secret is never in the manifest."`
	Scopes       []string     `json:"scopes" doc:"The provider's scopes."`
	Remotes      []string     `json:"remotes" doc:"Remotes that the credential is sent to."`
	BearerMethod BearerMethod `json:"bearerMethod" doc:"How the credential is sent."`
	PKCE         *bool        `json:"pkce" doc:"Read for compatibility: the proof key extension is always used, with S256."`
	// Issuer and MintPaths are Annex's own.
	Issuer    string          `json:"issuer" doc:"The issuer that the provider names in its answers (RFC 9207); an answer without it, or with another one, is refused."`
	MintPaths []MintPath      `json:"mintPaths" doc:"Further addresses where the provider gives out credentials: the app reaches none of them."`
	Actions   ProviderActions `json:"actions" doc:"The provider's endpoints."`
}

// The types of providers whose credential is a site's, given by its admin for each installation.
const (
	ClientCredentials = "client_credentials"
	APIKey            = "api_key"
	HMAC              = "hmac"
)

// UserAPIKey is the type of providers for which each person gives a key of theirs.
const UserAPIKey = "user_api_key"

// OfKeys reports whether people give keys of theirs, in the place of connecting accounts.
func (p Provider) OfKeys() bool { return p.Type == UserAPIKey }

// OfSite reports whether a site's admin gives the provider's credential; else people connect
// their accounts.
func (p Provider) OfSite() bool {
	return p.Type == ClientCredentials || p.Type == APIKey || p.Type == HMAC
}

// MintPath is an address where a provider gives out credentials.
type MintPath struct {
	Remote string `json:"remote" rule:"req" doc:"Remote."`
	Path   string `json:"path" rule:"req" doc:"Path below it, with all that lies below the path."`
}

// BearerMethod says how a provider's credential is sent.
type BearerMethod struct {
	Type      string `json:"type" rule:"req enum=authorization-header|form-encoded|uri-query" doc:"In a header, in a form or in the query."`
	Prefix    string `json:"prefix" doc:"Text before the token; Bearer unless given, of keys nothing."`
	Parameter string `json:"parameter" doc:"Name of the header or parameter."`
}

// ProviderActions are a provider's endpoints.
type ProviderActions struct {
	Authorization   AuthorizationAction `json:"authorization" doc:"Where the user is sent."`
	Exchange        TokenAction         `json:"exchange" doc:"Where a code becomes a token."`
	RefreshToken    *TokenAction        `json:"refreshToken" doc:"Where a token is renewed; exchange unless given."`
	RevokeToken     *RevokeAction       `json:"revokeToken" doc:"Where a token is revoked."`
	RetrieveProfile ProfileAction       `json:"retrieveProfile" doc:"Where the account is asked for."`
}

// AuthorizationAction is where the user is sent.
type AuthorizationAction struct {
	Remote                      string            `json:"remote" rule:"req" doc:"Remote."`
	Path                        string            `json:"path" rule:"req" doc:"Path below it."`
	QueryParameters             map[string]string `json:"queryParameters" doc:"Further query parameters."`
	AdditionalConsentParameters map[string]string `json:"additionalConsentParameters" doc:"Further parameters when consent is asked again."`
}

// TokenAction is where a code or a refresh token becomes a token.
type TokenAction struct {
	Remote       string         `json:"remote" rule:"req" doc:"Remote."`
	Path         string         `json:"path" rule:"req" doc:"Path below it."`
	Resolvers    TokenResolvers `json:"resolvers" doc:"Dotted paths into the answer."`
	UseBasicAuth *bool          `json:"useBasicAuth" doc:"Whether client id and secret go into the Authorization header."`
	Overrides    Overrides      `json:"overrides" doc:"Headers and body in place of the usual ones."`
}

// TokenResolvers are dotted paths into a token answer.
type TokenResolvers struct {
	AccessToken        string `json:"accessToken" doc:"access_token unless given."`
	AccessTokenExpires string `json:"accessTokenExpires" doc:"expires_in unless given."`
	RefreshToken       string `json:"refreshToken" doc:"refresh_token unless given."`
}

// Overrides replace parts of a request to a provider.
type Overrides struct {
	Headers map[string]string `json:"headers" doc:"Headers."`
	Body    map[string]any    `json:"body" doc:"Members of the body."`
}

// RevokeAction is where a token is revoked.
type RevokeAction struct {
	Remote          string            `json:"remote" rule:"req" doc:"Remote."`
	Path            string            `json:"path" rule:"req" doc:"Path below it."`
	QueryParameters map[string]string `json:"queryParameters" doc:"Further query parameters."`
	UseBasicAuth    *bool             `json:"useBasicAuth" doc:"Whether client id and secret go into the Authorization header."`
	Overrides       Overrides         `json:"overrides" doc:"Headers and body in place of the usual ones."`
}

// ProfileAction is where the account is asked for: with resolvers, or with a
// function that reads the answer.
type ProfileAction struct {
	Remote          string            `json:"remote" rule:"req" doc:"Remote."`
	Path            string            `json:"path" rule:"req" doc:"Path below it."`
	Function        string            `json:"function" doc:"Function that makes the profile from the answer."`
	Resolvers       ProfileResolvers  `json:"resolvers" doc:"Dotted paths into the answer."`
	Method          string            `json:"method" rule:"enum=GET|POST|PUT" doc:"HTTP method; GET unless given."`
	QueryParameters map[string]string `json:"queryParameters" doc:"Further query parameters."`
	OIDC            *bool             `json:"oidc" doc:"Whether the profile is read from the identity token."`
	Overrides       Overrides         `json:"overrides" doc:"Headers and body in place of the usual ones."`
}

// ProfileResolvers are dotted paths into a profile answer.
type ProfileResolvers struct {
	ID          string `json:"id" doc:"The account's id."`
	DisplayName string `json:"displayName" doc:"The account's name."`
	AvatarURL   string `json:"avatarUrl" doc:"The account's picture."`
}
