package jsvm

import "bytes"

// opRespond ends a web trigger's call with the answer that its function returned, read
// where it lies: webResponse of kernel.js in the cases that nearly all answers are. It
// answers false, and has done nothing, for what is not a plain object of a status, headers
// that are texts and a body that is text; webResponse knows what to say of those.
func (in *Instance) opRespond(value uint64) (uint64, error) {
	e := in.e
	no := e.tags.bool(false)
	h, ok := in.heapOf()
	if !ok || in.outcome != nil || tagOf(value) != e.tags.object {
		return no, nil
	}
	w := jsonWriter{heapReader: &h, out: e.json[:0], in: in}
	e.json = nil // another call may make a text in a pause of this one
	body := e.tags.undef()
	w.add("{")
	w.answer(w.object(value), &body)
	w.add("}")
	head := bytes.Clone(w.out)
	e.keep(w.out)
	if h.gaveUp || len(head) > MaxHead || in.outcome != nil {
		return no, nil
	}
	o := &Outcome{OK: true, Head: head}
	if e.tags.isString(body) {
		o.HasBody = true
		b, err := e.text(in.meta.Context, body, in.limits.Response)
		if err != nil {
			return e.tags.bool(true), in.resultTooLong(err, in.limits.Response)
		}
		o.Body = b
	}
	in.finish(o)
	return e.tags.bool(true), nil
}

// answer writes status and headers, and finds the body.
func (w *jsonWriter) answer(o plainObject, body *uint64) {
	status, t := false, w.tags
	w.each(o, func(name uint32, v uint64) {
		key, wide := w.text(name)
		undefined := tagOf(v) == t.undefined || tagOf(v) == t.null
		switch {
		case wide:
		case string(key) == "statusCode" && tagOf(v) == t.int && uint32(v) >= 200 && uint32(v) <= 599:
			if status = true; w.out[len(w.out)-1] != '{' {
				w.add(",")
			}
			w.add(`"statusCode":`)
			w.value(v, 0)
		case string(key) == "headers" && tagOf(v) == t.object:
			if w.out[len(w.out)-1] != '{' {
				w.add(",")
			}
			w.add(`"headers":`)
			w.headers(w.object(v))
		case string(key) == "body" && t.isString(v):
			*body = v
		case undefined && (string(key) == "headers" || string(key) == "body" || string(key) == "statusText" && tagOf(v) == t.undefined):
		case string(key) == "statusCode", string(key) == "headers", string(key) == "body", string(key) == "statusText", string(key) == "outputKey":
			w.giveUp()
		}
	})
	if !o.simple || !status {
		w.giveUp()
	}
}

// headers writes each header as a list of texts.
func (w *jsonWriter) headers(o plainObject) {
	t := w.tags
	w.add("{")
	first := true
	w.each(o, func(name uint32, v uint64) {
		if !first {
			w.add(",")
		}
		first = false
		w.add(`"`)
		w.quote(w.text(name))
		w.add(`":[`)
		switch {
		case t.isString(v):
			w.value(v, 0)
		case tagOf(v) == t.object:
			list := w.object(v)
			for i := uint32(0); i < list.length && !w.gaveUp; i++ {
				if i > 0 {
					w.add(",")
				}
				item := w.u64(list.values + 8*i)
				if !t.isString(item) {
					w.giveUp()
				}
				w.value(item, 0)
			}
			if !list.list {
				w.giveUp()
			}
		default:
			w.giveUp()
		}
		w.add("]")
	})
	w.add("}")
	if !o.simple {
		w.giveUp()
	}
}
