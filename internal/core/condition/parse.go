package condition

import "unicode/utf8"

// A node of an expression.
type (
	node any

	literal struct{ value any }
	lookup  struct{ name string }
	list    struct{ items []node }
	object  struct {
		keys   []string
		values []node
	}
	member struct {
		of, key node
		safe    bool // ?.
	}
	method struct {
		of   node
		name string
		args []node
		safe bool
	}
	// chain is where a ?. that found null leads to.
	chain struct{ of node }
	unary struct {
		op string
		of node
	}
	binary struct {
		op          string
		left, right node
	}
	choice struct{ when, then, other node }
	lambda struct {
		params []string
		body   node
	}
	let struct {
		name      string
		value, in node
	}
)

type parser struct {
	text   string
	at     int
	tok    token
	nested int
}

func (p *parser) advance() (err error) {
	p.tok, err = p.next()
	return err
}

func (p *parser) is(s string) bool { return p.tok.kind == sign && p.tok.text == s }

// take goes on if the token is s.
func (p *parser) take(s string) (bool, error) {
	if !p.is(s) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) want(s string) error {
	ok, err := p.take(s)
	if err == nil && !ok {
		err = p.wrong(p.tok.at, "there should be "+s)
	}
	return err
}

// program is declarations, and what they are for.
func (p *parser) program() (node, error) {
	if !utf8.ValidString(p.text) || utf8.RuneCountInString(p.text) > MaxLength {
		return nil, p.wrong(0, "an expression has at most 10,000 characters of UTF-8")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.declared()
	if err != nil {
		return nil, err
	}
	if _, err := p.take(";"); err != nil {
		return nil, err
	}
	if p.tok.kind != end {
		return nil, p.wrong(p.tok.at, "nothing should follow here")
	}
	return n, nil
}

func (p *parser) declared() (node, error) {
	if p.tok.kind != name || p.tok.text != "let" {
		return p.expression()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.advance(); err != nil {
		return nil, err
	}
	called, err := p.identifier()
	if err == nil {
		err = p.want("=")
	}
	if err != nil {
		return nil, err
	}
	v, err := p.expression()
	if err == nil {
		err = p.want(";")
	}
	if err != nil {
		return nil, err
	}
	in, err := p.declared()
	return let{called, v, in}, err
}

func (p *parser) identifier() (string, error) {
	if p.tok.kind != name || reserved[p.tok.text] {
		return "", p.wrong(p.tok.at, "there should be a name")
	}
	n := p.tok.text
	return n, p.advance()
}

var reserved = map[string]bool{"let": true, "typeof": true, "true": true, "false": true, "null": true, "undefined": true, "if": true, "new": true, "return": true}

func (p *parser) enter() error {
	if p.nested++; p.nested > maxNested {
		return p.wrong(p.tok.at, "this is nested too deeply")
	}
	return nil
}

func (p *parser) leave() { p.nested-- }

func (p *parser) expression() (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if f, ok, err := p.function(); ok || err != nil {
		return f, err
	}
	when, err := p.infix(0)
	if err != nil {
		return nil, err
	}
	ok, err := p.take("?")
	if !ok || err != nil {
		return when, err
	}
	then, err := p.expression()
	if err == nil {
		err = p.want(":")
	}
	if err != nil {
		return nil, err
	}
	other, err := p.expression()
	return choice{when, then, other}, err
}

// function reads x => …, (x, y) => …, or nothing.
func (p *parser) function() (node, bool, error) {
	back := *p
	var params []string
	switch {
	case p.tok.kind == name && !reserved[p.tok.text]:
		params = []string{p.tok.text}
		if err := p.advance(); err != nil {
			return nil, false, err
		}
	case p.is("("):
		for more := true; more; {
			if p.advance() != nil || len(params) == 0 && p.is(")") {
				break
			}
			n, err := p.identifier()
			if err != nil {
				*p = back
				return nil, false, nil
			}
			params, more = append(params, n), p.is(",")
		}
		if ok, err := p.take(")"); !ok || err != nil {
			*p = back
			return nil, false, nil
		}
	default:
		return nil, false, nil
	}
	if !p.is("=>") {
		*p = back
		return nil, false, nil
	}
	if err := p.advance(); err != nil {
		return nil, false, err
	}
	body, err := p.expression()
	return lambda{params, body}, true, err
}

// binding says how tightly signs bind.
var binding = map[string]int{
	"??": 1, "||": 1, "&&": 2, "==": 3, "!=": 3, "===": 3, "!==": 3, "<": 4, ">": 4, "<=": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}

func (p *parser) infix(above int) (node, error) {
	left, err := p.prefix()
	for err == nil && p.tok.kind == sign && binding[p.tok.text] > above {
		op := p.tok.text
		if err = p.advance(); err != nil {
			break
		}
		var right node
		if right, err = p.infix(binding[op]); err == nil {
			left = binary{op, left, right}
		}
	}
	return left, err
}

func (p *parser) prefix() (node, error) {
	op := p.tok.text
	if !p.is("!") && !p.is("-") && (p.tok.kind != name || op != "typeof") {
		return p.postfix()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.advance(); err != nil {
		return nil, err
	}
	of, err := p.prefix()
	return unary{op, of}, err
}
