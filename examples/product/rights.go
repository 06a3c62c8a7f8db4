package tracker

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// What Tracker's users may do. An app has no rights of its own beyond these: as a user it
// has that user's, as itself those of everybody. Its token's scope narrows them further.
//
//	                        members      others      an app as itself
//	projects for all        read, write  read, write read, write
//	private projects        read, write  nothing     nothing, unless it is made a member
//	delete issues           admins       admins      nothing
//	others' comments        admins       admins      nothing
//	projects, the records   admins       admins      nothing

// visible reports whether a user may see a project and what is in it.
func (p *Project) visible(u User) bool { return !p.Private || slices.Contains(p.Members, u.ID) }

// open reports whether what is in a project is there for who asks: a site's admin can keep
// an app from single projects, of which it learns no more than that they exist.
func (p *Project) open(u User) bool { return u.kept == nil || !u.kept.Blocked("project", p.ID, p.Key) }

// find is the issue with that id or key, nil for none that the user may see: what is not
// theirs to see is not there.
func (d *data) find(ref string, u User) *Issue {
	for _, i := range d.Issues {
		if i.is(ref) && d.shown(i, u) {
			return i
		}
	}
	return nil
}

func (d *data) shown(i *Issue, u User) bool {
	p := d.project(i.Project, u)
	return p != nil && p.open(u)
}

// project is the project with that id or key, nil for none that the user may see.
func (d *data) project(ref string, u User) *Project {
	for _, p := range d.Projects {
		if p.is(ref) && p.visible(u) {
			return p
		}
	}
	return nil
}

// visible are the projects that a user may see.
func (d *data) visible(u User) (out []*Project) {
	for _, p := range d.Projects {
		if p.visible(u) {
			out = append(out, p)
		}
	}
	return out
}

// Record says who did what: Tracker's own trail, which its admins read.
type Record struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Who    string    `json:"who"`           // "Alice", "Time sheets on behalf of Alice", "Time sheets"
	User   string    `json:"user"`          // whose rights counted
	App    string    `json:"app,omitempty"` // the installation, if an app did it
	Act    string    `json:"act"`
	Object string    `json:"object"`
}

const maxRecords = 1000

// record notes an act with the change that it is; the caller holds the lock and saves.
func (s *store) record(c caller, act, object string) {
	s.data.Records = append(s.data.Records, Record{ID: s.id(), At: s.now().UTC(), Who: c.String(), User: c.ID, App: c.via(), Act: act, Object: object})
	if over := len(s.data.Records) - maxRecords; over > 0 {
		s.data.Records = slices.Clone(s.data.Records[over:])
	}
	if c.app != nil {
		if s.data.Apps == nil {
			s.data.Apps = map[string]string{}
		}
		s.data.Apps[c.app.installation] = c.app.name
		s.names.Store(c.app.installation, c.app.name)
	}
}

// records is what an admin sees of the trail, newest first.
func (t *Tracker) records(r *http.Request) (int, any, error) {
	if !userOf(r).Admin {
		return 0, nil, errForbidden
	}
	out := []any{}
	for _, x := range t.store.trail() {
		if !t.store.open(x.Object, userOf(r)) {
			continue
		}
		out = append(out, map[string]any{
			"id": x.ID, "created": jiraTime(x.At), "summary": x.Act, "description": x.Who, "authorAccountId": x.User,
			"via": x.App, "objectItem": map[string]any{"name": x.Object},
		})
	}
	start, limit := page(r, 100)
	return http.StatusOK, map[string]any{"records": cut(out, start, limit), "total": len(out), "offset": start, "limit": limit}, nil
}

// open reports whether an object of the trail is there for who asks: an issue's key begins
// with its project's.
func (s *store) open(object string, u User) bool {
	open := true
	s.read(func(d *data) {
		for _, p := range d.Projects {
			open = open && (p.open(u) || !strings.HasPrefix(object, p.Key+"-"))
		}
	})
	return open
}

func (s *store) trail() (out []Record) {
	s.read(func(d *data) { out = slices.Clone(d.Records) })
	slices.Reverse(out)
	return out
}
