package compact_test

import (
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/compact"
)

func TestATokenHasOneSpelling(t *testing.T) {
	head, payload, err := compact.Split("e30.W10.AQ")
	if err != nil || string(head) != "{}" || string(payload) != "[]" {
		t.Errorf("%q %q %v", head, payload, err)
	}
	for _, bad := range []string{
		"", "e30.W10", "e30.W10.AQ.AQ", "e30..AQ", "e30.W10.", ".W10.AQ", // not three parts
		"e30.W10.AR", "e30.W10.AQ=", "e30.W10.AQ==", "e30.W10.A", // bits and padding that mean nothing
		"e30.W10.AQ\n", "e3\n0.W10.AQ", "e30.W10. AQ", "e30.W10.+/", "e30.W10.Aé",
	} {
		if head, payload, err := compact.Split(bad); err == nil {
			t.Errorf("%q: %q %q", bad, head, payload)
		}
	}
}

func TestAnObjectHasOneReading(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	for _, good := range []string{`{}`, ` {"a":1,"A":{"a":[{"a":null},{"a":2}]}} `, deep(31)} {
		if c, err := compact.Object([]byte(good)); err != nil || c == nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		``, `null`, `[]`, `"a"`, `{`, `{"a":}`, `{"a":1}x`, `{}{}`, "{\"a\":\"\xff\"}",
		`{"a":1,"a":1}`, `{"a":1,"\u0061":1}`, `{"b":[{"a":1,"a":2}]}`, deep(32),
	} {
		if c, err := compact.Object([]byte(bad)); err == nil {
			t.Errorf("%s: %v", bad, c)
		}
	}
}
