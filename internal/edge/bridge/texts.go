package bridge

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"unicode"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/manifest"
)

// texts gives an app's translations for a language, as its manifest arranges them.
func (b *Bridge) texts(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		ofModule
		Locale   string `json:"locale"`
		Fallback *bool  `json:"fallback"`
	}
	x, err := b.stand(w, r, &in)
	if err != nil {
		return nil, err
	}
	if in.Locale == "" {
		in.Locale = x.who.Locale
	}
	locale, texts, err := b.Registry.Texts(r.Context(), x.policy.Version, in.Locale, in.Fallback == nil || *in.Fallback)
	if err != nil {
		return nil, err
	}
	if texts == nil {
		return map[string]any{"locale": in.Locale, "translations": nil}, nil
	}
	return map[string]any{"locale": locale, "translations": json.RawMessage(texts)}, nil
}

// title is a module's title in the reader's language, fit to stand among our own words.
func (b *Bridge) title(ctx context.Context, version id.Version, u manifest.Module, locale string) string {
	for _, t := range []manifest.Text{u.Title, u.Name} {
		text := t.Text
		if t.I18n != "" {
			text = b.Registry.Text(ctx, version, locale, t.I18n)
		}
		if text = clean(text, 120); text != "" {
			return text
		}
	}
	return clean(u.Key, 120)
}

// clean makes a text of an app fit to be read among our own words: one line, nothing
// invisible, nothing that turns the reading direction, no longer than most.
func clean(text string, most int) string {
	var b strings.Builder
	n, space, marks := 0, false, 0
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = true
			continue
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp), r >= 0xE0000 && r <= 0xE0FFF,
			r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, r == 0x034F:
			continue
		case unicode.Is(unicode.Mn, r):
			if marks++; marks > 2 { // a tower of accents reaches into the lines above
				continue
			}
		default:
			marks = 0
		}
		if space && n > 0 {
			b.WriteByte(' ')
			n++
		}
		space = false
		if n >= most {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
