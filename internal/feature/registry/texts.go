package registry

import (
	"context"
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/manifest"
)

// maxTexts bounds the texts of one language, as the manifest's rules do for all together.
const maxTexts = 100 << 10

// Texts gives a version's translations for a language as JSON, and the language that they
// are in: that one, one that stands in for it, or the default. Without fallback only the
// language itself counts. No texts is no error.
func (s *Service) Texts(ctx context.Context, version id.Version, locale string, fallback bool) (string, []byte, error) {
	m, err := s.Manifest(ctx, version)
	if err != nil {
		return "", nil, err
	}
	at, file := textsFor(m, locale, fallback)
	if file == "" {
		return "", nil, nil
	}
	key := string(version) + "\x00" + file
	if got, ok := s.translations.Get(key); ok {
		return at, got, nil
	}
	text, err := s.file(ctx, version, file)
	if err != nil {
		return "", nil, fault.Op("registry.Texts", err)
	}
	if len(text) > maxTexts || !json.Valid(text) {
		text = nil // what cannot be read as texts has none
	}
	s.translations.Add(key, text)
	return at, text, nil
}

// Languages says which languages a version has texts in and which stands in for which, in
// the form that pages of apps read; nil where it has none.
func (s *Service) Languages(ctx context.Context, version id.Version) ([]byte, error) {
	m, err := s.Manifest(ctx, version)
	if err != nil || len(m.Translations.Resources) == 0 {
		return nil, err
	}
	locales := []string{}
	for _, t := range m.Translations.Resources {
		locales = append(locales, t.Key)
	}
	fallback := map[string]any{"default": m.Translations.Fallback.Default}
	for key, stands := range m.Translations.Fallback.Locales {
		fallback[key] = stands
	}
	return json.Marshal(map[string]any{"config": map[string]any{"locales": locales, "fallback": fallback}})
}

// textsFor is the language whose texts count for a reader's language, and their file.
func textsFor(m *manifest.Manifest, locale string, fallback bool) (at, file string) {
	find := func(key string) string {
		for _, t := range m.Translations.Resources {
			if t.Key == key {
				return path.Clean(t.Path)
			}
		}
		return ""
	}
	if f := find(locale); f != "" || !fallback {
		return locale, f
	}
	for _, t := range m.Translations.Resources {
		if slices.Contains(m.Translations.Fallback.Locales[t.Key], locale) {
			return t.Key, path.Clean(t.Path)
		}
	}
	return m.Translations.Fallback.Default, find(m.Translations.Fallback.Default)
}

// file is one uploaded file of a version, nil if it has none of that name.
func (s *Service) file(ctx context.Context, version id.Version, name string) ([]byte, error) {
	v, err := s.version(ctx, versionByID, version)
	if errors.Is(err, db.ErrNoRows) {
		return nil, noVersion()
	}
	if err != nil {
		return nil, err
	}
	var list []file
	if err := json.Unmarshal([]byte(v.files), &list); err != nil {
		return nil, err
	}
	for _, f := range list {
		if f.Path == name {
			return s.Blobs.Get(ctx, blob.Hash(f.Hash))
		}
	}
	return nil, nil
}

// Text is one of an app's texts in a language, "" where it has none.
func (s *Service) Text(ctx context.Context, version id.Version, locale, key string) string {
	_, texts, err := s.Texts(ctx, version, locale, true)
	if err != nil {
		return ""
	}
	return textOf(texts, key)
}

// textOf finds a key as it is, then taken apart at its dots.
func textOf(texts []byte, key string) string {
	var all map[string]any
	if json.Unmarshal(texts, &all) != nil {
		return ""
	}
	if s, ok := all[key].(string); ok {
		return s
	}
	at := any(all)
	for part := range strings.SplitSeq(key, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			return ""
		}
		at = m[part]
	}
	s, _ := at.(string)
	return s
}
