package receipts

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"

	"context"
	"encoding/hex"
	"errors"
	"hash"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/db"
)

// append adds a line to the site's chain and to this machine's file. Of a request that is
// still to be sent a line that cannot be written is an error; of one that was sent the line
// is kept in memory all the same.
func (l *Log) append(r Request, act, who string, detail any, before bool) error {
	e := trail.Entry{Segment: l.segment, Site: r.Site, Install: r.Install, At: l.Now().UnixMilli(), Actor: who, Act: act}
	l.mu.Lock()
	defer l.mu.Unlock()
	if before && len(l.pending) >= maxPending {
		return fault.New(fault.Unavailable, "RECEIPTS_FULL", "too many receipts wait for the database")
	}
	c := l.chains[r.Site]
	if c == nil {
		c = &chain{}
		l.chains[r.Site] = c
	}
	e.Seq, e.Prev = c.seq+1, c.hash
	line, err := e.Seal(detail)
	if err != nil {
		return err
	}
	if err := l.spool.write(line); err != nil {
		if before {
			return err
		}
		l.Log.Error("a receipt is in memory only: the data directory cannot be written", "err", err)
	}
	c.seq, c.hash = e.Seq, e.Hash
	l.pending = append(l.pending, e)
	l.since[r.Site]++
	if len(l.pending)%wakeAt == 0 || l.since[r.Site] == many {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// idLike says whether a text is made of what ids, handlers and times are made of. What is not
// is a person's or an app's text, and is written as a keyed hash.
func idLike(text string) bool {
	if len(text) > 200 {
		return false
	}
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == ':', c == '/', c == '-':
		default:
			return false
		}
	}
	return true
}

func plain(text string, key []byte) string {
	if idLike(text) {
		return text
	}
	return keyed(key, []byte(text))
}

// keyed is a hash with the site's key, which never leaves the database: whoever has an
// export can neither read what was hashed nor try likely texts.
func keyed(key, text []byte) string {
	mac := keyedHash(key)
	mac.Write(text)
	return keyedText(mac.Sum(nil))
}

func keyedHash(key []byte) hash.Hash { return hmac.New(sha256.New, key) }

func keyedText(sum []byte) string { return "h:" + hex.EncodeToString(sum[:min(len(sum), 16)]) }

// actor names for whom the app asked. A user's id at the product may be their mail address.
func actor(r Request, key []byte) string {
	switch r.Actor.Kind {
	case id.EndUser:
		return "user:" + string(r.Actor.Product) + ":" + keyed(key, []byte(r.Actor.User))
	case id.Nobody:
		return "app:" + string(r.Install)
	}
	return plain(r.Actor.String(), key)
}

// key is the site's; it is made at its first use.
func (l *Log) key(ctx context.Context, site id.Site) ([]byte, error) {
	if have, ok := l.keys.Load(site); ok {
		return have.([]byte), nil
	}
	var text string
	err := l.DB.QueryRow(ctx, siteKey, site).Scan(&text)
	if errors.Is(err, db.ErrNoRows) {
		if _, err := l.DB.Exec(ctx, putKeyOfSite, site, rand.Text()); err != nil {
			return nil, err
		}
		err = l.DB.QueryRow(ctx, siteKey, site).Scan(&text)
	}
	if err != nil {
		return nil, err
	}
	l.keys.Store(site, []byte(text))
	return []byte(text), nil
}
