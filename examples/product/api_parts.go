package tracker

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sort"
)

// Comments and properties of an issue.

func (t *Tracker) comments(r *http.Request) (int, any, error) {
	i, err := t.store.issue(r.PathValue("issue"), userOf(r))
	if err != nil {
		return 0, nil, err
	}
	all := []any{}
	for _, c := range i.Comments {
		all = append(all, t.commentView(r, &i, c))
	}
	start, limit := page(r, 100)
	return http.StatusOK, map[string]any{"comments": cut(all, start, limit), "total": len(all), "startAt": start, "maxResults": limit}, nil
}

func (t *Tracker) commentText(r *http.Request) (string, error) {
	var body struct {
		Body json.RawMessage `json:"body"`
	}
	if err := decodeBody(r, &body); err != nil {
		return "", err
	}
	text, err := fromRich(body.Body)
	if err == nil && text == "" {
		err = badInput("Comment body can not be empty!")
	}
	return text, err
}

func (t *Tracker) addComment(r *http.Request) (int, any, error) {
	text, err := t.commentText(r)
	if err != nil {
		return 0, nil, err
	}
	var added Comment
	i, err := t.store.update(r.PathValue("issue"), callerOf(r), "comment.add", func(i *Issue) error {
		now := t.cfg.Now().UTC()
		added = Comment{ID: t.store.id(), Author: userOf(r).ID, Via: callerOf(r).via(), Body: text, Created: now, Updated: now}
		i.Comments = append(i.Comments, added)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, t.commentView(r, &i, added), nil
}

func (t *Tracker) getComment(r *http.Request) (int, any, error) {
	i, err := t.store.issue(r.PathValue("issue"), userOf(r))
	if err != nil {
		return 0, nil, err
	}
	n := slices.IndexFunc(i.Comments, func(c Comment) bool { return c.ID == r.PathValue("comment") })
	if n < 0 {
		return 0, nil, errNotFound
	}
	return http.StatusOK, t.commentView(r, &i, i.Comments[n]), nil
}

// changeComment lets the author, or an admin, change a comment.
func (t *Tracker) changeComment(r *http.Request, act string, fn func(i *Issue, n int)) (Issue, error) {
	return t.store.update(r.PathValue("issue"), callerOf(r), act, func(i *Issue) error {
		n := slices.IndexFunc(i.Comments, func(c Comment) bool { return c.ID == r.PathValue("comment") })
		if n < 0 {
			return errNotFound
		}
		if u := userOf(r); !u.Admin && i.Comments[n].Author != u.ID {
			return errForbidden
		}
		fn(i, n)
		return nil
	})
}

func (t *Tracker) editComment(r *http.Request) (int, any, error) {
	text, err := t.commentText(r)
	if err != nil {
		return 0, nil, err
	}
	var changed Comment
	i, err := t.changeComment(r, "comment.edit", func(i *Issue, n int) {
		i.Comments[n].Body, i.Comments[n].Updated = text, t.cfg.Now().UTC()
		changed = i.Comments[n]
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, t.commentView(r, &i, changed), nil
}

func (t *Tracker) deleteComment(r *http.Request) (int, any, error) {
	_, err := t.changeComment(r, "comment.delete", func(i *Issue, n int) { i.Comments = slices.Delete(i.Comments, n, n+1) })
	return http.StatusNoContent, nil, err
}

func (t *Tracker) propertyKeys(r *http.Request) (int, any, error) {
	i, err := t.store.issue(r.PathValue("issue"), userOf(r))
	if err != nil {
		return 0, nil, err
	}
	keys := []map[string]string{}
	for k := range i.Properties {
		keys = append(keys, map[string]string{"key": k, "self": t.link("/rest/api/3/issue/" + i.ID + "/properties/" + k)})
	}
	sort.Slice(keys, func(a, b int) bool { return keys[a]["key"] < keys[b]["key"] })
	return http.StatusOK, map[string]any{"keys": keys}, nil
}

func (t *Tracker) getProperty(r *http.Request) (int, any, error) {
	i, err := t.store.issue(r.PathValue("issue"), userOf(r))
	if err != nil {
		return 0, nil, err
	}
	key := r.PathValue("property")
	v, ok := i.Properties[key]
	if !ok {
		return 0, nil, errNotFound
	}
	return http.StatusOK, map[string]any{"key": key, "value": v}, nil
}

func (t *Tracker) setProperty(r *http.Request) (int, any, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, nil, err
	}
	if raw = bytes.TrimSpace(raw); !json.Valid(raw) || len(raw) > 32768 {
		return 0, nil, badInput("a property is JSON of at most 32768 bytes")
	}
	code, key := http.StatusCreated, r.PathValue("property")
	_, err = t.store.update(r.PathValue("issue"), callerOf(r), "property.set", func(i *Issue) error {
		if _, had := i.Properties[key]; had {
			code = http.StatusOK
		}
		i.Properties[key] = raw
		return nil
	})
	return code, nil, err
}

func (t *Tracker) deleteProperty(r *http.Request) (int, any, error) {
	_, err := t.store.update(r.PathValue("issue"), callerOf(r), "property.delete", func(i *Issue) error {
		if _, had := i.Properties[r.PathValue("property")]; !had {
			return errNotFound
		}
		delete(i.Properties, r.PathValue("property"))
		return nil
	})
	return http.StatusNoContent, nil, err
}
