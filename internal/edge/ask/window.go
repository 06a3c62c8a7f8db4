package ask

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/pagejson"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/internal/feature/session"
)

const (
	// askCookie says which question the window is about, and for whom it was opened.
	askCookie     = "__Host-annex-ask"
	sessionCookie = "__Host-annex" // the console's
	askLife       = 10 * time.Minute
)

// Kind is of the console's decisions that this package takes.
const Kind = "ask"

// kept is what the browser keeps of the window.
type kept struct {
	Ticket string `json:"t"`
	Items  []int  `json:"i,omitempty"`
	Person string `json:"p"`
	// Name and Product are said before the person is known here.
	Name    string     `json:"n"`
	Product id.Product `json:"k"`
}

// window is the top-level page: it takes in who comes with a ticket, sends them to prove
// who they are, and shows what is asked to who came back.
func (p *Pages) window(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if ticket := q.Get("ticket"); ticket != "" {
		p.come(w, r, ticket)
		return
	}
	of, err := p.about(r)
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	name := string(of.Product)
	if x, err := p.Tenancy.ProductByKeyOrAlias(r.Context(), name); err == nil {
		name = x.Name
	}
	facts := map[string]any{"as": "start", "go": "/ask/window/sign-in", "person": of.Name, "product": name}
	if s, decision, err := p.vouched(r, of); err == nil {
		facts = map[string]any{"as": "window", "decision": decision.ID, "form": s.CSRF, "items": of.Items}
	} else if q.Get("decision") != "" && fault.KindOf(err) != fault.Unauthenticated {
		p.refuse(w, r, err)
		return
	}
	p.page(w, r, http.StatusOK, facts)
}

// come takes the ticket out of the address and keeps what it stands for in this browser.
func (p *Pages) come(w http.ResponseWriter, r *http.Request, ticket string) {
	if r.Method != http.MethodGet { // asking for the head alone spends no ticket
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "This address is shown once.", http.StatusMethodNotAllowed)
		return
	}
	who, _, about, err := p.Sessions.TakeTicket(r.Context(), session.ForAsk, ticket)
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	var in ticketed
	if err := json.Unmarshal([]byte(about), &in); err != nil {
		p.refuse(w, r, err)
		return
	}
	text, err := json.Marshal(kept{in.Ticket, in.Items, person(who.Site, who.Product, who.User), who.Name, who.Product})
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: askCookie, Value: base64.RawURLEncoding.EncodeToString(text), Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, MaxAge: int(askLife / time.Second)})
	http.Redirect(w, r, "/ask/window", http.StatusSeeOther)
}

// person names a person without saying who it is.
func person(site id.Site, product id.Product, user id.User) string {
	sum := sha256.Sum256([]byte(string(site) + "\x00" + string(product) + "\x00" + string(user)))
	return hex.EncodeToString(sum[:])
}

// about is the question that this browser's window was opened for.
func (p *Pages) about(r *http.Request) (kept, error) {
	gone := fault.New(fault.Conflict, "ASK_AGAIN", "this window is about no question any more").
		WithFix("close it, go back to the page that it came from and ask again")
	all := r.CookiesNamed(askCookie)
	if len(all) != 1 {
		return kept{}, gone
	}
	text, err := base64.RawURLEncoding.DecodeString(all[0].Value)
	var out kept
	if err != nil || json.Unmarshal(text, &out) != nil || out.Ticket == "" {
		return kept{}, gone
	}
	return out, nil
}

// signedIn is the person of the console's session, who has to be the one that the window
// was opened for.
func (p *Pages) signedIn(r *http.Request, of kept) (session.Session, error) {
	all := r.CookiesNamed(sessionCookie)
	if len(all) != 1 {
		return session.Session{}, fault.New(fault.Unauthenticated, "SIGNED_OUT", "nobody is signed in")
	}
	s, err := p.Sessions.Get(r.Context(), all[0].Value)
	if err != nil {
		return s, err
	}
	if subtle.ConstantTimeCompare([]byte(person(s.Site, s.Product, s.User)), []byte(of.Person)) != 1 {
		return s, fault.New(fault.Denied, "ANOTHER_PERSON", "the page that this window came from is another person's than the one who is signed in here").
			WithFix("sign out of this server's pages, close this window and ask again")
	}
	return s, nil
}

// signIn sends the person to the product, to prove there who they are. It changes nothing
// but what this browser may decide later, so a link may lead here.
func (p *Pages) signIn(w http.ResponseWriter, r *http.Request) {
	of, err := p.about(r)
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	s, err := p.signedIn(r, of)
	if fault.KindOf(err) == fault.Unauthenticated && err != nil {
		http.Redirect(w, r, "/sign-in?next="+url.QueryEscape("/ask/window/sign-in"), http.StatusSeeOther)
		return
	}
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	decision, err := p.Sessions.Propose(r.Context(), &s, Kind, of.Ticket)
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	http.Redirect(w, r, "/sign-in?decision="+url.QueryEscape(decision), http.StatusSeeOther)
}

// Next is where a browser goes on after the sign-in for a decision of this kind.
func Next(decision string) string { return "/ask/window?decision=" + url.QueryEscape(decision) }

// vouched is the decision that the address names, if the product vouched for the person
// for it a moment ago.
func (p *Pages) vouched(r *http.Request, of kept) (session.Session, session.Decision, error) {
	return p.vouchedFor(r, of, r.URL.Query().Get("decision"))
}

func (p *Pages) vouchedFor(r *http.Request, of kept, decision string) (session.Session, session.Decision, error) {
	again := fault.New(fault.Unauthenticated, "SIGN_IN_AGAIN", "it is a while since you proved who you are").WithFix("prove it once more")
	s, err := p.signedIn(r, of)
	if err != nil {
		return s, session.Decision{}, err
	}
	if decision == "" {
		return s, session.Decision{}, again
	}
	d, err := p.Sessions.Proposed(r.Context(), &s, decision)
	if err != nil {
		return s, d, again
	}
	var ticket string
	if d.Kind != Kind || json.Unmarshal(d.Body, &ticket) != nil || ticket != of.Ticket {
		return s, d, fault.New(fault.Conflict, "ASK_AGAIN", "this window is about another question").WithFix("close it, go back to the page and ask again")
	}
	if !p.Now().Before(d.Vouched) {
		return s, d, again
	}
	return s, d, nil
}

// ours is what each request of the window carries.
type ours struct {
	Decision string `json:"decision"`
	Form     string `json:"form"`
}

// enter is who decides in the window.
func (p *Pages) enter(r *http.Request, in ours) (kept, session.Session, session.Decision, error) {
	of, err := p.about(r)
	if err != nil {
		return of, session.Session{}, session.Decision{}, err
	}
	s, d, err := p.vouchedFor(r, of, in.Decision)
	if err != nil {
		return of, s, d, err
	}
	if in.Form == "" || subtle.ConstantTimeCompare([]byte(in.Form), []byte(s.CSRF)) != 1 {
		return of, s, d, foreign()
	}
	return of, s, d, nil
}

func (p *Pages) windowOpen(r *http.Request) (any, error) {
	var in ours
	if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	of, s, _, err := p.enter(r, in)
	if err != nil {
		return nil, err
	}
	return p.show(r.Context(), of.Ticket, proven(&s))
}

func (p *Pages) windowDecide(r *http.Request) (any, error) {
	var in struct {
		ours
		verdict
	}
	if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	of, s, d, err := p.enter(r, in.ours)
	if err != nil {
		return nil, err
	}
	// Taken out: one sign-in, one decision.
	if _, _, err := p.Sessions.Take(r.Context(), &s, d.ID, Kind); err != nil {
		return nil, err
	}
	decision := in.decision(of.Ticket, proven(&s))
	decision.Window = true
	return p.carry(r, decision)
}

// proven is the person whom the product vouched for, for this decision, after a password
// that is at most session.MaxAge old.
func proven(s *session.Session) asking.Admin {
	return asking.Admin{User: s.Principal(), Name: s.Name, Admin: s.Admin, SignedIn: s.Asserted}
}

// refuse says in the window why it shows nothing.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, e := p.public(r, err)
	p.page(w, r, status, map[string]any{"as": "problem", "error": e})
}
