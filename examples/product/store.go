package tracker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// refusal is a sentence for the API's caller, in the words that Jira's callers know.
type refusal string

func (r refusal) Error() string { return string(r) }

const errNotFound refusal = "Issue does not exist or you do not have permission to see it."

// errInput marks errors of the caller's own making; what follows it is for the caller.
var errInput = errors.New("invalid input")

func badInput(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errInput, fmt.Sprintf(format, args...))
}

// data is everything that Tracker keeps.
type data struct {
	NextID   int        `json:"nextId"`
	Projects []*Project `json:"projects"`
	Issues   []*Issue   `json:"issues"`
	Records  []Record   `json:"records,omitempty"`
	// Apps are the names of apps that did something, by installation.
	Apps map[string]string `json:"apps,omitempty"`
}

// store keeps issues in memory and writes each change to a file before it is
// acknowledged; the file is replaced whole, so a crash leaves the old or the new one.
type store struct {
	mu   sync.RWMutex
	file string
	now  func() time.Time
	data data
	// told is told of each change that is kept, with the lock held; it may be nil.
	told func(act string, in Project, i Issue, by caller, changes []Change)
	// names are those of data.Apps, for whoever holds no lock or holds it already.
	names sync.Map
}

func openStore(file string, users []User, now func() time.Time) (*store, error) {
	s := &store{file: file, now: now}
	if file != "" {
		raw, err := os.ReadFile(file)
		switch {
		case err == nil:
			if err := json.Unmarshal(raw, &s.data); err != nil {
				return nil, fmt.Errorf("read %s: %w", filepath.Base(file), err)
			}
			for installation, name := range s.data.Apps {
				s.names.Store(installation, name)
			}
			return s, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	s.seed(users)
	return s, s.save()
}

func (s *store) seed(users []User) {
	lead := users[0].ID
	for _, u := range users {
		if u.Admin {
			lead = u.ID
			break
		}
	}
	s.data.NextID = 10000
	s.data.Projects = []*Project{{ID: s.id(), Key: "DEMO", Name: "Demo project", Lead: lead, Next: 1}}
	for i, x := range sample {
		issue := s.make(s.data.Projects[0], caller{User: User{ID: lead}})
		issue.Type, issue.Summary, issue.Description = x.kind, x.summary, x.text
		issue.Status, issue.Priority, issue.Labels = x.status, x.priority, []string{x.label}
		issue.Assignee = users[i%len(users)].ID
		s.data.Issues = append(s.data.Issues, issue)
	}
	private := &Project{ID: s.id(), Key: "PLAN", Name: "Plans", Lead: lead, Next: 1, Private: true, Members: []string{lead}}
	s.data.Projects = append(s.data.Projects, private)
	issue := s.make(private, caller{User: User{ID: lead}})
	issue.Summary, issue.Description = "Choose who joins the team", "Seen by the members of this project only."
	s.data.Issues = append(s.data.Issues, issue)
}

func (s *store) id() string {
	s.data.NextID++
	return strconv.Itoa(s.data.NextID)
}

func (s *store) make(p *Project, by caller) *Issue {
	now := s.now().UTC()
	issue := &Issue{
		ID: s.id(), Key: fmt.Sprintf("%s-%d", p.Key, p.Next), Project: p.Key, Type: "Task", Status: "To Do", Priority: "Medium",
		Reporter: by.ID, Via: by.via(), Created: now, Updated: now, Labels: []string{}, Properties: map[string]json.RawMessage{},
	}
	p.Next++
	return issue
}

// save writes the file; the caller holds the lock.
func (s *store) save() error {
	if s.file == "" {
		return nil
	}
	raw, err := json.MarshalIndent(s.data, "", " ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(s.file), ".tracker-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(raw); err != nil {
		tmp.Close()
		return err
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), s.file)
}

// read runs fn on the data. fn must copy what it keeps.
func (s *store) read(fn func(d *data)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	fn(&s.data)
}

// issue gives a deep copy of the issue with that id or key, if the user may see it.
func (s *store) issue(ref string, u User) (Issue, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := s.data.find(ref, u)
	if i == nil {
		return Issue{}, errNotFound
	}
	return clone(i), nil
}

// update changes one issue that the caller may see, and records the act with it; an error
// of fn leaves all as it was.
func (s *store) update(ref string, c caller, act string, fn func(i *Issue) error) (Issue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.data.find(ref, c.User)
	if i == nil {
		return Issue{}, errNotFound
	}
	next := clone(i)
	if err := fn(&next); err != nil {
		return Issue{}, err
	}
	next.Updated = s.now().UTC()
	before, records := *i, s.data.Records
	*i = next
	s.record(c, act, i.Key)
	if err := s.save(); err != nil {
		*i, s.data.Records = before, records
		return Issue{}, err
	}
	s.tell(act, i, c, i.Changes[len(before.Changes):])
	return clone(i), nil
}

// tell tells of a change; never of a private project's, which apps do not see.
func (s *store) tell(act string, i *Issue, by caller, changes []Change) {
	at := slices.IndexFunc(s.data.Projects, func(p *Project) bool { return p.Key == i.Project })
	if s.told != nil && at >= 0 && !s.data.Projects[at].Private {
		s.told(act, *s.data.Projects[at], clone(i), by, slices.Clone(changes))
	}
}

// create adds an issue to the project with that id or key.
func (s *store) create(project string, by caller, fn func(i *Issue) error) (Issue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.data.project(project, by.User)
	if p == nil || !p.open(by.User) {
		return Issue{}, badInput("project %q does not exist", project)
	}
	next, nextID, issues, records := p.Next, s.data.NextID, s.data.Issues, s.data.Records
	issue := s.make(p, by)
	err := fn(issue)
	if err == nil {
		s.data.Issues = append(issues[:len(issues):len(issues)], issue)
		s.record(by, "issue.create", issue.Key)
		err = s.save()
	}
	if err != nil {
		p.Next, s.data.NextID, s.data.Issues, s.data.Records = next, nextID, issues, records
		return Issue{}, err
	}
	s.tell("issue.create", issue, by, nil)
	return clone(issue), nil
}

// addProject adds a project; a private one has its creator as its only member.
func (s *store) addProject(p Project, by caller) (Project, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, have := range s.data.Projects {
		if have.is(p.Key) {
			return Project{}, badInput("projectKey: there is a project with this key")
		}
	}
	nextID, projects, records := s.data.NextID, s.data.Projects, s.data.Records
	p.ID, p.Lead, p.Next = s.id(), by.ID, 1
	if p.Private {
		p.Members = []string{by.ID}
	}
	s.data.Projects = append(projects[:len(projects):len(projects)], &p)
	s.record(by, "project.create", p.Key)
	if err := s.save(); err != nil {
		s.data.NextID, s.data.Projects, s.data.Records = nextID, projects, records
		return Project{}, err
	}
	return p, nil
}

func (s *store) remove(ref string, c caller) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.data.find(ref, c.User)
	if i == nil {
		return errNotFound
	}
	before, records := s.data.Issues, s.data.Records
	s.data.Issues = slices.DeleteFunc(slices.Clone(before), func(x *Issue) bool { return x == i })
	s.record(c, "issue.delete", i.Key)
	if err := s.save(); err != nil {
		s.data.Issues, s.data.Records = before, records
		return err
	}
	s.tell("issue.delete", i, c, nil)
	return nil
}

// clone copies deeply by way of the stored form.
func clone(i *Issue) Issue {
	c := *i
	c.Labels = slices.Clone(i.Labels)
	c.Comments = slices.Clone(i.Comments)
	c.Changes = slices.Clone(i.Changes)
	c.Properties = make(map[string]json.RawMessage, len(i.Properties))
	for k, v := range i.Properties {
		c.Properties[k] = slices.Clone(v)
	}
	return c
}

// changed notes a change of a field in the issue's history.
func (s *store) changed(i *Issue, by caller, field, from, to string) {
	if from != to {
		i.Changes = append(i.Changes, Change{ID: s.id(), Author: by.ID, Via: by.via(), Field: field, From: from, To: to, At: s.now().UTC()})
	}
}
