package registry

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// RegisterApp registers an app for a developer: under the id that its manifest has
// already, or under a new one. So an app whose module scope reads variables has a place
// for them before its first deploy.
func (s *Service) RegisterApp(ctx context.Context, p id.Principal, name string, has id.App) (App, error) {
	if !p.Is(id.Developer) {
		return App{}, denied("only a developer registers apps")
	}
	if err := checkAppName(name); err != nil {
		return App{}, err
	}
	app := App{ID: id.App(newID()), Name: name, Owner: p.Account, Created: s.Now().Truncate(time.Millisecond)}
	if has != "" {
		var err error
		if app.ID, err = appID(has, nil); err != nil {
			return App{}, err
		}
		have, err := s.find(ctx, app.ID)
		switch {
		case err != nil:
			return App{}, fault.Op("registry.RegisterApp", err)
		case have != nil && have.Owner == p.Account:
			return App{}, fault.New(fault.Conflict, "APP_EXISTS", "the app is registered already, as %q", have.Name)
		case have != nil:
			return App{}, notYours()
		}
	}
	err := s.DB.Tx(ctx, func(ctx context.Context) error { return s.register(ctx, p, app, Environment{}) })
	return app, fault.Op("registry.RegisterApp", err)
}

// register writes an app with its three environments. The one of chosen's name, if
// any, gets its id: a version may have been prepared for it already.
func (s *Service) register(ctx context.Context, p id.Principal, app App, chosen Environment) error {
	if _, err := s.DB.Exec(ctx, putApp, app.ID, app.Name, app.Owner, app.Created.UnixMilli()); err != nil {
		if db.IsUnique(err) {
			return notYours() // somebody registered the id a moment ago
		}
		return err
	}
	for n, e := range []struct {
		name string
		kind call.EnvType
	}{{"development", call.Development}, {"staging", call.Staging}, {"production", call.Production}} {
		env := id.Env(newID())
		if e.name == chosen.Name {
			env = chosen.ID
		}
		if _, err := s.DB.Exec(ctx, putEnvironment, env, app.ID, e.name, e.kind, n, app.Created.UnixMilli()); err != nil {
			return err
		}
	}
	return s.Audit.Append(ctx, "", "", p, "app.register", map[string]any{"app": app.ID})
}

// Apps lists a developer's apps, or all for an operator.
func (s *Service) Apps(ctx context.Context, p id.Principal) ([]App, error) {
	query, args := appsOf, []any{p.Account}
	switch {
	case p.Is(id.Operator):
		query, args = allApps, nil
	case !p.Is(id.Developer):
		return nil, denied("only developers and operators list apps")
	}
	rows, err := s.DB.Query(ctx, query, args...)
	if err != nil {
		return nil, fault.Op("registry.Apps", err)
	}
	defer rows.Close()
	var out []App
	for rows.Next() {
		a, err := scanApp(rows)
		if err != nil {
			return nil, fault.Op("registry.Apps", err)
		}
		out = append(out, a)
	}
	return out, fault.Op("registry.Apps", rows.Err())
}

// App gives an app by id to those who have to name it to somebody: whoever may see
// one of its installations or owns it. It has no rule of its own.
func (s *Service) App(ctx context.Context, app id.App) (App, error) {
	a, err := s.find(ctx, app)
	if err == nil && a == nil {
		return App{}, notYours()
	}
	if err != nil {
		return App{}, fault.Op("registry.App", err)
	}
	return *a, nil
}

// Owner tells who owns an app; "" when there is no such app.
func (s *Service) Owner(ctx context.Context, app id.App) (id.Account, error) {
	a, err := s.find(ctx, app)
	if err != nil || a == nil {
		return "", fault.Op("registry.Owner", err)
	}
	return a.Owner, nil
}

// find is an app, nil if there is none.
func (s *Service) find(ctx context.Context, app id.App) (*App, error) {
	a, err := scanApp(s.DB.QueryRow(ctx, appByID, app))
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// owned is an app of the calling developer.
func (s *Service) owned(ctx context.Context, p id.Principal, app id.App) (App, error) {
	a, err := s.find(ctx, app)
	if err != nil {
		return App{}, err
	}
	if a == nil || !p.Is(id.Developer) || a.Owner != p.Account {
		return App{}, notYours()
	}
	return *a, nil
}

// readable is an environment that the caller may read about: of an own app, by an
// operator, or by a CI token for its own environments.
func (s *Service) readable(ctx context.Context, p id.Principal, app id.App, environment string) (Environment, error) {
	switch {
	case p.Is(id.Operator):
	case p.Is(id.CI) && ciMay(p, app, environment):
	default:
		if _, err := s.owned(ctx, p, app); err != nil {
			return Environment{}, err
		}
	}
	return s.environment(ctx, app, environment)
}

// environment finds an environment by name.
func (s *Service) environment(ctx context.Context, app id.App, name string) (Environment, error) {
	e, err := scanEnvironment(s.DB.QueryRow(ctx, environmentByName, app, name))
	if errors.Is(err, db.ErrNoRows) {
		return Environment{}, noEnvironment(name)
	}
	return e, err
}

func noEnvironment(name string) error {
	return fault.New(fault.NotFound, "ENVIRONMENT_UNKNOWN", "the app has no environment %q", name).
		WithFix("use development, staging or production, or create it: annex environments create %s", name)
}

// Environments lists an app's environments.
func (s *Service) Environments(ctx context.Context, p id.Principal, app id.App) ([]Environment, error) {
	if !p.Is(id.Operator) {
		if _, err := s.owned(ctx, p, app); err != nil {
			return nil, fault.Op("registry.Environments", err)
		}
	}
	rows, err := s.DB.Query(ctx, environmentsOf, app)
	if err != nil {
		return nil, fault.Op("registry.Environments", err)
	}
	defer rows.Close()
	var out []Environment
	for rows.Next() {
		e, err := scanEnvironment(rows)
		if err != nil {
			return nil, fault.Op("registry.Environments", err)
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fault.Op("registry.Environments", err)
	}
	if len(out) == 0 {
		return nil, notYours()
	}
	return out, nil
}

var environmentForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,61}[a-z0-9]$|^[a-z]$`)

// CreateEnvironment adds a development environment.
func (s *Service) CreateEnvironment(ctx context.Context, p id.Principal, app id.App, name string) (Environment, error) {
	if !environmentForm.MatchString(name) {
		return Environment{}, fault.New(fault.Invalid, "ENVIRONMENT_NAME", "an environment's name has 1 to 63 lower-case letters, digits and dashes, not %q", name)
	}
	var out Environment
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.owned(ctx, p, app); err != nil {
			return err
		}
		env := newID()
		const afterTheFixed = 3
		if _, err := s.DB.Exec(ctx, putEnvironment, env, app, name, call.Development, afterTheFixed, s.Now().UnixMilli()); err != nil {
			if db.IsUnique(err) {
				return fault.New(fault.Conflict, "ENVIRONMENT_EXISTS", "the app has an environment %q already", name)
			}
			return err
		}
		if err := s.Audit.Append(ctx, "", "", p, "environment.create", map[string]any{"app": app, "environment": env}); err != nil {
			return err
		}
		var err error
		out, err = s.environment(ctx, app, name)
		return err
	})
	return out, fault.Op("registry.CreateEnvironment", err)
}

// DeleteEnvironment deletes a development environment that was created and has no
// installations.
func (s *Service) DeleteEnvironment(ctx context.Context, p id.Principal, app id.App, name string) error {
	if name == "development" || name == "staging" || name == "production" {
		return fault.New(fault.Denied, "ENVIRONMENT_FIXED", "every app has the environment %q; it cannot be deleted", name)
	}
	return fault.Op("registry.DeleteEnvironment", s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.owned(ctx, p, app); err != nil {
			return err
		}
		env, err := s.environment(ctx, app, name)
		if err != nil {
			return err
		}
		n, err := s.Installations.InEnvironment(ctx, env.ID)
		if err != nil {
			return err
		}
		if n > 0 {
			return fault.New(fault.Conflict, "ENVIRONMENT_INSTALLED", "the environment %q has %d installation(s)", name, n).
				WithFix("have them uninstalled first")
		}
		for _, q := range []string{dropVariablesOf, dropVersionsOf, dropEnvironment} {
			if _, err := s.DB.Exec(ctx, q, env.ID); err != nil {
				return err
			}
		}
		return s.Audit.Append(ctx, "", "", p, "environment.delete", map[string]any{"app": app, "environment": env.ID})
	}))
}

func scanApp(row interface{ Scan(...any) error }) (App, error) {
	var a App
	var created int64
	err := row.Scan((*string)(&a.ID), &a.Name, (*string)(&a.Owner), &created)
	a.Created = time.UnixMilli(created)
	return a, err
}

func scanEnvironment(row interface{ Scan(...any) error }) (Environment, error) {
	var (
		e                   Environment
		major, minor, patch *int64
		deployed, created   int64
	)
	err := row.Scan((*string)(&e.ID), (*string)(&e.App), &e.Name, (*string)(&e.Type), (*string)(&e.Version), &major, &minor, &patch,
		&deployed, &e.Revision, &created)
	if err != nil {
		return Environment{}, err
	}
	if major != nil && minor != nil && patch != nil {
		e.Number = number{*major, *minor, *patch}.String()
		e.Deployed = time.UnixMilli(deployed)
	}
	e.Created = time.UnixMilli(created)
	return e, nil
}

const maxAppName = 100

func checkAppName(name string) error {
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxAppName ||
		strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl) {
		return fault.New(fault.Invalid, "APP_NAME", "an app's name has 1 to %d printable characters and no blank at either end", maxAppName)
	}
	return nil
}

// number is a version's major.minor.patch.
type number struct{ major, minor, patch int64 }

func (n number) String() string { return fmt.Sprintf("%d.%d.%d", n.major, n.minor, n.patch) }
