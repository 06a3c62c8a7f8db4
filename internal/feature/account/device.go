package account

import (
	"context"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// A command line signs in as RFC 8628 describes: it shows a short code, a person types the
// code at the console and decides there, and the command line, which holds a secret of its
// own, fetches a token. What is shown lets nobody in, and what lets in is never shown.

const (
	// DeviceLife is how long a code can be typed.
	DeviceLife = 10 * time.Minute
	// DeviceInterval is how long a command line waits between two questions.
	DeviceInterval = 5 * time.Second

	maxPending   = 10_000 // logins under way at once; each ends by itself
	codeLetters  = "BCDFGHJKLMNPQRSTVWXZ"
	codeLength   = 8
	maxWrong     = 10 // codes that a person may mistype in the life of one
	deviceSecret = "device"
)

// Device is a command line that waits to be let in.
type Device struct {
	ID      string
	Name    string // what it says of itself
	Address string // where its question came from
	Asked   time.Time
	Expires time.Time
}

// Started is what a command line that asked is told.
type Started struct {
	Secret string // it proves that it is the one that asked
	Code   string // that the person types, XXXX-XXXX
	Device
}

// StartDevice begins a login. Whoever asks is nobody yet.
func (s *Service) StartDevice(ctx context.Context, name, address string) (Started, error) {
	var bits [codeLength]byte
	code, err := s.code(bits[:])
	if err != nil {
		return Started{}, fault.Op("account.StartDevice", err)
	}
	secret, err := newSecret(s.Rand, deviceSecret)
	if err != nil {
		return Started{}, fault.Op("account.StartDevice", err)
	}
	now := s.Now().Truncate(time.Millisecond)
	out := Started{Secret: secret, Code: code[:4] + "-" + code[4:],
		Device: Device{ID: newID(), Name: plainText(name, 60), Address: plainText(address, 60), Asked: now, Expires: now.Add(DeviceLife)}}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.DB.Exec(ctx, oldDevices, now.UnixMilli()); err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, oldWrong, now.UnixMilli()); err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, oldPersons, now.Add(-24*time.Hour).UnixMilli()); err != nil {
			return err
		}
		var waiting int64
		if err := s.DB.QueryRow(ctx, countDevices).Scan(&waiting); err != nil {
			return err
		}
		if waiting >= maxPending {
			return fault.New(fault.Limit, "LIMIT_LOGINS", "too many command lines wait to be let in").WithFix("try again in some minutes, or use annex login --token-stdin")
		}
		_, err := s.DB.Exec(ctx, addDevice, out.ID, hashOf(secret), hashOf(code), out.Name, out.Address, now.UnixMilli(), out.Expires.UnixMilli())
		return err
	})
	return out, fault.Op("account.StartDevice", err)
}

// code draws letters that make no word and are not mistaken for one another.
func (s *Service) code(bits []byte) (string, error) {
	var out strings.Builder
	for out.Len() < codeLength {
		if _, err := io.ReadFull(s.Rand, bits); err != nil {
			return "", err
		}
		for _, b := range bits {
			// Bytes above the last whole multiple would make some letters likelier.
			if int(b) < 256/len(codeLetters)*len(codeLetters) && out.Len() < codeLength {
				out.WriteByte(codeLetters[int(b)%len(codeLetters)])
			}
		}
	}
	return out.String(), nil
}

// Person is a site's admin as a product's sign-in says.
type Person struct {
	Site    id.Site
	Product id.Product
	User    id.User
}

func (p Person) key() string { return hashOf(string(p.Product) + "\x00" + string(p.User)) }

// DeviceByCode is the command line whose code a person typed. Wrong codes are counted by
// person: who typed many waits until all of today's codes are old.
func (s *Service) DeviceByCode(ctx context.Context, by Person, typed string) (Device, error) {
	code := strings.Map(func(r rune) rune {
		if strings.ContainsRune(codeLetters, unicode.ToUpper(r)) {
			return unicode.ToUpper(r)
		}
		if r == '-' || r == ' ' {
			return -1
		}
		return '!'
	}, typed)
	var out Device
	var refusal error
	now := s.Now()
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		refusal = nil
		var wrong, until int64
		err := s.DB.QueryRow(ctx, wrongOf, by.Site, by.key()).Scan(&wrong, &until)
		if err != nil && !isNoRows(err) {
			return err
		}
		if now.UnixMilli() >= until {
			wrong, until = 0, now.Add(DeviceLife).UnixMilli()
		}
		if wrong >= maxWrong {
			refusal = fault.New(fault.Limit, "LIMIT_CODES", "too many wrong codes were typed").WithFix("wait ten minutes, then run annex login again")
			return nil
		}
		out, err = scanDevice(s.DB.QueryRow(ctx, deviceByCode, hashOf(code)))
		if isNoRows(err) || err == nil && !now.Before(out.Expires) {
			refusal = fault.New(fault.NotFound, "NO_CODE", "no command line waits with this code").WithFix("type the code that annex login shows; it is good for ten minutes")
			_, err = s.DB.Exec(ctx, putWrong, by.Site, by.key(), wrong+1, until)
		}
		return err
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return Device{}, fault.Op("account.DeviceByCode", err)
	}
	return out, nil
}

// DeviceByID is a command line that still waits.
func (s *Service) DeviceByID(ctx context.Context, device string) (Device, error) {
	out, err := scanDevice(s.DB.QueryRow(ctx, deviceByID, device))
	if isNoRows(err) || err == nil && !s.Now().Before(out.Expires) {
		return Device{}, fault.New(fault.Conflict, "NO_CODE", "the command line does not wait any more").WithFix("run annex login again")
	}
	return out, fault.Op("account.DeviceByID", err)
}

// LetIn lets a command line in as an admin whom the product vouched for just now.
func (s *Service) LetIn(ctx context.Context, by id.Principal, device string) error {
	if !by.Is(id.SiteAdmin) || by.User == "" || by.Product == "" {
		return denied("an admin of the site who is signed in lets a command line in")
	}
	if err := s.wholeSite(ctx, by.Site, by.Product); err != nil {
		return err
	}
	n, err := s.DB.Exec(ctx, letIn, by.Site, by.Product, by.User, device, s.Now().UnixMilli())
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "NO_CODE", "the command line does not wait any more").WithFix("run annex login again")
	}
	return fault.Op("account.LetIn", err)
}

// TurnAway refuses a command line for good.
func (s *Service) TurnAway(ctx context.Context, device string) error {
	_, err := s.DB.Exec(ctx, turnAway, device)
	return fault.Op("account.TurnAway", err)
}

// Poll is a command line's question whether it was let in. Its token is made at that
// moment, so that it lies nowhere meanwhile.
func (s *Service) Poll(ctx context.Context, secret string) (Token, string, error) {
	var (
		out     Token
		token   string
		refusal error
	)
	now := s.Now().Truncate(time.Millisecond)
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		refusal = nil
		var device, state string
		var who Person
		var asked, interval, expires int64
		var name string
		err := s.DB.QueryRow(ctx, deviceBySecret, hashOf(secret)).Scan(&device, &name, &state, (*string)(&who.Site), (*string)(&who.Product), (*string)(&who.User),
			&asked, &interval, &expires)
		switch {
		case isNoRows(err) || err == nil && now.UnixMilli() >= expires:
			refusal = fault.New(fault.Invalid, "EXPIRED_TOKEN", "nobody typed the code in time").WithFix("run annex login again")
			return nil
		case err != nil:
			return err
		case state == "denied":
			refusal = fault.New(fault.Denied, "ACCESS_DENIED", "the login was turned away")
			return nil
		case asked+interval > now.UnixMilli():
			refusal = fault.New(fault.Limit, "SLOW_DOWN", "the command line asks too often").With("interval", (interval+5000)/1000)
			_, err = s.DB.Exec(ctx, deviceAsked, now.UnixMilli(), interval+DeviceInterval.Milliseconds(), device)
			return err
		case state != "approved":
			refusal = fault.New(fault.Conflict, "AUTHORIZATION_PENDING", "nobody decided yet")
			_, err = s.DB.Exec(ctx, deviceAsked, now.UnixMilli(), interval, device)
			return err
		}
		if n, err := s.DB.Exec(ctx, takeDevice, device); err != nil || n != 1 {
			return err
		}
		out, token, err = s.putPerson(ctx, who, name, now)
		return err
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return Token{}, "", fault.Op("account.Poll", err)
	}
	return out, token, nil
}

func scanDevice(row *db.Row) (d Device, err error) {
	var asked, expires int64
	err = row.Scan(&d.ID, &d.Name, &d.Address, &asked, &expires)
	d.Asked, d.Expires = time.UnixMilli(asked), time.UnixMilli(expires)
	return d, err
}

// plainText is one line of what somebody says of itself.
func plainText(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if r := []rune(text); len(r) > most {
		text = string(r[:most])
	}
	return strings.TrimSpace(text)
}
