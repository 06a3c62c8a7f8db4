package trigger

import (
	"context"
	"encoding/json"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// Methods are the host calls that the service answers: webTrigger.getUrl, queryUrls
// and deleteUrl of the SDK.
func (s *Service) Methods() []string {
	return []string{"webtrigger.url", "webtrigger.list", "webtrigger.delete"}
}

// Bind gives the handler of one call. An app sees and makes addresses of its own
// installation only: the scope is the policy's, never the request's.
func (s *Service) Bind(call.Binding) call.Handler {
	return func(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
		var head struct {
			ModuleKey   string `json:"moduleKey"`
			URL         string `json:"url"`
			ForceCreate bool   `json:"forceCreate"`
		}
		if err := json.Unmarshal(req.Head, &head); err != nil {
			return call.Reply{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments of %s are malformed", req.Method).Because(err)
		}
		switch req.Method {
		case "webtrigger.url":
			t, err := s.Create(ctx, p.Scope, head.ModuleKey, head.ForceCreate)
			if err != nil {
				return call.Reply{}, err
			}
			return reply(map[string]string{"url": t.URL})
		case "webtrigger.list":
			list, err := s.List(ctx, p.Scope, head.ModuleKey)
			if err != nil {
				return call.Reply{}, err
			}
			urls := make([]string, 0, len(list))
			for _, t := range list {
				urls = append(urls, t.URL)
			}
			return reply(map[string][]string{"urls": urls})
		case "webtrigger.delete":
			if err := s.Delete(ctx, p.Scope, head.URL); err != nil {
				return call.Reply{}, err
			}
			return reply(struct{}{})
		default:
			return call.Reply{}, fault.New(fault.Denied, "NOT_OFFERED", "%s is not offered by this server", req.Method)
		}
	}
}

func reply(head any) (call.Reply, error) {
	raw, err := json.Marshal(head)
	return call.Reply{Head: raw}, fault.Op("trigger.reply", err)
}
