package tracker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/productkit"
)

// Annex connects Tracker to an Annex server: what its back end needs to say there who its
// users are.
type Annex struct {
	// ControlURL and UIURL are the server's origins: for programs, and for people.
	ControlURL, UIURL string
	// Product is Tracker's key on the server, and Site the site that it serves, by id.
	Product, Site string
	// Client speaks to ControlURL; one with a time limit when nil.
	Client *http.Client
}

// Connect tells Tracker of the server. Until then it has no sign-in for one.
func (t *Tracker) Connect(a Annex) {
	if a.Client == nil {
		a.Client = &http.Client{Timeout: 10 * time.Second}
	}
	t.annex.Store(&a)
}

// says is what Tracker knows of a user who typed the password at a time.
func (a *Annex) says(u User, at time.Time) productkit.User {
	return productkit.User{
		Product: a.Product, Audience: a.UIURL, Site: a.Site, ID: u.ID, Name: u.Name, Locale: "en-US", Timezone: u.TimeZone, Admin: u.Admin, AuthTime: at,
	}
}

// annexSignIn is Tracker's signInUrl. Whoever comes is asked to sign in here first, and
// again if that was longer ago than Annex wants to know. What Tracker then says goes from
// back end to back end; the browser only carries the code that comes back.
func (t *Tracker) annexSignIn(w http.ResponseWriter, r *http.Request) {
	a := t.annex.Load()
	if a == nil {
		t.missing(w, r)
		return
	}
	at, _ := t.sessions.since(r)
	if age, err := strconv.Atoi(r.URL.Query().Get("max_age")); err == nil && t.cfg.Now().Sub(at) > time.Duration(age)*time.Second {
		http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	to, err := t.handOff(r.Context(), a, userOf(r), at, r.URL.Query().Get("state"))
	if err != nil {
		t.cfg.Log.Error("sign-in to Annex", "err", err)
		http.Error(w, "The sign-in did not work. Go back to where you began it, and try again.", http.StatusBadGateway)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (t *Tracker) handOff(ctx context.Context, a *Annex, u User, at time.Time, state string) (string, error) {
	says := a.says(u, at)
	says.State = state
	assertion, err := productkit.SignUser(t.key, says)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]string{"state": state, "assertion": assertion})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.ControlURL+"/api/v1/sign-ins", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := a.Client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var got struct {
		Location string `json:"location"`
		Error    struct{ Code, Message string }
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, res.Body, 64<<10)).Decode(&got); err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusCreated || !strings.HasPrefix(got.Location, a.UIURL+"/") {
		return "", fmt.Errorf("annex answered %d %s: %s", res.StatusCode, got.Error.Code, got.Error.Message)
	}
	return got.Location, nil
}

// annexSignOut tells Annex that whoever asks signs out here, so that no app goes on in their
// name. Where it cannot be told, it finds out when the panels' sessions end by themselves.
func (t *Tracker) annexSignOut(r *http.Request) {
	a := t.annex.Load()
	u, ok := t.sessions.who(r)
	if a == nil || !ok {
		return
	}
	since, _ := t.sessions.since(r)
	if err := a.signOut(r.Context(), t.key, a.says(u, since)); err != nil {
		t.cfg.Log.Warn("sign-out of Annex", "err", err)
	}
}

func (a *Annex) signOut(ctx context.Context, key *productkit.Key, u productkit.User) error {
	assertion, err := productkit.SignUser(key, u)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"user": assertion})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.ControlURL+"/bridge/sign-out", bytes.NewReader(body))
	if err != nil {
		return err
	}
	// The bridge is a part of the ui origin; back ends need not know its name in their DNS.
	if ui, err := url.Parse(a.UIURL); err == nil {
		req.Host = ui.Host
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := a.Client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("annex answered %d", res.StatusCode)
	}
	return nil
}
