package condition

// postfix reads a value and what is taken of it.
func (p *parser) postfix() (node, error) {
	n, err := p.primary()
	safe := false
	for err == nil {
		was := n
		if n, err = p.part(n, &safe); err != nil || n == nil {
			n = was
			break
		}
	}
	if err == nil && safe {
		n = chain{n}
	}
	return n, err
}

// part reads one .name, [key] or call behind a value; nil if there is none.
func (p *parser) part(of node, any *bool) (node, error) {
	safe := p.is("?.")
	*any = *any || safe
	switch {
	case p.is("[") && !safe:
		return p.computed(of, false)
	case !p.is(".") && !safe:
		return nil, nil
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if safe && p.is("[") {
		return p.computed(of, true)
	}
	if p.tok.kind != name {
		return nil, p.wrong(p.tok.at, "there should be the name of a member")
	}
	key := p.tok.text
	if err := p.advance(); err != nil {
		return nil, err
	}
	if !p.is("(") {
		return member{of, literal{key}, safe}, nil
	}
	if !methods[key] {
		return nil, p.wrong(p.tok.at, "there is no method "+key)
	}
	args, err := p.items("(", ")")
	return method{of, key, args, safe}, err
}

func (p *parser) computed(of node, safe bool) (node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	key, err := p.expression()
	if err == nil {
		err = p.want("]")
	}
	return member{of, key, safe}, err
}

// items reads expressions between two signs.
func (p *parser) items(open, shut string) (out []node, err error) {
	if err := p.want(open); err != nil {
		return nil, err
	}
	for !p.is(shut) {
		n, err := p.expression()
		if err != nil {
			return nil, err
		}
		out = append(out, n)
		if ok, err := p.take(","); err != nil {
			return nil, err
		} else if !ok {
			break
		}
	}
	return out, p.want(shut)
}

var words = map[string]any{"true": true, "false": false, "null": nil, "undefined": nil}

func (p *parser) primary() (node, error) {
	t := p.tok
	switch {
	case t.kind == number:
		return literal{t.value}, p.advance()
	case t.kind == text:
		return literal{t.text}, p.advance()
	case t.kind == name:
		if v, ok := words[t.text]; ok {
			return literal{v}, p.advance()
		}
		n, err := p.identifier()
		return lookup{n}, err
	case p.is("["):
		items, err := p.items("[", "]")
		return list{items}, err
	case p.is("{"):
		return p.object()
	case p.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.expression()
		if err == nil {
			err = p.want(")")
		}
		return n, err
	}
	return nil, p.wrong(t.at, "there should be a value")
}

func (p *parser) object() (node, error) {
	if err := p.want("{"); err != nil {
		return nil, err
	}
	var o object
	for !p.is("}") {
		if p.tok.kind != name && p.tok.kind != text {
			return nil, p.wrong(p.tok.at, "there should be the name of a member")
		}
		o.keys = append(o.keys, p.tok.text)
		if err := p.advance(); err != nil {
			return nil, err
		}
		if err := p.want(":"); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		o.values = append(o.values, v)
		if ok, err := p.take(","); err != nil {
			return nil, err
		} else if !ok {
			break
		}
	}
	return o, p.want("}")
}
