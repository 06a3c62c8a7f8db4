package tracker

import (
	"regexp"
	"slices"
	"sort"
	"strings"
)

// jql is a small part of Jira's query language: conditions joined by AND, with the
// operators =, !=, ~, in and not in, and ORDER BY. Anything else is refused by name.
type jql struct {
	terms []term
	order string
	desc  bool
}

type term struct {
	field  string
	negate bool
	like   bool
	values []string
}

var (
	orderBy   = regexp.MustCompile(`(?is)\s*\border\s+by\s+([a-z]+)(?:\s+(asc|desc))?\s*$`)
	and       = regexp.MustCompile(`(?i)\s+and\s+`)
	condition = regexp.MustCompile(`(?is)^\s*([a-z]+)\s*(=|!=|~|not\s+in|in)\s*(.+?)\s*$`)
)

var sortable = []string{"created", "updated", "key", "priority", "status", "summary"}

func parseJQL(text, me string) (jql, error) {
	q := jql{order: "created"}
	if m := orderBy.FindStringSubmatchIndex(text); m != nil {
		q.order = strings.ToLower(text[m[2]:m[3]])
		q.desc = m[4] >= 0 && strings.EqualFold(text[m[4]:m[5]], "desc")
		text = text[:m[0]]
		if !slices.Contains(sortable, q.order) {
			return jql{}, badInput("Tracker cannot order by '%s'", q.order)
		}
	}
	if strings.TrimSpace(text) == "" {
		return q, nil
	}
	for _, part := range and.Split(text, -1) {
		m := condition.FindStringSubmatch(part)
		if m == nil {
			return jql{}, badInput("Error in the JQL Query: '%s' is not understood", strings.TrimSpace(part))
		}
		op := strings.ToLower(strings.Join(strings.Fields(m[2]), " "))
		t := term{field: strings.ToLower(m[1]), negate: op == "!=" || op == "not in", like: op == "~"}
		values := m[3]
		if strings.HasSuffix(op, "in") {
			values = strings.TrimSuffix(strings.TrimPrefix(values, "("), ")")
		}
		for _, v := range strings.Split(values, ",") {
			v = strings.Trim(strings.TrimSpace(v), `"'`)
			if strings.EqualFold(v, "currentUser()") {
				v = me
			}
			t.values = append(t.values, v)
		}
		if _, ok := t.of(&Issue{}); !ok {
			return jql{}, badInput("Field '%s' does not exist or you do not have permission to view it.", t.field)
		}
		q.terms = append(q.terms, t)
	}
	return q, nil
}

// of gives the issue's values of the term's field.
func (t term) of(i *Issue) ([]string, bool) {
	switch t.field {
	case "project":
		return []string{i.Project}, true
	case "key", "issuekey", "issue", "id":
		return []string{i.Key, i.ID}, true
	case "status":
		return []string{i.Status}, true
	case "statuscategory":
		c := statusByName(i.Status).Category
		return []string{c, map[string]string{"new": "To Do", "indeterminate": "In Progress", "done": "Done"}[c]}, true
	case "assignee":
		if i.Assignee == "" {
			return []string{"EMPTY"}, true
		}
		return []string{i.Assignee}, true
	case "reporter", "creator":
		return []string{i.Reporter}, true
	case "priority":
		return []string{i.Priority}, true
	case "issuetype", "type":
		return []string{i.Type}, true
	case "labels":
		return i.Labels, true
	case "summary":
		return []string{i.Summary}, true
	case "description":
		return []string{i.Description}, true
	case "text":
		return []string{i.Summary, i.Description}, true
	}
	return nil, false
}

func (t term) match(i *Issue) bool {
	have, _ := t.of(i)
	for _, h := range have {
		for _, want := range t.values {
			if strings.EqualFold(h, want) || t.like && strings.Contains(strings.ToLower(h), strings.ToLower(strings.Trim(want, "*"))) {
				return !t.negate
			}
		}
	}
	return t.negate
}

func (q jql) match(i *Issue) bool {
	for _, t := range q.terms {
		if !t.match(i) {
			return false
		}
	}
	return true
}

func (q jql) sort(issues []Issue) {
	less := func(a, b *Issue) bool {
		switch q.order {
		case "updated":
			return a.Updated.Before(b.Updated)
		case "key":
			return len(a.Key) < len(b.Key) || len(a.Key) == len(b.Key) && a.Key < b.Key
		case "priority":
			return priorityID(a.Priority) < priorityID(b.Priority)
		case "status":
			return statusByName(a.Status).ID < statusByName(b.Status).ID
		case "summary":
			return a.Summary < b.Summary
		default:
			return a.Created.Before(b.Created)
		}
	}
	sort.SliceStable(issues, func(x, y int) bool {
		if q.desc {
			return less(&issues[y], &issues[x])
		}
		return less(&issues[x], &issues[y])
	})
}
