package hostrule

import "strings"

// JoinPath resolves what an app asks of a named remote as a browser resolves a link: a
// path with a leading slash begins at the host's root, another one below the base, an
// absolute URL stands for itself. The result stays on the base's scheme, host and port,
// or there is an error.
func JoinPath(base URL, path string) (URL, error) {
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
	}
	base.Query = ""
	u, err := ParseRef(base, path)
	if err != nil {
		return URL{}, err
	}
	if !u.SameOrigin(base) {
		return URL{}, refuse("remote-origin", "the path leads to another host", "write a path below "+base.Origin())
	}
	return u, nil
}
