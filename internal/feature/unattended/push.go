package unattended

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/manifest"
)

// Limits of one push (forge-facts 5.4).
const (
	maxEvents    = 50
	maxPush      = 200 << 10 // bytes, all events together
	maxLongEvent = 100 << 10 // bytes of an event whose consumer may take longer than 55 s
	maxDelay     = 900       // seconds
	maxKey       = 100
	maxLimit     = 1000
	// maxChain is how many pushes one call may give rise to, through consumers that push.
	maxChain = 1000
)

// Methods are the host calls that the service answers.
func (s *Service) Methods() []string {
	return []string{"queue.push", "queue.stats", "queue.cancel", "events.publish"}
}

// Bind gives the handler of one call. An app reaches its own installation's jobs only.
func (s *Service) Bind(b call.Binding) call.Handler {
	return func(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
		switch req.Method {
		case "queue.push":
			return s.push(ctx, b.Call, p, req.Body)
		case "events.publish":
			return s.publish(ctx, b.Call, p, req.Head)
		}
		var head struct {
			Job string `json:"jobId"`
		}
		if err := json.Unmarshal(req.Head, &head); err != nil || head.Job == "" {
			return call.Reply{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "%s takes the id of a job", req.Method)
		}
		if req.Method == "queue.cancel" {
			n, known, err := s.Jobs.Cancel(ctx, string(p.Install), head.Job)
			if err != nil || !known {
				return call.Reply{}, unknownJob(err)
			}
			return reply(map[string]int64{"cancelled": n})
		}
		st, known, err := s.Jobs.Batch(ctx, string(p.Install), head.Job)
		if err != nil || !known {
			return call.Reply{}, unknownJob(err)
		}
		return reply(map[string]int{"success": st.Succeeded, "inProgress": st.InProgress, "failed": st.Failed})
	}
}

func unknownJob(err error) error {
	if err != nil {
		return err
	}
	return fault.New(fault.NotFound, "JOB_DOES_NOT_EXIST", "there is no such job, or it is too long ago")
}

func reply(v any) (call.Reply, error) {
	head, err := json.Marshal(v)
	return call.Reply{Head: head}, err
}

// pushed is a push as the SDK sends it.
type pushed struct {
	Queue  string        `json:"queue"`
	Events []pushedEvent `json:"events"`
}

type pushedEvent struct {
	Body        json.RawMessage `json:"body"`
	Delay       float64         `json:"delayInSeconds"`
	Concurrency *struct {
		Key   string `json:"key"`
		Limit int    `json:"limit"`
	} `json:"concurrency"`
}

// push keeps events for a queue's consumer; when it returns they are on the disk.
func (s *Service) push(ctx context.Context, c *call.Call, p *call.Policy, body []byte) (call.Reply, error) {
	var in pushed
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return call.Reply{}, fault.New(fault.Usage, "INVALID_PUSH_SETTINGS", "the events cannot be read").Because(err).
			WithFix("push {body, delayInSeconds, concurrency: {key, limit}}, or a list of these")
	}
	long, err := s.consumer(ctx, p, in.Queue)
	if err != nil {
		return call.Reply{}, err
	}
	if err := in.check(len(body), long); err != nil {
		return call.Reply{}, err
	}
	if s.Quota != nil {
		if err := s.Quota(p, len(in.Events)); err != nil {
			return call.Reply{}, err
		}
	}
	origin, err := s.chain(ctx, c, p)
	if err != nil {
		return call.Reply{}, err
	}
	batch := uuid.NewString()
	list, err := s.jobsOf(in, p, batch, queued{Origin: origin, Trace: c.Trace, Span: call.OriginOf(ctx).Span})
	if err != nil {
		return call.Reply{}, err
	}
	if err := s.room(ctx, p, list); err != nil {
		return call.Reply{}, err
	}
	if err := s.Jobs.Enqueue(ctx, list...); err != nil {
		return call.Reply{}, fault.Op("unattended.push", err)
	}
	s.Jobs.Wake()
	return reply(map[string]string{"jobId": batch})
}

// consumer demands that the running version consumes the queue, and says whether it may
// take long.
func (s *Service) consumer(ctx context.Context, p *call.Policy, queue string) (long bool, err error) {
	m, err := s.Manifests.Manifest(ctx, p.Version)
	if err != nil {
		return false, err
	}
	c, ok := m.Consumer(queue)
	if !ok {
		queues := []string{}
		for _, c := range slices.Concat(m.Modules.Consumer, m.Modules.FIFOConsumer) {
			queues = append(queues, c.Queue)
		}
		return false, fault.New(fault.NotFound, "INVALID_QUEUE_NAME", "no consumer of the running version takes from the queue %q", clip(queue)).
			With("queues", queues).WithFix("add a consumer module for it to the manifest")
	}
	f, _, err := functionOf(m, c)
	return f.TimeoutSeconds > 55, err
}

// functionOf is a consumer's function, and the method of a resolver where it is one.
func functionOf(m *manifest.Manifest, c manifest.Consumer) (f manifest.Function, method string, err error) {
	key := c.Function
	if c.Resolver.Function != "" {
		key, method = c.Resolver.Function, c.Resolver.Method
	}
	f, ok := m.Target(key, c.Endpoint)
	if !ok {
		return f, "", fault.New(fault.Denied, "NOT_OFFERED", "the consumer of %q calls a container service, which this server does not offer", c.Queue)
	}
	return f, method, nil
}

func (in *pushed) check(size int, long bool) error {
	refuse := func(code, format string, args ...any) *fault.Error {
		return fault.New(fault.Usage, code, format, args...)
	}
	switch {
	case len(in.Events) == 0:
		return refuse("NO_EVENTS_TO_PUSH", "there is no event to push")
	case len(in.Events) > maxEvents:
		return refuse("TOO_MANY_EVENTS", "a push takes %d events, not %d", maxEvents, len(in.Events)).With("limit", "events").With("figure", maxEvents)
	case size > maxPush:
		return refuse("PAYLOAD_TOO_BIG", "a push takes %d bytes, not %d", maxPush, size).With("limit", "bytes").With("figure", maxPush)
	}
	for n, e := range in.Events {
		switch {
		case len(e.Body) == 0 || string(e.Body) == "null": // the older form has texts, numbers and lists too
			return refuse("INVALID_PUSH_SETTINGS", "event %d has no body", n)
		case long && len(e.Body) > maxLongEvent:
			return refuse("PAYLOAD_TOO_BIG", "an event of a consumer that runs longer than 55 seconds takes %d bytes", maxLongEvent).With("figure", maxLongEvent)
		case math.IsNaN(e.Delay) || e.Delay < 0 || e.Delay > maxDelay:
			return refuse("INVALID_PUSH_SETTINGS", "delayInSeconds is from 0 to %d", maxDelay)
		case e.Concurrency != nil && (e.Concurrency.Key == "" || len(e.Concurrency.Key) > maxKey || e.Concurrency.Limit < 1 || e.Concurrency.Limit > maxLimit):
			return refuse("INVALID_PUSH_SETTINGS", "concurrency has a key of at most %d bytes and a limit from 1 to %d", maxKey, maxLimit)
		}
	}
	return nil
}

// chain is what first caused this call. What a consumer pushes, or a trigger of an app's own
// event publishes, is counted with what caused the consumer or trigger, so that apps that push
// to themselves, or call each other, end.
func (s *Service) chain(ctx context.Context, c *call.Call, p *call.Policy) (origin string, err error) {
	found, ok := s.origins.Load(c.ID)
	if !ok {
		return string(c.ID), nil
	}
	origin = found.(string)
	used, err := s.Jobs.UseChain(ctx, string(p.Install), origin)
	if err != nil {
		return "", err
	}
	if used > maxChain {
		return "", fault.New(fault.Limit, "INVOCATION_LIMIT_REACHED", "one call gave rise to more than %d pushes", maxChain).
			With("limit", "pushes of one chain").With("figure", maxChain).WithFix("let the chain end, and have a schedule begin another one")
	}
	return origin, nil
}

// queued is what a pushed event's job notes.
type queued struct {
	Origin string `json:"origin"`
	// Trace and Span are of the call that pushed it.
	Trace string `json:"trace,omitempty"`
	Span  string `json:"span,omitempty"`
	Retry *retry `json:"retry,omitempty"`
}

func (s *Service) jobsOf(in pushed, p *call.Policy, batch string, noted queued) ([]jobs.Job, error) {
	head, err := json.Marshal(noted)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	out := make([]jobs.Job, 0, len(in.Events))
	for _, e := range in.Events {
		u, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		due := now.Add(time.Duration(e.Delay * float64(time.Second)))
		j := jobs.Job{
			ID: u.String(), Owner: string(p.Install), Kind: queueKind, Name: in.Queue, Batch: batch,
			Due: due, Expires: due.Add(s.Retention), Head: head, Body: e.Body,
		}
		if e.Concurrency != nil {
			j.Key, j.Most = e.Concurrency.Key, e.Concurrency.Limit
		}
		out = append(out, j)
	}
	return out, nil
}

func clip(text string) string {
	if len(text) > 64 {
		return text[:64]
	}
	return text
}

// consume runs a queue's consumer.
func (s *Service) consume(ctx context.Context, j jobs.Job) jobs.Verdict {
	var noted queued
	if err := json.Unmarshal(j.Head, &noted); err != nil {
		return jobs.Verdict{Next: jobs.Dead, Class: "INTERNAL"}
	}
	p, err := s.Installed.Policy(ctx, id.Install(j.Owner))
	if err != nil {
		return s.refused(err)
	}
	m, err := s.Manifests.Manifest(ctx, p.Version)
	if err != nil {
		return s.refused(err)
	}
	consumer, ok := m.Consumer(j.Name)
	if !ok { // the version that runs now has none; another one may
		return jobs.Verdict{Next: jobs.Again, At: s.Now().Add(maxAfter), Class: "INVALID_QUEUE_NAME"}
	}
	f, method, err := functionOf(m, consumer)
	if err != nil {
		return s.refused(err)
	}
	c := begun(j, p, call.Queue, consumer.Key, f, s.Now())
	c.Trace, c.Span = noted.Trace, noted.Span
	if c.Payload, err = s.asyncEvent(j, noted.Retry, method); err != nil {
		return jobs.Verdict{Next: jobs.Dead, Class: "INTERNAL"}
	}
	s.origins.Store(c.ID, noted.Origin)
	defer s.origins.Delete(c.ID)
	res, err := s.Invoker.Invoke(ctx, c)
	var v jobs.Verdict
	var next retry
	if err != nil {
		if code := fault.CodeOf(err); code == "NOT_INSTALLED" || code == overQuota {
			return s.refused(err)
		}
		v, next = s.failedCall(j, err)
	} else if a, ok := asked(res.Body); ok {
		v, next = s.askedAgain(j, a)
	} else {
		return jobs.Verdict{}
	}
	noted.Retry = &next
	if v.Head, err = json.Marshal(noted); err != nil {
		v.Head = nil
	}
	if v.At.After(j.Expires) && s.AppLog != nil {
		s.AppLog.Note(p, c, "error", "a queued event is given up", map[string]any{"queue": j.Name, "eventId": j.ID, "class": v.Class})
	}
	return v
}

// asyncEvent is what a consumer is given: an event, or a resolver's call.
func (s *Service) asyncEvent(j jobs.Job, r *retry, method string) ([]byte, error) {
	var again any
	if r != nil {
		again = map[string]any{
			"retryCount": r.Count, "retryReason": r.Reason, "retryData": r.Data,
			"retentionWindow": map[string]any{"startTime": j.Created.Format(time.RFC3339Nano), "remainingTimeMs": max(j.Expires.Sub(s.Now()).Milliseconds(), 0)},
		}
	}
	if method != "" {
		payload, context := json.RawMessage(j.Body), map[string]any{"jobId": j.Batch, "eventId": j.ID}
		if again != nil {
			context["retryContext"] = again
			var err error
			if payload, err = besides(payload, again); err != nil {
				return nil, err
			}
		}
		return json.Marshal(map[string]any{
			"call": map[string]any{"functionKey": method, "payload": payload, "jobId": j.Batch}, "context": context,
		})
	}
	event := map[string]any{"body": json.RawMessage(j.Body), "jobId": j.Batch, "eventId": j.ID, "queueName": j.Name}
	if again != nil {
		event["retryContext"] = again
	}
	return json.Marshal(event)
}

// besides is a payload with what its resolver looks for in it when it is called again; a
// payload that is no object stays as it is, and the context alone says so.
func besides(payload json.RawMessage, again any) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil || members == nil {
		return payload, nil
	}
	text, err := json.Marshal(again)
	if err != nil {
		return nil, err
	}
	members["retryContext"] = text
	return json.Marshal(members)
}
