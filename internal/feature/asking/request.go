package asking

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// row is a request as it is kept.
type row struct {
	install id.Install
	site    id.Site
	id      string
	app     id.App
	product id.Product
	user    id.User
	session string
	version id.Version
	epoch   uint64
	want    Want
	state   State
	outcome kept
	expires time.Time
}

// kept is the part of an outcome that is decided once.
type kept struct {
	Declined []Destination `json:"declined,omitempty"`
}

func (s *Service) read(scan interface{ Scan(...any) error }) (*row, error) {
	var r row
	var want, outcome string
	var epoch, expires int64
	err := scan.Scan((*string)(&r.install), (*string)(&r.site), &r.id, (*string)(&r.app), (*string)(&r.product), (*string)(&r.user), &r.session,
		(*string)(&r.version), &epoch, &want, (*string)(&r.state), &outcome, &expires)
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.epoch, r.expires = uint64(epoch), time.UnixMilli(expires)
	if outcome != "" {
		if err := json.Unmarshal([]byte(outcome), &r.outcome); err != nil {
			return nil, err
		}
	}
	return &r, json.Unmarshal([]byte(want), &r.want)
}

func (r *row) of(u id.Principal) bool {
	return u.Kind == id.EndUser && u.User != "" && r.user == u.User && r.product == u.Product && r.site == u.Site
}

func (r *row) waits(now time.Time) bool { return r.state == Pending && now.Before(r.expires) }

// Request asks for what is not granted yet. Where everything is, or only less is wanted, it
// is done at once. Otherwise it waits to be shown to the admin who is present; if the user
// is none, nothing is kept but a count.
func (s *Service) Request(ctx context.Context, a Asker, w Want) (Ask, error) {
	out, err := s.request(ctx, a, w)
	return out, fault.Op("asking.Request", err)
}

func (s *Service) request(ctx context.Context, a Asker, w Want) (Ask, error) {
	if a.User.Kind != id.EndUser || a.User.Site != a.Policy.Site || a.User.Product == "" {
		return Ask{}, fault.New(fault.Denied, "ADMIN_REQUIRED", "an app asks while an admin uses it").With("status", 403)
	}
	x, err := s.planOf(ctx, a.Policy, &w)
	if err != nil {
		return Ask{}, err
	}
	if x, err = s.spare(ctx, a.Policy, &w, x); err != nil {
		return Ask{}, err
	}
	if x.nothing() {
		return s.done(ctx, a, &w)
	}
	if !a.Admin {
		if x.asks() {
			if err := s.hint(ctx, a.Policy, x, &w); err != nil {
				return Ask{}, err
			}
		}
		return Ask{}, adminRequired()
	}
	if !x.asks() { // less than before: no need to ask
		if err := s.apply(ctx, a.User, a.Policy.Install, x, x.groups); err != nil {
			return Ask{}, err
		}
		s.Installs.Refresh(ctx)
		return s.done(ctx, a, &w)
	}
	if w.Flat == nil && len(w.Remotes) == 0 {
		if err := answered(s.Installs.Try(ctx, a.Policy.Scope, x.groups)); err != nil {
			return Ask{}, err
		}
	}
	return s.keep(ctx, a, x.configured.Epoch, &w)
}

func adminRequired() error {
	return fault.New(fault.Denied, "ADMIN_REQUIRED", "only an admin of the site can be asked for this, and none is present").
		WithFix("an admin of the site opens the app, or adds it in the console under Connected apps").With("status", 403)
}

// done is the answer where nobody had to be asked.
func (s *Service) done(ctx context.Context, a Asker, w *Want) (Ask, error) {
	out, err := s.now(ctx, a.Policy, w, Granted)
	return Ask{Done: &out}, err
}

// keep writes a request down, if the app may ask this admin now.
func (s *Service) keep(ctx context.Context, a Asker, epoch uint64, w *Want) (Ask, error) {
	text, err := json.Marshal(w)
	if err != nil {
		return Ask{}, err
	}
	if len(text) > 64<<10 {
		return Ask{}, malformed("more is asked for than can be shown")
	}
	var bits [32]byte
	if _, err := io.ReadFull(s.Rand, bits[:]); err != nil {
		return Ask{}, err
	}
	out := Ask{ID: uuid.Must(uuid.NewV7()).String(), Ticket: base64.RawURLEncoding.EncodeToString(bits[:])}
	p := a.Policy
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		now := s.Now()
		if blocked, err := s.blocked(ctx, p.Scope); err != nil || blocked {
			return errors.Join(err, later(now, now.Add(longest)))
		}
		before, err := s.read(s.DB.QueryRow(ctx, askOf, p.Install, p.Site))
		if err != nil {
			return err
		}
		// A page that was loaded anew has lost its request; its own tab's waits still, and
		// another admin's is not taken away.
		if before != nil && before.waits(now) && (before.session == a.Session || !before.of(a.User)) {
			return fault.New(fault.Limit, "ASK_PENDING", "a request of this app waits for its decision already").With("status", 429).
				With("retryAfter", int(before.expires.Sub(now)/time.Second)+1)
		}
		if err := s.show(ctx, p, a.User, now); err != nil {
			return err
		}
		_, err = s.DB.Exec(ctx, putAsk, p.Install, p.Site, out.ID, hashOf(out.Ticket), p.App, a.User.Product, a.User.User, a.Session, p.Version, epoch,
			string(text), now.Add(Life).UnixMilli())
		return err
	})
	return out, err
}

func hashOf(ticket string) string {
	sum := sha256.Sum256([]byte("ask\x00" + ticket))
	return hex.EncodeToString(sum[:])
}

// Outcome is what came of a request of the asker's. One that nobody decided is over by now:
// its modal was closed. After a refusal the answer takes a moment that nobody can foretell.
func (s *Service) Outcome(ctx context.Context, a Asker, ask string) (Outcome, error) {
	r, err := s.read(s.DB.QueryRow(ctx, askOf, a.Policy.Install, a.Policy.Site))
	if err != nil {
		return Outcome{}, fault.Op("asking.Outcome", err)
	}
	if r == nil || r.id != ask || !r.of(a.User) {
		return Outcome{}, fault.New(fault.NotFound, "NO_ASK", "there is no such request of this user")
	}
	if r.state == Pending {
		if err := s.dismiss(ctx, r, a.User); err != nil {
			return Outcome{}, fault.Op("asking.Outcome", err)
		}
		if r, err = s.read(s.DB.QueryRow(ctx, askOf, a.Policy.Install, a.Policy.Site)); err != nil || r == nil || r.id != ask {
			return Outcome{State: Declined}, fault.Op("asking.Outcome", err)
		}
	}
	if r.state != Granted {
		s.Pause(ctx)
		return Outcome{State: Declined, Kind: r.want.kind()}, nil
	}
	s.Installs.Refresh(ctx) // another server may have granted it
	p, err := s.Installs.Policy(ctx, a.Policy.Install)
	if err != nil {
		return Outcome{}, fault.Op("asking.Outcome", err)
	}
	out, err := s.now(ctx, p, &r.want, Granted)
	out.Declined = append(out.Declined, r.outcome.Declined...)
	return out, fault.Op("asking.Outcome", err)
}

func pause(ctx context.Context) {
	t := time.NewTimer(time.Duration(rand.Int64N(int64(400 * time.Millisecond)))) //nolint:gosec // nothing is secret about it
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
