package uikit

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/annexhq/annex/test/uikit/client"
)

var ticked = regexp.MustCompile(`ticks (\d+)`)

// An app whose timers follow one another, as a clock's do, keeps nobody from what they do in
// it: a click is handled at once, and the clock goes on.
func TestAClickDoesNotWaitForTimers(t *testing.T) {
	w := newWorld(t)
	dir := waitingAppOf(t, strings.Replace(waiting, "  return <Stack>", "  const [ticks, tick] = useState(0);\n  React.useEffect(() => { const t = setInterval(() => tick((x) => x + 1), 200); return () => clearInterval(t); }, []);\n  return <Stack><Text>ticks {ticks} </Text>", 1))
	v := w.page("alice", "TR-1").Open(w.app(dir) + "/panel")
	ticks := func(s *client.State) int {
		m := ticked.FindStringSubmatch(s.Tree.Text())
		if m == nil {
			return -1
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	v.Until("the panel", func(s *client.State) bool { return len(s.Tree.All("Button")) == 2 })
	for n := 1; n <= 3; n++ {
		s := v.Click(v.Now().Tree.All("Button")[0], "onClick") // until it is said to be handled
		if !strings.Contains(s.Tree.Text(), "ready "+strconv.Itoa(n)) {
			t.Fatalf("after click %d: %s", n, s.Tree.Text())
		}
		before := ticks(v.Now())
		v.Until("the clock goes on", func(s *client.State) bool { return ticks(s) >= before+3 })
	}
	if errs := v.Now().Errors; len(errs) > 0 {
		t.Error(errs)
	}
}
