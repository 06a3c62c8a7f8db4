package tenancy_test

import (
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/feature/tenancy"
)

func TestProductSaysRiskAccessAndPathInKnownForms(t *testing.T) {
	const head = "key: desk\napiBaseUrl: https://desk.example\n"
	scope := func(access, risk string) string {
		return head + "scopes:\n  a: {title: A, access: " + access + ", risk: " + risk + "}\n"
	}
	for text, fix := range map[string]string{
		scope("read", "low"): "", scope("change", "high"): "", scope("read", "medium"): "",
		scope("read", "severe"): "low, medium or high", scope("write", "low"): "read or change", scope("read", "Low"): "low, medium or high",
		head + "openapi: openapi.yaml\n": "", head + "openapi: api/v1..2/openapi.yaml\n": "",
		head + "openapi: /etc/passwd\n": "without ..", head + "openapi: ../openapi.yaml\n": "without ..", head + "openapi: a/../../b\n": "without ..",
		head + "openapi: https://desk.example/openapi.yaml\n": "without ..", head + "openapi: 'a\\..\\b'\n": "without ..",
	} {
		p, found := tenancy.ValidateProduct("desk.yaml", []byte(text))
		if fix == "" {
			if p == nil {
				t.Errorf("%s: %v", text, found)
			}
			continue
		}
		if p != nil || len(found) != 1 || !strings.Contains(found[0].Fix, fix) || found[0].File != "desk.yaml" {
			t.Errorf("%s: %v", text, found)
		}
	}
}

// A diagnostic has its place once: in its own fields.
func TestYAMLProblemsDoNotRepeatTheLine(t *testing.T) {
	for _, text := range []string{"key: a\n\tb: c\n", "key: [1, 2\nname: x\n", "a: b: c\n", "key: \"x\nname: 1\n", "{", "- a\nb: c\n", "key: *gone\n"} {
		_, found := tenancy.ValidateProduct("desk.yaml", []byte(text))
		if len(found) == 0 || strings.Contains(found[0].Message, "line ") || strings.TrimSpace(found[0].Message) == "" {
			t.Errorf("%q: %+v", text, found)
		}
	}
}

// A type of event names its product, and a key may be for some sites only.
func TestEventsAndKeysAreTheProducts(t *testing.T) {
	const head = "key: desk\naliases: [jira]\napiBaseUrl: https://desk.example\n"
	const key = "{kty: EC, crv: P-256, kid: k, x: axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY, y: T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
	for text, fix := range map[string]string{
		head + "events: ['desk:thing:happened', com.example.desk.thing, {type: desk.thing, aliases: ['avi:jira:created:issue']}]\n": "",
		head + "events: ['wiki:thing:happened']\n":                             "desk:wiki:thing:happened",
		head + "events: ['desks:thing']\n":                                     "desk:desks:thing",
		head + "events: [{type: desk.thing, aliases: ['avi:wiki:created']}]\n": "desk:avi:wiki:created",
		head + "keys: [" + key + ", sites: [a, b]}]\n":                         "",
		head + "keys: [" + key + ", sites: []}]\n":                             "by their ids",
	} {
		p, found := tenancy.ValidateProduct("desk.yaml", []byte(text))
		if fix == "" {
			if p == nil {
				t.Errorf("%s: %v", text, found)
			} else if p.Keys != nil && !strings.Contains(string(p.Keys.JWKS), `"sites":["a","b"]`) {
				t.Errorf("%s", p.Keys.JWKS)
			}
			continue
		}
		if p != nil || len(found) != 1 || !strings.Contains(found[0].Fix, fix) {
			t.Errorf("%s: %v", text, found)
		}
	}
}
