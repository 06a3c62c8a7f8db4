package trigger

import (
	"context"
	"encoding/base64"
	"io"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/seal"
)

// secretSize is how many random bytes a secret has.
const secretSize = 32

// secretPrefix lets scanners of code and people see what they found.
const secretPrefix = "annex_hook_"

// Proof is how callers of a module prove themselves.
type Proof struct {
	Module string
	// Authentication is "hmac" or "bearer", "" where callers need not prove anything.
	Authentication string
	// Secret is zero but in the answer to the act that made it.
	Secret seal.Secret
	// Made is when the valid secrets were made, newest first.
	Made []time.Time
}

// secret is one that is valid.
type secret struct {
	seq  int64
	text []byte
	made time.Time
}

// secretKey names the secrets of an installation's module.
type secretKey string

func keyOf(install id.Install, module string) secretKey {
	return secretKey(string(install) + "\x00" + module)
}

func (k secretKey) parts() (install, module string) {
	install, module, _ = strings.Cut(string(k), "\x00")
	return install, module
}

func secretPlace(install, module string, seq int64) seal.Place {
	return seal.Place{Table: "web_trigger_secrets", Column: "sealed", Row: install + "/" + module, Generation: seq}
}

// Issue makes the first secret of a module whose callers have to prove themselves, and
// tells it. Where there is one, only when it was made is told.
func (s *Service) Issue(ctx context.Context, by id.Principal, scope tenant.Scope, module string) (Proof, error) {
	p, err := s.change(ctx, by, scope, module, "webtrigger.secret-make", func(ctx context.Context, have []secret, p *Proof) error {
		if len(have) > 0 {
			return nil
		}
		_, err := s.addSecret(ctx, scope, 1, p)
		return err // if another caller made it first, it is theirs to tell
	})
	return p, fault.Op("trigger.Issue", err)
}

// Rotate makes another secret and tells it. The one before stays valid until it is
// retired or the next rotation; with retire nothing made before is valid any more.
func (s *Service) Rotate(ctx context.Context, by id.Principal, scope tenant.Scope, module string, retire bool) (Proof, error) {
	p, err := s.change(ctx, by, scope, module, "webtrigger.secret-rotate", func(ctx context.Context, have []secret, p *Proof) error {
		if p.Authentication == "" {
			return fault.New(fault.Invalid, "NO_AUTHENTICATION", "callers of web trigger %q need not prove themselves, so it has no secret", module).
				WithFix("set request.authentication of the module to hmac or bearer and deploy")
		}
		last := int64(0)
		if len(have) > 0 {
			last = have[0].seq
		}
		added, err := s.addSecret(ctx, scope, last+1, p)
		if err != nil {
			return err
		}
		if !added {
			return fault.New(fault.Conflict, "SECRET_CHANGED", "another secret was made at the same moment").WithFix("look at annex webtrigger list, then rotate again")
		}
		keep := last
		if retire {
			keep = last + 1
		}
		_, err = s.cfg.DB.Exec(ctx, endSecrets, string(scope.Install()), module, keep)
		return err
	})
	return p, fault.Op("trigger.Rotate", err)
}

// Retire ends the secret before the newest.
func (s *Service) Retire(ctx context.Context, by id.Principal, scope tenant.Scope, module string) (Proof, error) {
	p, err := s.change(ctx, by, scope, module, "webtrigger.secret-retire", func(ctx context.Context, have []secret, _ *Proof) error {
		if len(have) < 2 {
			return fault.New(fault.NotFound, "NO_PREVIOUS_SECRET", "web trigger %q has no secret besides the newest", module).
				WithFix("annex webtrigger secret rotate --retire replaces the newest at once")
		}
		_, err := s.cfg.DB.Exec(ctx, endSecrets, string(scope.Install()), module, have[0].seq)
		return err
	})
	return p, fault.Op("trigger.Retire", err)
}

// change runs an act on a module's secrets in a transaction, with its entry in the audit
// trail if it changed something, and gives what holds afterwards.
func (s *Service) change(ctx context.Context, by id.Principal, scope tenant.Scope, module, act string, do func(context.Context, []secret, *Proof) error) (Proof, error) {
	if err := wants(scope); err != nil {
		return Proof{}, err
	}
	if err := s.offered(ctx, scope.Install(), module); err != nil {
		return Proof{}, err
	}
	p := Proof{Module: module}
	var err error
	if p.Authentication, err = s.demanded(ctx, scope, module); err != nil {
		return Proof{}, err
	}
	if p.Authentication == "" && act == "webtrigger.secret-make" {
		return p, nil
	}
	key := keyOf(scope.Install(), module)
	err = s.cfg.DB.Tx(ctx, func(ctx context.Context) error {
		p.Secret, p.Made = seal.Secret{}, nil // a transaction may run again
		have, err := s.secretsOf(ctx, key)
		if err != nil {
			return err
		}
		if err := do(ctx, have, &p); err != nil {
			return err
		}
		now, err := s.secretsOf(ctx, key)
		if err != nil {
			return err
		}
		for _, x := range now {
			p.Made = append(p.Made, x.made)
		}
		if act == "webtrigger.secret-make" && p.Secret.IsZero() {
			return nil
		}
		return s.cfg.Audit.Append(ctx, scope.Site(), scope.Install(), by, act, map[string]any{"module": module, "valid": len(now)})
	})
	s.secrets.forget(key)
	if err != nil {
		return Proof{}, err
	}
	return p, nil
}

// addSecret makes a secret; false if there is one of that number.
func (s *Service) addSecret(ctx context.Context, scope tenant.Scope, seq int64, p *Proof) (bool, error) {
	var raw [secretSize]byte
	if _, err := io.ReadFull(s.cfg.Rand, raw[:]); err != nil {
		return false, err
	}
	text := secretPrefix + base64.RawURLEncoding.EncodeToString(raw[:])
	install := scope.Install()
	sealed, err := s.cfg.Sealer.Seal(seal.ForInstall(install), seal.HookSecret, secretPlace(string(install), p.Module, seq), []byte(text))
	if err != nil {
		return false, err
	}
	n, err := s.cfg.DB.Exec(ctx, addSecret, string(install), p.Module, seq, sealed, s.cfg.Now().UnixMilli())
	if err != nil || n == 0 {
		return false, err
	}
	p.Secret = seal.NewSecret(text)
	return true, nil
}

// secretsOf reads the valid secrets, newest first.
func (s *Service) secretsOf(ctx context.Context, key secretKey) ([]secret, error) {
	install, module := key.parts()
	rows, err := s.cfg.DB.Query(ctx, moduleSecrets, install, module)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []secret
	for rows.Next() {
		var one secret
		var sealed []byte
		var made int64
		if err := rows.Scan(&one.seq, &sealed, &made); err != nil {
			return nil, err
		}
		if one.text, err = s.cfg.Sealer.Open(seal.ForInstall(id.Install(install)), seal.HookSecret, secretPlace(install, module, one.seq), sealed); err != nil {
			return nil, err
		}
		one.made = time.UnixMilli(made).UTC()
		out = append(out, one)
	}
	return out, rows.Err()
}

// demanded is how callers of a module of the running version prove themselves.
func (s *Service) demanded(ctx context.Context, scope tenant.Scope, module string) (string, error) {
	p, err := s.cfg.Policies.Policy(ctx, scope.Install())
	if err != nil {
		return "", err
	}
	m, err := s.cfg.Modules.WebTrigger(ctx, p.Version, module)
	return m.proof(), err
}

// Proofs tells for each module of a list of addresses how its callers prove themselves
// and when its secrets were made. A module that the running version does not have, and
// every module of an installation that stands still, is told without a way.
func (s *Service) Proofs(ctx context.Context, scope tenant.Scope, list []Trigger) (map[string]Proof, error) {
	if err := wants(scope); err != nil {
		return nil, fault.Op("trigger.Proofs", err)
	}
	out := map[string]Proof{}
	for _, t := range list {
		if _, known := out[t.Module]; known {
			continue
		}
		way, _ := s.demanded(ctx, scope, t.Module)
		out[t.Module] = Proof{Module: t.Module, Authentication: way}
	}
	rows, err := s.cfg.DB.Query(ctx, installSecrets, string(scope.Install()))
	if err != nil {
		return nil, fault.Op("trigger.Proofs", err)
	}
	defer rows.Close()
	for rows.Next() {
		var module string
		var made int64
		if err := rows.Scan(&module, &made); err != nil {
			return nil, fault.Op("trigger.Proofs", err)
		}
		if p, listed := out[module]; listed {
			p.Made = append(p.Made, time.UnixMilli(made).UTC())
			out[module] = p
		}
	}
	return out, fault.Op("trigger.Proofs", rows.Err())
}
