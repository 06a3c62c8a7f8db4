package tracker

import (
	"net/http"
	"slices"
	"strconv"
)

// asked are permissions on projects and issues, by id; apps write ids as numbers or texts.
type asked struct {
	Permissions []string `json:"permissions"`
	Projects    []any    `json:"projects"`
	Issues      []any    `json:"issues"`
}

// maxAsked bounds what one question may name.
const maxAsked = 1000

// checkPermissions says which of the permissions the calling user has, and on which of the
// projects and issues. What the user may not see is left out, as what is not there.
func (t *Tracker) checkPermissions(r *http.Request) (int, any, error) {
	var body struct {
		AccountID string   `json:"accountId"`
		Global    []string `json:"globalPermissions"`
		Project   []asked  `json:"projectPermissions"`
	}
	if err := decodeBody(r, &body); err != nil {
		return 0, nil, err
	}
	u := userOf(r)
	if body.AccountID != "" && body.AccountID != u.ID {
		return 0, nil, errForbidden
	}
	global, project := []string{}, []any{}
	for _, p := range body.Global {
		if permitted(u, p) {
			global = append(global, p)
		}
	}
	size := 0
	for _, q := range body.Project {
		if size += len(q.Permissions) * (1 + len(q.Projects) + len(q.Issues)); size > maxAsked {
			return 0, nil, badInput("projectPermissions: %d answers at once", maxAsked)
		}
		for _, p := range q.Permissions {
			found := map[string]any{"permission": p, "projects": []int{}, "issues": []int{}}
			if permitted(u, p) {
				found["projects"], found["issues"] = t.seen(u, q)
			}
			project = append(project, found)
		}
	}
	return http.StatusOK, map[string]any{"globalPermissions": global, "projectPermissions": project}, nil
}

// seen are the ids of the projects and issues that the user may see.
func (t *Tracker) seen(u User, q asked) (projects, issues []int) {
	projects, issues = []int{}, []int{}
	t.store.read(func(d *data) {
		for _, id := range ids(q.Projects) {
			if p := d.project(strconv.Itoa(id), u); p != nil {
				projects = append(projects, id)
			}
		}
		for _, id := range ids(q.Issues) {
			if i := d.find(strconv.Itoa(id), u); i != nil {
				issues = append(issues, id)
			}
		}
	})
	return projects, issues
}

func ids(all []any) []int {
	var out []int
	for _, v := range all {
		switch v := v.(type) {
		case float64:
			out = append(out, int(v))
		case string:
			if n, err := strconv.Atoi(v); err == nil {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
