package settings

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// address refuses what is no HOST:PORT, before anything is opened.
func address(v string) string {
	_, port, err := net.SplitHostPort(v)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "HOST:PORT, for instance 127.0.0.1:8480"
	}
	return ""
}

func databaseURL(v string) string {
	if !strings.HasPrefix(v, "postgres://") && !strings.HasPrefix(v, "postgresql://") {
		return "a database URL of Postgres, postgres://user@host:5432/database"
	}
	return ""
}

// passwords are the parameters of a Postgres URL that hold secrets.
var passwords = []string{"password", "sslpassword"}

func hasPassword(v string) bool {
	u, err := url.Parse(v)
	if err != nil {
		return true // nobody knows what it holds
	}
	if _, set := u.User.Password(); set {
		return true
	}
	q := u.Query()
	for _, p := range passwords {
		if q.Has(p) {
			return true
		}
	}
	return false
}

// redacted is a value as it may be printed.
func redacted(s Setting, v string) (text string, hidden bool) {
	if s.Secret == nil || !s.Secret(v) {
		return v, false
	}
	u, err := url.Parse(v)
	if err != nil {
		return "", true
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	for _, p := range passwords {
		q.Del(p)
	}
	u.RawQuery = q.Encode()
	return u.String(), true
}
