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

	subject string // what a tunnel asks for
}

// Started is what a command line that asked is told.
type Started struct {
	Secret string // it proves that it is the one that asked
	Code   string // that the person types, XXXX-XXXX
	Device
}

// StartDevice begins a login. Whoever asks is nobody yet.
func (s *Service) StartDevice(ctx context.Context, name, address string) (Started, error) {
	out, err := s.startLogin(ctx, name, address, commandLine, "")
	return out, fault.Op("account.StartDevice", err)
}

// commandLine is what asks to be let in as an admin; a user's program names a site instead.
const commandLine id.Site = ""

func (s *Service) startLogin(ctx context.Context, name, address string, forSite id.Site, subject string) (Started, error) {
	var bits [codeLength]byte
	code, err := s.code(bits[:])
	if err != nil {
		return Started{}, err
	}
	secret, err := newSecret(s.Rand, deviceSecret)
	if err != nil {
		return Started{}, err
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
			return fault.New(fault.Limit, "LIMIT_LOGINS", "too many programs wait to be let in").WithFix("try again in some minutes")
		}
		_, err := s.DB.Exec(ctx, addDevice, out.ID, hashOf(secret), hashOf(code), out.Name, out.Address, forSite, subject, now.UnixMilli(), out.Expires.UnixMilli())
		return err
	})
	return out, err
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

// Person is somebody as a product's sign-in says.
type Person struct {
	Site    id.Site
	Product id.Product
	User    id.User
}

func (p Person) key() string { return hashOf(string(p.Product) + "\x00" + string(p.User)) }

// DeviceByCode is the command line whose code a person typed. Wrong codes are counted by
// person: who typed many waits until all of today's codes are old.
func (s *Service) DeviceByCode(ctx context.Context, by Person, typed string) (Device, error) {
	out, err := s.byCode(ctx, by, typed, commandLine)
	return out, fault.Op("account.DeviceByCode", err)
}

func (s *Service) byCode(ctx context.Context, by Person, typed string, forSite id.Site) (Device, error) {
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
			refusal = fault.New(fault.Limit, "LIMIT_CODES", "too many wrong codes were typed").WithFix("wait ten minutes, then have the program ask again")
			return nil
		}
		out, err = scanDevice(s.DB.QueryRow(ctx, deviceByCode, hashOf(code), forSite))
		if isNoRows(err) || err == nil && !now.Before(out.Expires) {
			refusal = fault.New(fault.NotFound, "NO_CODE", "nothing waits with this code").WithFix("type the code that the program shows; it is good for ten minutes")
			_, err = s.DB.Exec(ctx, putWrong, by.Site, by.key(), wrong+1, until)
		}
		return err
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return Device{}, err
	}
	return out, nil
}

// DeviceByID is a command line that still waits.
func (s *Service) DeviceByID(ctx context.Context, device string) (Device, error) {
	out, err := scanDevice(s.DB.QueryRow(ctx, deviceByID, device, commandLine))
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
	n, err := s.DB.Exec(ctx, letIn, by.Site, by.Product, by.User, device, commandLine, s.Now().UnixMilli())
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "NO_CODE", "the command line does not wait any more").WithFix("run annex login again")
	}
	return fault.Op("account.LetIn", err)
}

// TurnAway refuses a command line for good, by the code that it showed: whoever has not seen
// the code turns nobody away.
func (s *Service) TurnAway(ctx context.Context, by Person, typed string) error {
	d, err := s.DeviceByCode(ctx, by, typed)
	if err != nil {
		return err
	}
	_, err = s.DB.Exec(ctx, turnAway, d.ID, commandLine)
	return fault.Op("account.TurnAway", err)
}

// Poll is a command line's question whether it was let in. Its token is made at that
// moment, so that it lies nowhere meanwhile.
func (s *Service) Poll(ctx context.Context, secret string) (Token, string, error) {
	t, token, err := s.poll(ctx, secret, func(forSite id.Site, _ string) bool { return forSite == commandLine }, s.putPerson)
	return t, token, fault.Op("account.Poll", err)
}

// giver makes the token of who was let in.
type giver func(ctx context.Context, who Person, subject, note string, now time.Time) (Token, string, error)

func (s *Service) poll(ctx context.Context, secret string, mine func(forSite id.Site, subject string) bool, give giver) (Token, string, error) {
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
		var forSite id.Site
		var subject string
		err := s.DB.QueryRow(ctx, deviceBySecret, hashOf(secret)).Scan(&device, &name, &state, (*string)(&who.Site), (*string)(&who.Product), (*string)(&who.User),
			&asked, &interval, &expires, (*string)(&forSite), &subject)
		switch {
		case isNoRows(err) || err == nil && (now.UnixMilli() >= expires || !mine(forSite, subject)):
			refusal = fault.New(fault.Invalid, "EXPIRED_TOKEN", "nobody typed the code in time").WithFix("begin again")
			return nil
		case err != nil:
			return err
		case state == "denied":
			refusal = fault.New(fault.Denied, "ACCESS_DENIED", "the login was turned away")
			return nil
		case asked+interval > now.UnixMilli():
			refusal = fault.New(fault.Limit, "SLOW_DOWN", "the program asks too often").With("interval", (interval+5000)/1000)
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
		out, token, err = give(ctx, who, subject, name, now)
		return err
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return Token{}, "", err
	}
	return out, token, nil
}

func scanDevice(row *db.Row) (d Device, err error) {
	var asked, expires int64
	err = row.Scan(&d.ID, &d.Name, &d.Address, &asked, &expires, &d.subject)
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
