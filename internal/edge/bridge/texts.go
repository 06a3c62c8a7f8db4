package bridge

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
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
		if text = quote.Line(text, 120); text != "" {
			return text
		}
	}
	return quote.Line(u.Key, 120)
}
