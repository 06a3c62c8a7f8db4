package perm

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// Words gives a product's words for a scope: a title ("Read issues"), what data that
// is, and the risk. ok is false for a scope without words.
type Words func(scope string) (title, detail, risk string, ok bool)

// Group is a heading under which an admin reads what a set permits.
type Group string

// The groups, in the order in which they are shown.
const (
	Reads   Group = "data"    // what it reads and changes, and is told of
	Sends   Group = "sends"   // where it can send data
	Callers Group = "callers" // who can call it and be handed data
	Runs    Group = "runs"    // how it runs
	Later   Group = "later"   // what it may ask for at run time
)

// Groups are all groups, in the order in which they are shown.
var Groups = []Group{Reads, Sends, Callers, Runs, Later}

// Line is one sentence about a set, for an admin who decides on it. Its text is the
// platform's own and the product's; names that the app chose are quoted.
type Line struct {
	Group Group  `json:"group"`
	Title string `json:"title"`
	// Items are what Title speaks of: hosts, in ASCII and never shortened.
	Items  []string `json:"items,omitempty"`
	Detail string   `json:"detail,omitempty"`
	// Risk is the product's word for a scope ("low", "medium", "high"), or "".
	Risk string `json:"risk,omitempty"`
	// Loud marks what must not be overlooked.
	Loud bool `json:"loud,omitempty"`
}

// Describe says in plain words what a set permits, most telling first. Equal sets are
// described by equal lines, whatever their spelling.
func Describe(s Set, words Words) []Line {
	s = Normal(s)
	var lines []Line
	lines = append(lines, describeData(s, words)...)
	lines = append(lines, describeEgress(s)...)
	lines = append(lines, describeRemotes(s)...)
	lines = append(lines, describeCallers(s)...)
	lines = append(lines, describeRuns(s)...)
	return append(lines, describeLater(s)...)
}

// platformScopes are the scopes that the platform itself gives a meaning; no product can
// word them otherwise.
var platformScopes = map[string]struct{ title, detail, risk string }{
	"storage:app":           {"Keeps data of its own on this platform", "Only this installation reads it. It is erased 28 days after the app was uninstalled, or at once if the site's admin says so.", "low"},
	"read:app-system-token": {"Lets its remotes act as the app", "A remote gets a short-lived token for what the app itself may do.", "medium"},
	"read:app-user-token":   {"Lets its remotes act as the user who is present", "A remote gets a short-lived token for what that user agreed to.", "high"},
	"report:personal-data":  {"Is told which users' personal data it must update or delete", "So that their data can be corrected or erased.", "low"},
	"read:chat:rovo":        {"Reads what is said to its agents", "Messages of the conversation that calls it.", "medium"},
}

func describeData(s Set, words Words) []Line {
	var lines []Line
	for _, v := range s.Scopes {
		l := Line{Group: Reads, Title: name(v.Name), Detail: "The product gives no words for this scope."}
		if own, ok := platformScopes[v.Name]; ok {
			l = Line{Group: Reads, Title: own.title, Items: []string{name(v.Name)}, Detail: own.detail, Risk: own.risk}
		} else if words != nil {
			if title, detail, risk, ok := words(v.Name); ok {
				l = Line{Group: Reads, Title: title, Items: []string{name(v.Name)}, Detail: detail, Risk: risk}
			}
		}
		lines = append(lines, l)
		if v.Impersonation {
			lines = append(lines, Line{Group: Reads, Title: "As a user who is not present: " + l.Title, Loud: true,
				Detail: "The app may act as any user who agreed to it, also while that user is away."})
		}
	}
	if len(s.Events) > 0 {
		lines = append(lines, Line{Group: Reads, Title: "Is told when these things happen", Items: names(s.Events)})
	}
	return lines
}

// leaving words each egress type by what would happen, since a type's name says
// nothing to an admin.
var leaving = map[EgressType]string{
	Backend:    "Its functions can send data to",
	Client:     "Its pages can send data to",
	Images:     "Its pages can load images from, and so send data to",
	Media:      "Its pages can load sound and video from, and so send data to",
	Scripts:    "Its pages run code from",
	Styles:     "Its pages take their style sheets from, and so can send data to",
	Fonts:      "Its pages can load fonts from, and so send data to",
	Frames:     "Its pages embed, and can exchange data with, pages of",
	Navigation: "Its pages can lead users to",
}

// Leaving says what an egress type lets happen, as the beginning of a sentence that ends
// with a host; "" for an unknown type.
func Leaving(t EgressType) string { return leaving[t] }

func describeEgress(s Set) []Line {
	var lines []Line
	for _, t := range EgressTypes {
		for _, analytics := range []bool{false, true} {
			line := Line{Group: Sends, Title: leaving[t], Loud: t == Scripts || t == Frames}
			var noUserData []string
			for _, e := range s.Egress {
				if e.Type != t || (e.Category != "") != analytics {
					continue
				}
				if e.Pattern.Any {
					lines = append(lines, Line{Group: Sends, Loud: true, Title: leaving[t] + " ANY ADDRESS ON THE INTERNET",
						Detail: anyDetail(t, e)})
					continue
				}
				line.Items = append(line.Items, host(e.Pattern))
				if !e.InScopeEUD {
					noUserData = append(noUserData, e.Pattern.String())
				}
			}
			if len(line.Items) == 0 {
				continue
			}
			var notes []string
			if analytics {
				notes = append(notes, "For analytics: you can switch this off.")
			}
			if len(noUserData) > 0 {
				notes = append(notes, "The developer states that no end-user data goes to "+strings.Join(noUserData, ", ")+".")
			}
			line.Detail = strings.Join(notes, " ")
			lines = append(lines, line)
		}
	}
	return lines
}

func anyDetail(t EgressType, e Egress) string {
	detail := "Nothing limits where data goes: over https, to any host"
	if t == Backend {
		detail += " that is not private"
	}
	detail += "."
	if e.Category != "" {
		detail += " For analytics: you can switch this off."
	}
	if !e.InScopeEUD {
		detail += " The developer states that no end-user data goes there."
	}
	return detail
}

// host writes a pattern for reading: the text in normal form, and what a wildcard or
// an unusual scheme means.
func host(p hostrule.Pattern) string {
	text := p.String()
	if p.Scheme == "https" {
		text = strings.TrimPrefix(text, "https://")
	}
	if p.Wild {
		text += " (every host below " + p.Host + ")"
	}
	return text
}

func hosts(patterns []hostrule.Pattern) []string {
	out := make([]string, 0, len(patterns))
	for _, p := range patterns {
		if p.Any {
			out = append(out, "ANY ADDRESS ON THE INTERNET")
		} else {
			out = append(out, host(p))
		}
	}
	return out
}

func describeRemotes(s Set) []Line {
	var lines []Line
	for _, v := range s.Remotes {
		l := Line{Group: Sends, Title: "Sends data to the back end " + name(v.Key), Loud: v.Configurable && len(v.Patterns) == 0}
		for _, region := range slices.Sorted(maps.Keys(v.Endpoints)) {
			item := name(v.Endpoints[region])
			if region != "default" {
				item += " (" + name(region) + ")"
			}
			l.Items = append(l.Items, item)
		}
		var notes []string
		switch {
		case v.Configurable && len(v.Patterns) == 0:
			notes = append(notes, "An admin may set any address for it.")
		case v.Configurable:
			notes = append(notes, "An admin may set its address, within "+strings.Join(hosts(v.Patterns), ", ")+".")
		case len(v.Endpoints) == 0:
			notes = append(notes, "No address is set.")
		}
		if len(v.Operations) > 0 {
			notes = append(notes, "Used for "+strings.Join(names(v.Operations), ", ")+".")
		}
		if v.InScopeEUD {
			notes = append(notes, "End-user data is kept there.")
		}
		l.Detail = strings.Join(append(notes, tokens(v.UserToken, v.SystemToken)...), " ")
		lines = append(lines, l)
	}
	for _, v := range s.Endpoints {
		lines = append(lines, Line{Group: Sends, Title: "Calls " + name(v.Path) + " of the back end " + name(v.Remote),
			Detail: strings.Join(tokens(v.UserToken, v.SystemToken), " ")})
	}
	for _, v := range s.Providers {
		l := Line{Group: Sends, Title: "Lets users connect their account at " + name(v.Name), Items: names(v.Remotes)}
		if v.OfKeys() {
			l.Title = "Uses " + name(v.Name) + " with a key that each user gives for themselves"
		}
		if v.OfSite() {
			l.Title = "Uses " + name(v.Name) + " with a key that an admin of the site gives"
		}
		if len(v.Scopes) > 0 {
			l.Detail = "It asks there for " + strings.Join(names(v.Scopes), ", ") + "."
		}
		lines = append(lines, l)
	}
	return lines
}

func tokens(user, system bool) []string {
	var out []string
	if user {
		out = append(out, "That back end may act as the user who is calling.")
	}
	if system {
		out = append(out, "That back end may act as the app.")
	}
	return out
}

func describeCallers(s Set) []Line {
	var lines []Line
	for _, v := range s.WebTriggers {
		l := Line{Group: Callers, Title: "Whoever knows its address can call " + name(v.Key) + " and be handed data", Loud: true}
		if v.Authentication != "" {
			l = Line{Group: Callers, Title: "Whoever holds its secret can call " + name(v.Key) + " and be handed data",
				Detail: "Callers prove themselves by " + name(v.Authentication) + "."}
		}
		lines = append(lines, l)
	}
	for _, v := range s.APIRoutes {
		lines = append(lines, Line{Group: Callers, Title: "Other programs can call " + name(v.Operation+" "+v.Path),
			Items: names(v.Scopes), Detail: "They need the app's own scopes."})
	}
	if len(s.Actions) > 0 {
		lines = append(lines, Line{Group: Callers, Title: "Agents and automations can call its actions", Items: names(s.Actions)})
	}
	for _, v := range s.AppEvents {
		l := Line{Group: Callers, Title: "Sends its event " + name(v.Name) + " to other apps", Items: names(v.Recipients)}
		if slices.Contains(v.Recipients, everyone) {
			l.Title, l.Items, l.Loud = "Sends its event "+name(v.Name)+" to ANY APP ON THE SITE", nil, true
		}
		lines = append(lines, l)
	}
	return lines
}

func describeRuns(s Set) []Line {
	var lines []Line
	if s.Isolation != "" {
		lines = append(lines, Line{Group: Runs, Title: "Runs as a process of its own, OUTSIDE THE SANDBOX", Loud: true,
			Detail: "Its calls are not kept apart from each other, and a fault in the isolation reaches further."})
	}
	for _, v := range s.Content {
		lines = append(lines, Line{Group: Runs, Title: "Its pages loosen their protection for " + name(v.Kind) + ": " + name(v.Value),
			Loud: v.Kind == "scripts" && strings.HasPrefix(v.Value, "unsafe-")})
	}
	for _, v := range s.Sandbox {
		lines = append(lines, Line{Group: Runs, Title: "Its pages get the browser right " + name(v)})
	}
	if s.MemoryMB > 0 {
		lines = append(lines, Line{Group: Runs, Title: fmt.Sprintf("Uses up to %d MB of memory for a call", s.MemoryMB)})
	}
	return lines
}

func describeLater(s Set) []Line {
	c := s.Configurable
	if c == nil {
		return nil
	}
	l := Line{Group: Later, Title: "May later ask an admin to let it send data elsewhere", Items: hosts(c.Patterns),
		Detail: "Each request is shown to an admin, who decides."}
	if len(c.Patterns) == 0 {
		l.Items = []string{"ANY ADDRESS ON THE INTERNET"}
	}
	if len(c.Types) > 0 {
		types := make([]string, 0, len(c.Types))
		for _, t := range c.Types {
			types = append(types, string(t))
		}
		l.Detail = "For " + strings.Join(types, ", ") + ". " + l.Detail
	}
	return []Line{l}
}

// name shows a text that the app chose: one line of plain ASCII in quotes where it is
// more than a simple word, so that it cannot pose as the platform's own words or turn
// the reading direction.
func name(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/*") == "" {
		return s
	}
	return strconv.QuoteToASCII(s)
}

func names(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, name(s))
	}
	return out
}
