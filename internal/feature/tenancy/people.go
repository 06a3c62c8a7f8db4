package tenancy

import (
	"net/url"
	"strings"

	"go.yaml.in/yaml/v4"
)

// People says how the platform asks the product who somebody is: for names and pictures
// beside account ids, and for those whose name holds a text.
type People struct {
	// Person and Search are below the API's base URL, with {id} and {text} in them.
	Person string `json:"person"`
	Search string `json:"search,omitempty"`
	// List is the field of the search's answer that holds the people, "" for the answer itself.
	List string `json:"list,omitempty"`
	// ID and Name are fields of a person, with dots between them.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Avatar is a field with the picture's address, or a path of the API with {id} in it.
	Avatar string `json:"avatar,omitempty"`
	// AvatarHosts are origins besides the API's from which such an address is fetched.
	AvatarHosts []string `json:"avatarHosts,omitempty"`
	// Scopes are what the platform's token carries.
	Scopes []string `json:"scopes,omitempty"`
}

// AvatarPath is the path with {id} of pictures, "" where their addresses are a field.
func (p *People) AvatarPath() string {
	if strings.HasPrefix(p.Avatar, "/") {
		return p.Avatar
	}
	return ""
}

func (r *reader) people(n *yaml.Node) *People {
	var p People
	const fieldFix = "write the name of a field, of one inside another as outer.inner"
	asks := func(what, hole string, to *string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			r.text(n, what, to, 1000, asksWith(hole), "write a path that starts with a slash and has {"+hole+"} once where that belongs")
		}
	}
	field := func(what string, to *string) func(*yaml.Node) {
		return func(n *yaml.Node) { r.text(n, what, to, 200, fieldPath, fieldFix) }
	}
	r.fields(n, "people", map[string]func(*yaml.Node){
		"person": asks("person", "id", &p.Person),
		"search": asks("search", "text", &p.Search),
		"list":   field("list", &p.List),
		"id":     field("id", &p.ID),
		"name":   field("name", &p.Name),
		"avatar": func(n *yaml.Node) {
			known := func(s string) bool { return fieldPath(s) || asksWith("id")(s) }
			r.text(n, "avatar", &p.Avatar, 1000, known, fieldFix+", or a path of the API with {id} in it")
		},
		"avatarHosts": func(n *yaml.Node) {
			r.texts(n, "avatarHosts", &p.AvatarHosts, 300, origin, "write SCHEME://HOST or SCHEME://HOST:PORT, nothing after it")
		},
		"scopes": func(n *yaml.Node) {
			r.texts(n, "scopes", &p.Scopes, 128, scopeForm.MatchString, "name scopes of the product")
		},
	}, "person", "id", "name")
	return &p
}

// asksWith takes paths in which a place is left once for something.
func asksWith(hole string) func(string) bool {
	return func(s string) bool {
		hole := "{" + hole + "}"
		rest := strings.ReplaceAll(s, hole, "x")
		u, err := url.Parse(rest)
		return err == nil && strings.Count(s, hole) == 1 && strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "//") && !strings.ContainsAny(rest, "{}\\#; ") &&
			u.Host == "" && !strings.Contains("/"+u.Path+"/", "/../")
	}
}

func fieldPath(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.ContainsAny(part, "/{}[]$*\"' ") {
			return false
		}
	}
	return true
}
