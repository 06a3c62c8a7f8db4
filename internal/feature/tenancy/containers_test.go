package tenancy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/feature/tenancy"
)

// What a rule would look for, and the document does not have, is an error: the rule would
// keep nobody from anything.
func TestContainersNameWhatTheDocumentHas(t *testing.T) {
	good := reference(t)
	if _, err := tenancy.Check(good); err != nil {
		t.Fatal(err)
	}
	for was, is := range map[string][2]string{
		"parameters: [project]":   {"parameters: [projct]", `no operation has a parameter "projct"`},
		"parameters: [project] ":  {"parameters: [owner/project]", `no operation has a parameter "owner"`},
		"metadata: [getProject]":  {"metadata: [getprojct]", `the document has no operation "getprojct"`},
		"metadata: [getProject] ": {"metadata: [getProject, getProjects, project]", `the document has no operation "project"`},
	} {
		d := good
		d.Data = []byte(strings.Replace(string(good.Data), strings.TrimSpace(was), is[0], 1))
		var wrong *tenancy.Findings
		if _, err := tenancy.Check(d); !errors.As(err, &wrong) || len(wrong.Diagnostics()) != 1 {
			t.Errorf("%s: %v", is[0], err)
			continue
		}
		got := wrong.Diagnostics()[0]
		line := strings.Count(strings.Split(string(d.Data), "  - type: project")[0], "\n") + 1
		if got.File != "product.yaml" || got.Line != line || got.Rule != "unknown-container-name" || !strings.Contains(got.Message, is[1]) || got.Fix == "" {
			t.Errorf("%s: %+v, not in line %d", is[0], got, line)
		}
	}
}
