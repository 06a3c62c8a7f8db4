package scopemap

// Telling reports whether a field of a body, by name and format, says something about
// authority: a credential, or an address that the product may contact.
func Telling(name, format string) bool { return false }

// classify says which class an operation is of, where its request names hosts that the
// product will contact, and why in words. "" is none.
func classify(d *Described) (class string, fields []EgressField, why string) {
	return "", nil, ""
}
