package registry

import (
	"context"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/seal"
)

const (
	maxVariables     = 100
	maxVariableKey   = 100
	maxVariableValue = 64 << 10
)

var variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// SetVariable sets a variable of an environment; calls that start from then on see
// it. A sealed one is shown to nobody again, and stays sealed: a plain value over it is
// refused, because whoever rotates a secret and forgets to seal it would publish it.
func (s *Service) SetVariable(ctx context.Context, p id.Principal, app id.App, environment, key, value string, sealed bool) error {
	return s.setVariable(ctx, p, app, environment, key, value, sealed, false)
}

// UnsealVariable sets a plain value where a sealed one may have been.
func (s *Service) UnsealVariable(ctx context.Context, p id.Principal, app id.App, environment, key, value string) error {
	return s.setVariable(ctx, p, app, environment, key, value, false, true)
}

func (s *Service) setVariable(ctx context.Context, p id.Principal, app id.App, environment, key, value string, sealed, unseal bool) error {
	if !variableForm.MatchString(key) || len(key) > maxVariableKey {
		return fault.New(fault.Invalid, "VARIABLE_NAME", "a variable's name has 1 to %d letters, digits and underscores and starts with no digit", maxVariableKey)
	}
	if len(value) > maxVariableValue {
		return fault.New(fault.Limit, "LIMIT_VARIABLE", "a variable's value has at most %d bytes", maxVariableValue).
			With("limit", maxVariableValue).With("figure", len(value))
	}
	if !utf8.ValidString(value) {
		return fault.New(fault.Invalid, "VARIABLE_VALUE", "a variable's value is UTF-8 text")
	}
	return s.changeVariables(ctx, p, app, environment, "variable.set", key, func(ctx context.Context, env id.Env, revision int64) error {
		var others int
		if err := s.DB.QueryRow(ctx, countVariables, env, key).Scan(&others); err != nil {
			return err
		}
		if others >= maxVariables {
			return fault.New(fault.Limit, "LIMIT_VARIABLES", "an environment has at most %d variables", maxVariables)
		}
		var hidden int
		if err := s.DB.QueryRow(ctx, countSealed, env, key).Scan(&hidden); err != nil {
			return err
		}
		if hidden > 0 && !sealed && !unseal {
			return fault.New(fault.Conflict, "VARIABLE_SEALED", "the variable is sealed, and a plain value would be shown to whoever lists it").
				WithFix("set sealed to keep it sealed, or unseal to have its new value shown")
		}
		plain, secret := value, []byte{}
		if sealed {
			var err error
			if secret, err = s.Sealer.Seal(seal.ForEnv(env), seal.Variable, variablePlace(env, key, revision), []byte(value)); err != nil {
				return err
			}
			plain = ""
		}
		_, err := s.DB.Exec(ctx, putVariable, env, key, sealed, plain, secret, revision, s.Now().UnixMilli())
		return err
	})
}

// UnsetVariable removes a variable.
func (s *Service) UnsetVariable(ctx context.Context, p id.Principal, app id.App, environment, key string) error {
	return s.changeVariables(ctx, p, app, environment, "variable.unset", key, func(ctx context.Context, env id.Env, _ int64) error {
		n, err := s.DB.Exec(ctx, dropVariable, env, key)
		if err == nil && n == 0 {
			return fault.New(fault.NotFound, "VARIABLE_UNKNOWN", "the environment has no variable of that name")
		}
		return err
	})
}

// changeVariables runs a change under the environment's next revision, which makes
// snapshots with the old values unused.
func (s *Service) changeVariables(ctx context.Context, p id.Principal, app id.App, environment, act, key string,
	change func(ctx context.Context, env id.Env, revision int64) error) error {
	return fault.Op("registry."+act, s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.owned(ctx, p, app); err != nil {
			return err
		}
		env, err := s.environment(ctx, app, environment)
		if err != nil {
			return err
		}
		var revision int64
		if err := s.DB.QueryRow(ctx, nextRevision, env.ID).Scan(&revision); err != nil {
			return err
		}
		if err := change(ctx, env.ID, revision); err != nil {
			return err
		}
		return s.Audit.Append(ctx, "", "", p, act, map[string]any{"app": app, "environment": env.ID, "key": key})
	}))
}

// Variables lists an environment's variables.
func (s *Service) Variables(ctx context.Context, p id.Principal, app id.App, environment string) ([]Variable, error) {
	if _, err := s.owned(ctx, p, app); err != nil {
		return nil, fault.Op("registry.Variables", err)
	}
	env, err := s.environment(ctx, app, environment)
	if err != nil {
		return nil, fault.Op("registry.Variables", err)
	}
	stored, err := s.stored(ctx, env.ID)
	if err != nil {
		return nil, fault.Op("registry.Variables", err)
	}
	out := make([]Variable, len(stored))
	for i, v := range stored {
		out[i] = v.Variable
	}
	return out, nil
}

// storedVariable is a variable as it lies in the table.
type storedVariable struct {
	Variable
	secret     []byte
	generation int64
}

func (s *Service) stored(ctx context.Context, env id.Env) ([]storedVariable, error) {
	rows, err := s.DB.Query(ctx, variablesOf, env)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []storedVariable
	for rows.Next() {
		var (
			v               storedVariable
			sealed, updated int64
		)
		if err := rows.Scan(&v.Key, &sealed, &v.Value, &v.secret, &v.generation, &updated); err != nil {
			return nil, err
		}
		v.Sealed, v.Updated = sealed != 0, time.UnixMilli(updated)
		out = append(out, v)
	}
	return out, rows.Err()
}

// opened gives an environment's variables to the app that may read them.
func (s *Service) opened(ctx context.Context, env id.Env) (map[string]string, error) {
	stored, err := s.stored(ctx, env)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(stored))
	for _, v := range stored {
		if !v.Sealed {
			out[v.Key] = v.Value
			continue
		}
		plain, err := s.Sealer.Open(seal.ForEnv(env), seal.Variable, variablePlace(env, v.Key, v.generation), v.secret)
		if err != nil {
			return nil, err
		}
		out[v.Key] = string(plain)
	}
	return out, nil
}

func variablePlace(env id.Env, key string, generation int64) seal.Place {
	return seal.Place{Table: "variables", Column: "secret", Row: string(env) + "/" + key, Generation: generation}
}

// Restored moves every environment on to a revision of its variables that none had before
// the restore of a backup: snapshots are kept by it, and one made with values that the
// backup does not have must not be taken for its own.
func (s *Service) Restored(ctx context.Context) error {
	_, err := s.DB.Exec(ctx, skipRevisions, s.Now().Unix())
	return fault.Op("registry.Restored", err)
}
