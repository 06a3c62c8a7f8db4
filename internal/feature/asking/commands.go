package asking

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/perm"
)

// Run carries out what an app's front end says of its permissions. Where an admin has to be
// asked it gives the request, and Result of its outcome is what the app is told.
func (s *Service) Run(ctx context.Context, a Asker, command string, payload json.RawMessage) (result any, ask *Ask, err error) {
	if len(payload) == 0 {
		payload = json.RawMessage("{}")
	}
	var w Want
	switch command {
	case "egress.get", "egress.domains", "remote.get", "remote.getRemote":
		result, err = s.Read(ctx, a.Policy, command, payload, a.Admin)
		return result, nil, err
	case "egress.deleteGroup", "egress.deleteDomain", "egress.removeDomains":
		result, err = s.remove(ctx, a, command, payload)
		return result, nil, fault.Op("asking.Run", err)
	case "egress.set":
		w, err = ReadGroups(payload)
	case "egress.requestDomains":
		w, err = ReadFlat(payload, a.Policy.Set.Configurable)
	case "remote.set":
		w, err = ReadRemotes(payload)
	case "remote.setRemote":
		w, err = readRemote(payload)
	default:
		err = fault.New(fault.NotFound, "NOT_OFFERED", "there is no command %.60q for permissions", command)
	}
	if err != nil {
		return nil, nil, err
	}
	made, err := s.Request(ctx, a, w)
	if err != nil {
		return nil, nil, err
	}
	if made.Done == nil {
		return nil, &made, nil
	}
	result, err = Result(*made.Done)
	return result, nil, err
}

// Result is an outcome as the app is told, or the error that it gets.
func Result(o Outcome) (any, error) {
	if o.State != Granted {
		if o.Kind == Flat {
			return false, nil
		}
		return nil, fault.New(fault.Denied, "PERMISSION_DECLINED", "this was not granted").With("status", 403)
	}
	switch o.Kind {
	case Flat:
		if len(o.Granted) == 0 {
			return false, nil
		}
		return map[string]any{"granted": byDomain(o.Granted), "declined": byDomain(o.Declined)}, nil
	case ToSet:
		results := []any{}
		for _, r := range o.Remotes {
			results = append(results, map[string]any{"key": r.Key, "configured": map[string]any{"endpoint": orNull(r.URL)}})
		}
		return map[string]any{"results": results}, nil
	}
	results := []any{}
	for _, g := range o.Groups {
		results = append(results, map[string]any{"key": g.Key, "configured": byDomain(g.Egress)})
	}
	return map[string]any{"results": results}, nil
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

type domain struct {
	Domain string            `json:"domain"`
	Type   []perm.EgressType `json:"type"`
}

func byDomain(list []Destination) []domain {
	out := []domain{}
	for _, d := range list {
		text := Text(d.Pattern)
		n := slices.IndexFunc(out, func(x domain) bool { return x.Domain == text })
		if n < 0 {
			n = len(out)
			out = append(out, domain{Domain: text})
		}
		if !slices.Contains(out[n].Type, d.Type) {
			out[n].Type = append(out[n].Type, d.Type)
		}
	}
	return out
}

// Read answers what is configured: hosts and types, of what counts now. Who approved it, and
// what waits, is nobody's to read here; the app's own descriptions are an admin's.
func (s *Service) Read(ctx context.Context, p *call.Policy, command string, payload json.RawMessage, admin bool) (any, error) {
	out, err := s.readCommand(ctx, p, command, payload, admin)
	return out, fault.Op("asking.Read", err)
}

func (s *Service) readCommand(ctx context.Context, p *call.Policy, command string, payload json.RawMessage, admin bool) (any, error) {
	var in struct {
		Keys          []string `json:"keys"`
		Key           string   `json:"key"`
		PageSize      int      `json:"pageSize"`
		NextPageToken string   `json:"nextPageToken"`
	}
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, malformed("this is no question: { keys, pageSize, nextPageToken }")
	}
	wanted := func(key string) bool { return len(in.Keys) == 0 || slices.Contains(in.Keys, key) }
	results := []any{}
	switch command {
	case "egress.get", "egress.domains":
		c, err := s.Installs.Configured(ctx, p.Scope)
		if err != nil {
			return nil, err
		}
		effective := c.Authority.Effective()
		domains := []string{}
		for _, g := range c.Groups {
			g.Egress = slices.DeleteFunc(slices.Clone(g.Egress), func(d Destination) bool { return !perm.Covers(effective, one(d)) })
			for _, d := range byDomain(g.Egress) {
				if !slices.Contains(domains, d.Domain) {
					domains = append(domains, d.Domain)
				}
			}
			if g.Key == "" || !wanted(g.Key) {
				continue
			}
			r := map[string]any{"key": g.Key, "configured": byDomain(g.Egress)}
			if admin {
				r["description"] = g.Description
			}
			results = append(results, r)
		}
		if command == "egress.domains" {
			return map[string]any{"domains": domains}, nil
		}
	case "remote.get", "remote.getRemote":
		if s.Remotes == nil {
			break
		}
		all, err := s.Remotes.Configurable(ctx, p, in.Key)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if wanted(r.Key) {
				results = append(results, map[string]any{"key": r.Key, "name": r.Name, "configured": map[string]any{"endpoint": orNull(r.URL)}})
			}
		}
		if command == "remote.getRemote" {
			if len(all) != 1 || in.Key == "" {
				return nil, fault.New(fault.Invalid, "NO_REMOTE", "the app declares no remote %.80q that an admin may set", in.Key).With("status", 422)
			}
			return map[string]any{"url": orNull(all[0].URL)}, nil
		}
	default:
		return nil, fault.New(fault.NotFound, "NOT_OFFERED", "there is no question %.60q about permissions", command)
	}
	return paged(results, in.PageSize, in.NextPageToken)
}

func paged(results []any, size int, token string) (any, error) {
	from := 0
	if token != "" {
		var err error
		if from, err = strconv.Atoi(token); err != nil || from < 0 {
			return nil, malformed("this is no token of a page")
		}
	}
	results = results[min(from, len(results)):]
	out := map[string]any{}
	if size > 0 && size < len(results) {
		results = results[:size]
		out["nextPageToken"] = strconv.Itoa(from + size)
	}
	out["results"] = results
	return out, nil
}

// remove takes destinations away. It takes an admin who is present, and asks nothing.
func (s *Service) remove(ctx context.Context, a Asker, command string, payload json.RawMessage) (any, error) {
	if !a.Admin {
		return nil, adminRequired()
	}
	var in struct {
		Key     string          `json:"key"`
		Domain  string          `json:"domain"`
		Domains []string        `json:"domains"`
		Type    perm.EgressType `json:"type"`
	}
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, malformed("this names nothing that can be taken away")
	}
	by, p := adminOf(a.User), a.Policy
	if command == "egress.deleteGroup" || command == "egress.deleteDomain" {
		if !groupKey.MatchString(in.Key) {
			return nil, malformed("%.80q is no key of a group", in.Key)
		}
		if command == "egress.deleteGroup" {
			return map[string]any{}, s.Installs.RemoveGroup(ctx, by, p.Install, in.Key, p.Epoch)
		}
		in.Domains = []string{in.Domain}
	}
	if len(in.Domains) == 0 || len(in.Domains) > 100 {
		return nil, malformed("removeDomains takes a list of hosts")
	}
	if in.Type != "" && perm.UseOf(in.Type) == 0 {
		return nil, malformed("there is no type %.40q; types are: %v", in.Type, AllTypes)
	}
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		for _, text := range in.Domains {
			if err := s.Installs.RemoveDomain(ctx, by, p.Install, in.Key, text, in.Type, 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.Installs.Refresh(ctx)
	}
	if command == "egress.removeDomains" {
		return map[string]any{"removed": true}, err
	}
	return map[string]any{}, err
}

// readRemote reads {key, url}; a url null resets.
func readRemote(payload json.RawMessage) (Want, error) {
	var in struct {
		Key string  `json:"key"`
		URL *string `json:"url"`
	}
	if err := json.Unmarshal(payload, &in); err != nil || in.Key == "" || in.URL != nil && (*in.URL == "" || len(*in.URL) > 1000) {
		return Want{}, malformed("setRemote takes a remote's key and an address, or null")
	}
	w := RemoteWant{Key: in.Key}
	if in.URL != nil {
		w.URL = *in.URL
	}
	return Want{Remotes: []RemoteWant{w}}, nil
}

// Methods are the host calls by which functions and interfaces read what is configured.
func (s *Service) Methods() []string { return []string{"permissions.read"} }

// Bind gives the handler of one call's questions. No admin is present in one.
func (s *Service) Bind(call.Binding) call.Handler {
	return func(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
		var head struct {
			Command string          `json:"command"`
			Payload json.RawMessage `json:"payload"`
		}
		if err := json.Unmarshal(req.Head, &head); err != nil {
			return call.Reply{}, malformed("this is no question")
		}
		if len(head.Payload) == 0 {
			head.Payload = json.RawMessage("{}")
		}
		out, err := s.Read(ctx, p, head.Command, head.Payload, false)
		if err != nil {
			return call.Reply{}, err
		}
		text, err := json.Marshal(out)
		return call.Reply{Head: text}, err
	}
}
