// Package id holds the typed identifiers of the platform and the Principal, the
// answer to "who is asking?". Every id is a lower-case UUID text (version 7;
// version 4 where it must be unguessable) unless its comment says otherwise, so
// that a signature says what it takes and two kinds of id cannot be mixed up.
//
// The package makes no ids: time and randomness come in from outside the core.
package id

type (
	// App is the id of an app, without Forge's "ari:cloud:ecosystem::app/" prefix.
	App string
	// Env is the id of one environment of one app.
	Env string
	// Version is the id of one immutable deployment in one environment.
	Version string
	// Site is the id of a customer's tenant; Forge's "cloudId".
	Site string
	// Install is the id of an installation: (app environment, site, product).
	// It is the isolation key of the platform; each new install gets a new one.
	Install string
	// Product is a product's key from product.yaml, for instance "tracker".
	Product string
	// User is a product's own id of one of its users; unique with (site, product).
	User string
	// Account is the id of a developer, admin or operator account of this server.
	Account string
	// Token is the public id of an API token (never its secret).
	Token string
	// Invocation is the id of one call of an app's function.
	Invocation string
	// Trigger is a web trigger's 128-bit address, 32 hexadecimal digits.
	Trigger string
)

// Kind says which of the five principals of the platform is asking.
type Kind string

const (
	// Nobody is the zero value: it may do nothing.
	Nobody Kind = ""
	// Operator configures the server, its products, sites and accounts.
	Operator Kind = "operator"
	// Developer owns apps.
	Developer Kind = "developer"
	// CI is a developer's token that may only deploy one app to chosen environments.
	CI Kind = "ci"
	// SiteAdmin installs, approves, narrows and revokes on one site.
	SiteAdmin Kind = "admin"
	// EndUser is a user of a product on a site.
	EndUser Kind = "user"
	// Application is an app, acting through one installation.
	Application Kind = "app"
)

// Principal is who asks. The zero value is nobody and is refused everywhere.
// Only the fields that its Kind names are set.
type Principal struct {
	Kind    Kind
	Account Account // operator, developer, ci, admin
	Token   Token   // the token that was presented; for audit
	Site    Site    // admin, user, app
	Product Product // user
	User    User    // user
	App     App     // ci, app
	Install Install // app
	// Environments are the environment names that a CI token may deploy to.
	Environments []string
}

// Is reports whether the principal is of one of the kinds.
func (p Principal) Is(kinds ...Kind) bool {
	for _, k := range kinds {
		if p.Kind == k && k != Nobody {
			return true
		}
	}
	return false
}

// String names the principal for logs and audit entries; it holds no secret.
func (p Principal) String() string {
	switch p.Kind {
	case Nobody:
		return "nobody"
	case EndUser:
		return "user:" + string(p.User)
	case Application:
		return "app:" + string(p.Install)
	default:
		return string(p.Kind) + ":" + string(p.Account)
	}
}
