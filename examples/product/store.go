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
	"strings"
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
}

// store keeps issues in memory and writes each change to a file before it is
// acknowledged; the file is replaced whole, so a crash leaves the old or the new one.
type store struct {
	mu   sync.RWMutex
	file string
	now  func() time.Time
	data data
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
		issue := s.make(s.data.Projects[0], lead)
		issue.Type, issue.Summary, issue.Description = x.kind, x.summary, x.text
		issue.Status, issue.Priority, issue.Labels = x.status, x.priority, []string{x.label}
		issue.Assignee = users[i%len(users)].ID
		s.data.Issues = append(s.data.Issues, issue)
	}
}

func (s *store) id() string {
	s.data.NextID++
	return strconv.Itoa(s.data.NextID)
}

func (s *store) make(p *Project, by string) *Issue {
	now := s.now().UTC()
	issue := &Issue{
		ID: s.id(), Key: fmt.Sprintf("%s-%d", p.Key, p.Next), Project: p.Key, Type: "Task", Status: "To Do", Priority: "Medium",
		Reporter: by, Created: now, Updated: now, Labels: []string{}, Properties: map[string]json.RawMessage{},
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

// issue gives a deep copy of the issue with that id or key.
func (s *store) issue(ref string) (Issue, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := s.find(ref)
	if i == nil {
		return Issue{}, errNotFound
	}
	return clone(i), nil
}

func (s *store) find(ref string) *Issue {
	for _, i := range s.data.Issues {
		if i.ID == ref || strings.EqualFold(i.Key, ref) {
			return i
		}
	}
	return nil
}

// update changes one issue; an error of fn leaves it as it was.
func (s *store) update(ref string, fn func(i *Issue) error) (Issue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(ref)
	if i == nil {
		return Issue{}, errNotFound
	}
	next := clone(i)
	if err := fn(&next); err != nil {
		return Issue{}, err
	}
	next.Updated = s.now().UTC()
	before := *i
	*i = next
	if err := s.save(); err != nil {
		*i = before
		return Issue{}, err
	}
	return clone(i), nil
}

// create adds an issue to the project with that id or key.
func (s *store) create(project, by string, fn func(i *Issue) error) (Issue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.data.Projects {
		if p.ID != project && !strings.EqualFold(p.Key, project) {
			continue
		}
		next, nextID := p.Next, s.data.NextID
		issue := s.make(p, by)
		err := fn(issue)
		if err == nil {
			s.data.Issues = append(s.data.Issues, issue)
			if err = s.save(); err != nil {
				s.data.Issues = s.data.Issues[:len(s.data.Issues)-1]
			}
		}
		if err != nil {
			p.Next, s.data.NextID = next, nextID
			return Issue{}, err
		}
		return clone(issue), nil
	}
	return Issue{}, badInput("project %q does not exist", project)
}

func (s *store) remove(ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(ref)
	if i == nil {
		return errNotFound
	}
	before := s.data.Issues
	s.data.Issues = slices.DeleteFunc(slices.Clone(before), func(x *Issue) bool { return x == i })
	if err := s.save(); err != nil {
		s.data.Issues = before
		return err
	}
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
func (s *store) changed(i *Issue, by, field, from, to string) {
	if from != to {
		i.Changes = append(i.Changes, Change{ID: s.id(), Author: by, Field: field, From: from, To: to, At: s.now().UTC()})
	}
}
