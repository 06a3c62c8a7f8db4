package trigger

import (
	"bytes"
	"encoding/json"
	"strings"
)

// result is call.WebResponse as app code may have written it.
type result struct {
	status    int
	hasStatus bool
	headers   []header
	outputKey string
}

// header is one header with its values in order.
type header struct {
	name   string
	values []string
}

// parseResult reads a result's head. What the kernel writes for plain answers is read
// without reflection, since it is on the path of each request; everything else, and
// everything wrong, is read by encoding/json, which decides.
func parseResult(raw []byte) (result, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return result{}, nil
	}
	if r, ok := parsePlain(string(raw)); ok {
		return r, nil
	}
	var got struct {
		StatusCode *int              `json:"statusCode"`
		StatusText json.RawMessage   `json:"statusText"`
		Headers    map[string]values `json:"headers"`
		OutputKey  string            `json:"outputKey"`
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		return result{}, err
	}
	r := result{outputKey: got.OutputKey}
	if got.StatusCode != nil {
		r.status, r.hasStatus = *got.StatusCode, true
	}
	for name, list := range got.Headers {
		r.headers = append(r.headers, header{name, list})
	}
	return r, nil
}

// values is a header's value, a string or a list of strings.
type values []string

// UnmarshalJSON implements json.Unmarshaler.
func (v *values) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte(`"`)) {
		*v = values{""}
		return json.Unmarshal(b, &(*v)[0])
	}
	return json.Unmarshal(b, (*[]string)(v))
}

// parsePlain reads {"statusCode":200,"headers":{"a":["b"],"c":"d"}} without blanks,
// escapes, control characters or other members; ok is false for anything else.
func parsePlain(s string) (r result, ok bool) {
	p := plain{s: s, ok: true}
	p.expect(`{"statusCode":`)
	r.status, r.hasStatus = p.number(), true
	if p.has(`,"headers":{`) && !p.has(`}`) {
		for p.ok {
			h := header{name: p.text()}
			p.expect(`:`)
			if p.has(`[`) {
				h.values = p.list()
			} else {
				h.values = []string{p.text()}
			}
			r.headers = append(r.headers, h)
			if !p.has(`,`) {
				p.expect(`}`)
				break
			}
		}
	}
	p.expect(`}`)
	return r, p.ok && p.s == ""
}

type plain struct {
	s  string // what is left
	ok bool
}

func (p *plain) has(prefix string) bool {
	rest, ok := strings.CutPrefix(p.s, prefix)
	if ok {
		p.s = rest
	}
	return ok
}

func (p *plain) expect(prefix string) { p.ok = p.has(prefix) && p.ok }

func (p *plain) number() int {
	n, i := 0, 0
	for i < len(p.s) && i < 4 && '0' <= p.s[i] && p.s[i] <= '9' {
		n = 10*n + int(p.s[i]-'0')
		i++
	}
	p.ok = p.ok && i == 3 && p.s[0] != '0' // a status; other numbers are no plain answer's
	p.s = p.s[i:]
	return n
}

func (p *plain) text() string {
	if !p.has(`"`) {
		p.ok = false
		return ""
	}
	for i := range len(p.s) {
		switch c := p.s[i]; {
		case c == '"':
			text := p.s[:i]
			p.s = p.s[i+1:]
			return text
		case c == '\\' || c < 0x20 || c >= 0x80:
			p.ok = false
			return ""
		}
	}
	p.ok = false
	return ""
}

func (p *plain) list() []string {
	if p.has(`]`) {
		return []string{}
	}
	var out []string
	for p.ok {
		out = append(out, p.text())
		if !p.has(`,`) {
			p.expect(`]`)
			break
		}
	}
	return out
}
