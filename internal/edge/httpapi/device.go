package httpapi

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/account"
)

// paces bounds how often each address may ask for something that needs no token.
type paces struct {
	mu  sync.Mutex
	all *lru.Cache[string, *rate.Limiter]
}

const (
	loginsPerSecond = 1
	loginsAtOnce    = 20
)

func (p *paces) allow(address string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all, _ = lru.New[string, *rate.Limiter](4096) // only a size below one fails
	}
	l, ok := p.all.Get(address)
	if !ok {
		l = rate.NewLimiter(loginsPerSecond, loginsAtOnce)
		p.all.Add(address, l)
	}
	return l.Allow()
}

// startDevice begins the login of a command line (RFC 8628). The address of the page
// carries no code: whoever is sent a link still has to type what a command line shows.
func (a *API) startDevice(w http.ResponseWriter, r *request) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := machineName(in.Name); err != nil {
		return err
	}
	address, err := a.mayBegin(r)
	if err != nil {
		return err
	}
	started, err := a.Accounts.StartDevice(r.ctx(), in.Name, address)
	if err != nil {
		return err
	}
	a.begun(w, started, "/device")
	return nil
}

// mayBegin gives the address that a person's word is asked from, unless too many come from it.
func (a *API) mayBegin(r *request) (address string, err error) {
	if address, _, err = net.SplitHostPort(r.RemoteAddr); err != nil {
		address = r.RemoteAddr
	}
	if !a.logins.allow(address) {
		return "", fault.New(fault.Limit, "LIMIT_LOGINS", "too many logins are begun from this address").WithFix("wait a moment")
	}
	return address, nil
}

// begun tells a program what the person types, and at which page (RFC 8628 §3.2).
func (a *API) begun(w http.ResponseWriter, started account.Started, page string) {
	writeJSON(w, http.StatusCreated, map[string]any{
		"device_code": started.Secret, "user_code": started.Code, "verification_uri": a.UIURL + page,
		"expires_in": int(account.DeviceLife / time.Second), "interval": int(account.DeviceInterval / time.Second),
	})
}

// pollDevice is the command line's question whether it was let in.
func (a *API) pollDevice(w http.ResponseWriter, r *request) error {
	var in struct {
		Code string `json:"device_code"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("device_code", in.Code); err != nil {
		return err
	}
	t, secret, err := a.Accounts.Poll(r.ctx(), in.Code)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, newTokenJSON{a.tokenView(r.ctx(), t), secret})
	return nil
}

// machineName checks what a machine says that it is called.
func machineName(name string) error {
	if err := required("name", name); err != nil {
		return err
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return fault.New(fault.Usage, "DEVICE_NAME", "the name holds a character that cannot be shown").WithFix("name the machine in plain words")
	}
	return nil
}
