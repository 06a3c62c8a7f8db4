package tracker

import (
	"encoding/json"
	"strings"
	"time"
)

// Project groups issues under a key.
type Project struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Name string `json:"name"`
	Lead string `json:"lead"`
	Next int    `json:"next"` // number of the next issue
	// Private projects are seen by their members only, by account id.
	Private bool     `json:"private,omitempty"`
	Members []string `json:"members,omitempty"`
}

func (p *Project) is(ref string) bool { return p.ID == ref || strings.EqualFold(p.Key, ref) }

// Issue is one thing to do.
type Issue struct {
	ID          string                     `json:"id"`
	Key         string                     `json:"key"`
	Project     string                     `json:"project"` // key
	Type        string                     `json:"type"`
	Summary     string                     `json:"summary"`
	Description string                     `json:"description"`
	Status      string                     `json:"status"`
	Priority    string                     `json:"priority"`
	Labels      []string                   `json:"labels"`
	Assignee    string                     `json:"assignee,omitempty"`
	Reporter    string                     `json:"reporter"`
	Via         string                     `json:"via,omitempty"` // the app that created it, by installation
	Created     time.Time                  `json:"created"`
	Updated     time.Time                  `json:"updated"`
	Comments    []Comment                  `json:"comments"`
	Changes     []Change                   `json:"changes"`
	Properties  map[string]json.RawMessage `json:"properties"`
}

func (i *Issue) is(ref string) bool { return i.ID == ref || strings.EqualFold(i.Key, ref) }

// Comment is what a user said of an issue.
type Comment struct {
	ID      string    `json:"id"`
	Author  string    `json:"author"`
	Via     string    `json:"via,omitempty"` // the app that wrote it, by installation
	Body    string    `json:"body"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// Change is one entry of an issue's history.
type Change struct {
	ID     string    `json:"id"`
	Author string    `json:"author"`
	Via    string    `json:"via,omitempty"`
	Field  string    `json:"field"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	At     time.Time `json:"at"`
}

// status is a column of the board; its category colours it.
type status struct{ ID, Name, Category string }

var statuses = []status{
	{"1", "To Do", "new"},
	{"2", "In Progress", "indeterminate"},
	{"3", "Done", "done"},
}

var issueTypes = []struct{ ID, Name string }{{"10001", "Task"}, {"10002", "Bug"}, {"10003", "Story"}}

var priorities = []struct{ ID, Name string }{{"1", "Highest"}, {"2", "High"}, {"3", "Medium"}, {"4", "Low"}}

func statusByID(id string) (status, bool) {
	for _, s := range statuses {
		if s.ID == id {
			return s, true
		}
	}
	return status{}, false
}

func statusByName(name string) status {
	for _, s := range statuses {
		if s.Name == name {
			return s
		}
	}
	return statuses[0]
}

// sample is the project that a new Tracker starts with.
var sample = []struct{ kind, summary, text, status, priority, label string }{
	{"Story", "Welcome tour for new users", "Three steps, skippable, never shown twice.", "In Progress", "High", "onboarding"},
	{"Bug", "Search forgets the last filter", "Open search, choose a filter, reload: the filter is gone.", "To Do", "Medium", "search"},
	{"Task", "Write the release notes", "One page: what is new, what changed, what to do.", "To Do", "Medium", "docs"},
	{"Bug", "Dates are shown in the server's time zone", "They should follow the reader.", "Done", "High", "i18n"},
	{"Story", "Keyboard shortcuts on the board", "j and k to move, o to open, c to create.", "To Do", "Low", "a11y"},
}
