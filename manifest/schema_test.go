package manifest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/manifest"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(manifest.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("manifest.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML as an editor does before it applies a schema.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Load(text, &v); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSchemaTakesWhatLoads(t *testing.T) {
	schema := compileSchema(t)
	texts := map[string][]byte{"good.txtar": goldenManifest(t, "good")}
	if dir := os.Getenv("ANNEX_REAL_MANIFESTS"); dir != "" {
		files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if texts[filepath.Base(f)], err = os.ReadFile(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			m, _ := manifest.Load(name, text, manifest.Options{Lookup: lookup})
			if m == nil {
				t.Skip("it does not load")
			}
			if err := schema.Validate(asJSON(t, text)); err != nil {
				t.Errorf("the schema refuses what loads: %v", err)
			}
			if err := schema.Validate(asJSON(t, m.Canonical())); err != nil {
				t.Errorf("the schema refuses the canonical form: %v", err)
			}
		})
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema := compileSchema(t)
	for _, name := range []string{"unknown-fields", "wrong-types"} {
		if err := schema.Validate(asJSON(t, goldenManifest(t, name))); err == nil {
			t.Errorf("the schema takes %s", name)
		}
	}
	for _, text := range []string{
		`{modules: {}}`,
		`{app: {id: ""}, modules: {function: [{key: a}]}}`,
		`{app: {id: ""}, modules: {function: [{key: "a b", handler: index.run}]}}`,
		`{app: {id: ""}, modules: {scheduledTrigger: [{key: a, function: b, interval: year}]}}`,
		`{app: {runtime: {memoryMB: 5}}}`,
		`{app: {id: ""}, resources: [{key: a, path: b, tunnel: {port: 70000}}]}`,
	} {
		if err := schema.Validate(asJSON(t, []byte(text))); err == nil {
			t.Errorf("the schema takes %s", text)
		}
	}
}

// TestSchemaExplains: every property carries a sentence for the editor's user.
func TestSchemaExplains(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(manifest.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	if root["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema is %v", root["$schema"])
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(path, e)
			}
		case map[string]any:
			properties, _ := v["properties"].(map[string]any)
			for name, p := range properties {
				if text, _ := p.(map[string]any)["description"].(string); !strings.HasSuffix(text, ".") {
					t.Errorf("%s.%s is explained by %q", path, name, text)
				}
				walk(path+"."+name, p)
			}
			for key, e := range v {
				if key != "properties" {
					walk(path, e)
				}
			}
		}
	}
	walk("", root)
}

func goldenManifest(t testing.TB, name string) []byte {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", "load", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	return file(a, "manifest.yml")
}
