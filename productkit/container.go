package productkit

import (
	"net/url"
	"slices"
	"strings"
)

// Container is a part of a product that holds others, such as a project.
type Container struct {
	Type string // as product.yaml has it
	ID   string // one of its names
}

// maxContainers bounds the names in one event.
const maxContainers = 20

// written is the form of containers in an event: project=10001&project=DEMO.
func written(all []Container) string {
	pairs := make([]string, len(all))
	for i, c := range all {
		pairs[i] = url.QueryEscape(c.Type) + "=" + url.QueryEscape(c.ID)
	}
	return strings.Join(pairs, "&")
}

// containers reads it. What cannot be read is refused: an event would reach who must not
// be told.
func (r *reader) containers() (out []Container) {
	text := r.optional("containers", 2000)
	if text == "" {
		return nil
	}
	for pair := range strings.SplitSeq(text, "&") {
		kind, id, ok := strings.Cut(pair, "=")
		kind, err := url.QueryUnescape(kind)
		id, err2 := url.QueryUnescape(id)
		if !ok || err != nil || err2 != nil || kind == "" || id == "" {
			r.bad("containers", "of the form TYPE=ID&TYPE=ID, percent-encoded")
			return nil
		}
		if c := (Container{kind, id}); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	if len(out) > maxContainers {
		r.bad("containers", "at most 20 containers")
		return nil
	}
	return out
}
