package csp

import "testing"

// Scripts feed whole files of vectors to `annex explain egress`: each line has its answer,
// and what is not understood is named instead of guessed.
func TestExplainLine(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"blank", " ", ""},
		{"admitted", `{"id":"a","kind":"csp","patterns":["https://x.example"],"url":"https://x.example/"}`, `{"id":"a","allow":true,"reason":"admitted by https://x.example","rule":"csp-source"}`},
		{"refused", `{"id":"b","kind":"csp","patterns":[],"url":"https://x.example/"}`, `{"id":"b","allow":false,"reason":"no source admits it","rule":"csp-no-source"}`},
		{"page's origin", `{"id":"c","kind":"csp","patterns":["'self'"],"url":"https://x.example/","origin":"https://x.example"}`, `{"id":"c","allow":true,"reason":"admitted by 'self'","rule":"csp-source"}`},
		{"path after a redirect", `{"id":"d","kind":"csp","patterns":["https://x.example/a"],"url":"https://x.example/b","redirect_count":1}`, `{"id":"d","allow":true,"reason":"admitted by https://x.example/a","rule":"csp-source"}`},
		{"unknown field", `{"id":"e","kind":"csp","patterns":[],"url":"x","zz":1,"aa":2}`, `{"id":"e","skipped":true,"reason":"the field \"aa\" is not known for kind csp"}`},
		{"no url", `{"id":"f","kind":"csp","patterns":[]}`, `{"id":"f","error":"a vector of kind csp needs the fields patterns and url","line":7}`},
		{"another kind", `{"id":"g","kind":"pattern","pattern":"x.example"}`, `{"id":"g","allow":true,"reason":"kept as https://x.example","rule":"pattern-valid"}`},
		{"no object", `[]`, `{"error":"not a JSON object: array in the place of an object","line":9}`},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(ExplainLine(i+1, []byte(tt.line))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
