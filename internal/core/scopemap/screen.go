package scopemap

// Sent are the named parts of a request: its query, its headers under their canonical
// names, and the fields of its form, if its body is one.
type Sent struct {
	Query  map[string][]string
	Header map[string][]string
	Form   map[string][]string
}

// Screen gives what of a request is forwarded: declared parameters and headers. Form
// fields cannot be left out of a body, so an undeclared one is refused where the operation
// declares any. Error: PARAMETER_REFUSED.
func (o *Operation) Screen(s Sent) (Sent, error) {
	kept := Sent{Query: map[string][]string{}, Header: map[string][]string{}, Form: s.Form}
	for _, part := range []struct {
		in         string
		sent, kept map[string][]string
	}{{InQuery, s.Query, kept.Query}, {InHeader, s.Header, kept.Header}} {
		for name, values := range part.sent {
			switch ok, err := o.Takes(part.in, name); {
			case err != nil:
				return Sent{}, err
			case ok:
				part.kept[name] = values
			}
		}
	}
	for name := range s.Form {
		switch ok, err := o.Takes(InForm, name); {
		case err != nil:
			return Sent{}, err
		case !ok && len(o.Form) > 0:
			return Sent{}, refusedPart(InForm, name, "the product does not declare it for this operation")
		}
	}
	return kept, nil
}
