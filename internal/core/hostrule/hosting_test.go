package hostrule

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

var update = flag.Bool("update", false, "rewrite hosting.txt from the list of golang.org/x/net/publicsuffix")

// The list of hosting names must follow the list that the binary decides wildcards
// with; nobody would notice it fall behind.
func TestHostingListFollowsPublicSuffixList(t *testing.T) {
	want := deriveHosting(t)
	if *update {
		if err := os.WriteFile("hosting.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != hostingText {
		t.Fatal("hosting.txt differs from the public suffix list in go.mod: run go test ./internal/core/hostrule -run Hosting -update")
	}
}

func TestHostingEntriesHold(t *testing.T) {
	if len(hosting()) < 300 {
		t.Fatalf("%d hosting names", len(hosting()))
	}
	for base, suffix := range hosting() {
		if got, _ := publicsuffix.PublicSuffix("x." + suffix); got != suffix && got != "x."+suffix {
			t.Errorf("%s is no public suffix", suffix)
		}
		if !strings.HasSuffix(suffix, "."+base) {
			t.Errorf("%s is not below %s", suffix, base)
		}
		if err := checkWildBase(base); err != nil {
			t.Errorf("%s is refused, so no warning is needed", base)
		}
	}
	if hostingSuffix("amazonaws.com") == "" || hostingSuffix("example.com") != "" {
		t.Error("amazonaws.com hosts strangers, example.com does not")
	}
}

// deriveHosting reads the package's own compiled table, which is the only form in
// which the module carries the list.
func deriveHosting(t *testing.T) string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/net").Output()
	if err != nil {
		t.Skipf("the module's source is not at hand: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "publicsuffix", "data")
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("the module's source is not at hand: %v", err)
		}
		return b
	}
	text, nodes, children := read("text"), read("nodes"), read("children")
	shortest := map[string]string{}
	var walk func(lo, hi uint32, parent string)
	walk = func(lo, hi uint32, parent string) {
		for i := lo; i < hi; i++ {
			var n uint64
			for _, b := range nodes[i*5 : i*5+5] {
				n = n<<8 | uint64(b)
			}
			length, offset := n&(1<<6-1), n>>6&(1<<16-1)
			name := string(text[offset : offset+length])
			if parent != "" {
				name += "." + parent
			}
			var c uint32
			for _, b := range children[(n>>23&(1<<10-1))*4:][:4] {
				c = c<<8 | uint32(b)
			}
			const normal = 0
			if kind := c >> 28 & 3; kind == normal || c>>30&1 == 1 {
				noteAncestors(shortest, name)
			}
			walk(c&(1<<14-1), c>>14&(1<<14-1), name)
		}
	}
	walk(0, topLevelNodes(nodes, children), "")
	lines := make([]string, 0, len(shortest))
	for base, suffix := range shortest {
		lines = append(lines, base+" "+suffix+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// topLevelNodes is where the first child range of any top-level node begins.
func topLevelNodes(nodes, children []byte) uint32 {
	least := uint32(len(nodes) / 5)
	for i := 0; i+4 <= len(children); i += 4 {
		var c uint32
		for _, b := range children[i : i+4] {
			c = c<<8 | uint32(b)
		}
		if lo, hi := c&(1<<14-1), c>>14&(1<<14-1); lo < hi {
			least = min(least, lo)
		}
	}
	return least
}

func noteAncestors(shortest map[string]string, suffix string) {
	for base := suffix; ; {
		_, parent, ok := strings.Cut(base, ".")
		if !ok {
			return
		}
		base = parent
		if checkWildBase(base) != nil {
			continue
		}
		old, found := shortest[base]
		if !found || len(suffix) < len(old) || len(suffix) == len(old) && suffix < old {
			shortest[base] = suffix
		}
	}
}
