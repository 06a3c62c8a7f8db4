package audit

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"

	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// plain are the members of a detail whose texts are ids, names from a fixed list or
// digests. A text under any other name, or one that does not look like an id, is kept as
// a salted hash: it may be a person's, or a secret put into the wrong place.
var plain = map[string]bool{
	"app": true, "environment": true, "environments": true, "version": true, "number": true, "hash": true, "digest": true, "product": true, "products": true,
	"account": true, "adminOf": true, "token": true, "kind": true, "request": true, "backup": true, "family": true, "key": true, "hour": true,
	"from": true, "to": true, "policy": true, "site": true, "type": true, "scope": true, "scopes": true, "name": true, "state": true, "installation": true,
	"expires": true, "made": true, "developer": true, "until": true, "pattern": true, "host": true, "category": true, "isolation": true,
	// The parts of a permission set are what the trail is about: what was granted.
	"granted": true, "waiting": true,
}

// idLike is what ids, keys, versions, host patterns, scopes and times are made of. Texts
// of people have spaces, or other letters, or are longer.
var idLike = regexp.MustCompile(`^[A-Za-z0-9._:/*+=-]{0,200}$`)

// harmless writes a detail without texts of people.
func harmless(detail any, hash func(string) string) (json.RawMessage, error) {
	text, err := json.Marshal(detail)
	if err != nil {
		return nil, err
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	return json.Marshal(clean(v, false, false, hash))
}

// clean walks a value. set holds inside of a permission set, whose members are all known.
func clean(v any, known, set bool, hash func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			name := k
			if !idLike.MatchString(k) {
				name = hash(k)
			}
			out[name] = clean(e, set || plain[k], set || k == "granted" || k == "waiting", hash)
		}
		return out
	case []any:
		for i, e := range v {
			v[i] = clean(e, known, set, hash)
		}
		return v
	case string:
		if v == "" || known && idLike.MatchString(v) {
			return v
		}
		return hash(v)
	default:
		return v
	}
}

// actor names who acted. A user's id at the product may be their mail address.
func actor(p id.Principal, hash func(string) string) string {
	if p.Kind == id.EndUser {
		return "user:" + string(p.Product) + ":" + hash(string(p.User))
	}
	if s := p.String(); idLike.MatchString(s) {
		return s
	}
	return string(p.Kind) + ":" + hash(string(p.Account))
}

// hasher hashes texts with the site's salt, which never leaves the database: whoever has
// an export can neither read the texts nor try likely ones. Most entries have no text to
// hash, so the salt is read when the first one comes.
type hasher struct {
	log  *Log
	ctx  context.Context
	site id.Site
	key  []byte
	err  error
}

func (h *hasher) hash(text string) string {
	if h.key == nil && h.err == nil {
		h.key, h.err = h.log.salt(h.ctx, h.site)
	}
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte(text))
	return "h:" + hex.EncodeToString(mac.Sum(nil)[:16])
}

// salt is read anew each time: the transaction in which it was made may still fail.
func (l *Log) salt(ctx context.Context, site id.Site) ([]byte, error) {
	var text string
	err := l.db.QueryRow(ctx, salt, site).Scan(&text)
	if errors.Is(err, db.ErrNoRows) {
		if _, err := l.db.Exec(ctx, putSalt, site, rand.Text()); err != nil {
			return nil, err
		}
		err = l.db.QueryRow(ctx, salt, site).Scan(&text)
	}
	return []byte(text), err
}

func cursorText(e Entry) string {
	text, _ := json.Marshal([]any{e.At, e.Segment, e.Seq}) //nolint:errcheck // numbers and a text
	return base64.RawURLEncoding.EncodeToString(text)
}
