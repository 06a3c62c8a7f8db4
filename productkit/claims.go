package productkit

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
)

// reader reads claims; after the first that is not what it must be, err says which.
type reader struct {
	claims
	err error
}

func (r *reader) bad(name, want string) {
	if r.err == nil {
		r.err = refuse(BadClaim, "%s must be %s", name, want)
	}
}

// text is a text of 1 to most bytes that people and logs can take.
func (r *reader) text(name string, most int) string {
	var s string
	raw, ok := r.claims[name]
	if !ok || len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		r.bad(name, "a text")
		return ""
	}
	if s == "" || len(s) > most || strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) || c == unicode.ReplacementChar }) {
		r.bad(name, "a text without control characters that is not empty and not too long")
		return ""
	}
	return s
}

// optional is a text that may be absent.
func (r *reader) optional(name string, most int) string {
	if _, ok := r.claims[name]; !ok {
		return ""
	}
	return r.text(name, most)
}

// seconds is a time as a whole number of seconds since 1970.
func (r *reader) seconds(name string) time.Time {
	var n int64
	raw, ok := r.claims[name]
	if !ok || json.Unmarshal(raw, &n) != nil || n <= 0 || n > 1<<40 || string(raw) == "null" {
		r.bad(name, "a whole number of seconds since 1970")
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

func (r *reader) flag(name string) bool {
	switch string(r.claims[name]) {
	case "true":
		return true
	case "false":
	default:
		r.bad(name, "true or false")
	}
	return false
}

// times checks from when to when a token counts. longest is 0 where only the issuer
// decides.
func (r *reader) times(now time.Time, longest time.Duration) (issued, expires time.Time) {
	issued, expires = r.seconds("iat"), r.seconds("exp")
	if _, ok := r.claims["nbf"]; ok {
		if nbf := r.seconds("nbf"); r.err == nil && now.Add(leeway).Before(nbf) {
			r.err = refuse(NotYet, "it does not count yet")
		}
	}
	switch {
	case r.err != nil:
	case !now.Before(expires.Add(leeway)):
		r.err = refuse(Expired, "it has expired")
	case now.Add(leeway).Before(issued):
		r.err = refuse(NotYet, "it was made in the future")
	case !expires.After(issued):
		r.err = refuse(BadClaim, "exp must be after iat")
	case longest > 0 && expires.Sub(issued) > longest:
		r.err = refuse(TooLong, "it counts for more than %v", longest)
	}
	return issued, expires
}

// issuer and audience are texts, compared byte by byte; an audience of several is refused,
// since a token of this protocol is for one.
func (r *reader) from(issuer, audience string) {
	iss, aud := r.text("iss", 500), r.text("aud", 500)
	switch {
	case r.err != nil:
	case issuer != "" && iss != issuer:
		r.err = refuse(WrongIssuer, "somebody else made it")
	case aud != audience:
		r.err = refuse(WrongAud, "it is for somebody else")
	}
}
