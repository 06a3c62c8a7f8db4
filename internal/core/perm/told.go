package perm

// Told is what a set permits as an app reads it, of itself and of its pages alike: scopes,
// addresses by the names that manifests use, and the remotes that have an address.
func Told(s Set) map[string]any {
	scopes := make([]string, 0, len(s.Scopes))
	for _, sc := range s.Scopes {
		scopes = append(scopes, sc.Name)
	}
	by := map[EgressType][]string{}
	for _, t := range EgressTypes {
		by[t] = []string{}
	}
	for _, e := range s.Egress {
		by[e.Type] = append(by[e.Type], e.Pattern.String())
	}
	return map[string]any{"scopes": scopes, "external": map[string]any{
		"fetch":  map[string]any{"backend": by[Backend], "client": by[Client]},
		"images": by[Images], "media": by[Media], "scripts": by[Scripts], "styles": by[Styles], "fonts": by[Fonts],
		"frames": by[Frames], "navigation": by[Navigation],
	}, "remotes": Reachable(s)}
}
