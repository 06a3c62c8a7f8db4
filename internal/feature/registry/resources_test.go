package registry

import (
	"errors"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/manifest"
)

func TestPagesAreLookedAt(t *testing.T) {
	m := &manifest.Manifest{Resources: []manifest.Resource{{Key: "main", Path: "./static/main/"}, {Key: "source", Path: "src/index.jsx"}}}
	for page, want := range map[string]string{
		"<script src=./app.js></script><link rel=stylesheet href=style.css><img src=data:,>": "",
		"<script src=/app.js></script>":                        "error page-absolute-path",
		"<p>\n<link rel=stylesheet href=\"/style.css?v=1\">":   "error page-absolute-path",
		"<link rel=icon href=/favicon.ico>":                    "warning page-absolute-path",
		"<script src=/elsewhere.js></script>":                  "warning page-absolute-path",
		"<script src=https://cdn.alice.example/x.js></script>": "warning page-undeclared-host",
		"<script src=//cdn.alice.example/x.js></script>":       "warning page-undeclared-host",
		strings.Repeat("<script>a</script>", 30):               "",
		"<script>" + strings.Join(strings.Split(strings.Repeat("a", 30), ""), "</script><script>b") + "</script>": "",
		"\xff\xfe<p>": "error page-encoding",
	} {
		files := map[string][]byte{"static/main/index.html": []byte(page), "static/main/app.js": nil, "static/main/style.css": nil, "src/index.jsx": []byte("<script src=/app.js>")}
		found, err := checkPages(m, files, perm.Set{})
		var refused *Findings
		if errors.As(err, &refused) {
			found = refused.Diagnostics()
		}
		got := ""
		if len(found) > 0 {
			got = string(found[0].Severity) + " " + found[0].Rule
			if found[0].File != "static/main/index.html" || found[0].Fix == "" || found[0].Line < 1 {
				t.Errorf("%+v", found[0])
			}
		}
		if got != want {
			t.Errorf("%.60q: %q, not %q (%v)", page, got, want, err)
		}
	}
	var many strings.Builder
	for n := range 30 {
		many.WriteString("<script>" + strings.Repeat("a", n) + "b</script>")
	}
	if _, err := checkPages(m, map[string][]byte{"static/main/index.html": []byte(many.String())}, perm.Set{}); fault.CodeOf(err) != "PAGE_INVALID" {
		t.Errorf("30 inline scripts: %v", err)
	}
	if found, err := checkPages(m, map[string][]byte{"static/main/app.js": nil}, perm.Set{}); err != nil || len(found) != 1 || found[0].Rule != "resource-index" {
		t.Errorf("no index: %+v, %v", found, err)
	}
	// What is drawn on the server goes to no browser.
	m.Modules.UI = map[string][]manifest.Module{"tracker:issuePanel": {{Key: "p", Resource: "main", Render: "native"}}}
	if r := hosted(m); len(r) != 1 || r[0].Key != "source" {
		t.Errorf("%+v", r)
	}
}
