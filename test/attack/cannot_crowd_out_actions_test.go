package attack

import (
	"fmt"
	"strings"
	"testing"
)

// An app offers fifty actions and no more: every request of a program's looks at the actions of all
// apps, and a thousand of one app's would leave no room in what the program's model reads, nor on
// the page of tools that a client asks for.
func TestAttackCrowdOutActions(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	offers := func(n int) source {
		var list strings.Builder
		list.WriteString("  action:\n")
		for i := range n {
			fmt.Fprintf(&list, "    - {key: a%d, name: A, function: plain, actionVerb: GET, description: reads}\n", i)
		}
		return source{also: []string{"plain"}, modules: list.String(), code: "const plain = () => 1;"}
	}
	at := p.deploy("development", offers(50))
	more := offers(51)
	more.id = at.app
	if a := p.upload(at.developer, more.parts("development")); a.status != 422 || !strings.Contains(a.body, `"too-many"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}
