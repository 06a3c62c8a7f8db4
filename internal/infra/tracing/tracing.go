// Package tracing tells an OpenTelemetry collector which steps calls took: the request that
// made a call, its function, its host calls, what those sent. Its promise: it is off unless an operator
// named a collector, and then costs calls nothing; a span holds ids, methods, statuses and
// codes of errors, and never an address, a header, a payload or a name that an app chose.
//
// The trace of a call is known without asking anybody: the request's, or the call's own id.
package tracing

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Config names the collector.
type Config struct {
	Endpoint string // of OTLP over HTTP, "http://collector:4318/v1/traces"
	// Client reaches that address and no other.
	Client *http.Client
	// Ratio of traces that are told, 0 to 1.
	Ratio   float64
	Version string
	Log     *slog.Logger
}

// Tracer tells a collector.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// New begins to tell a collector. Nothing waits for it: what it does not take in time is dropped.
func New(ctx context.Context, cfg Config) (*Tracer, error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.Endpoint), otlptracehttp.WithHTTPClient(cfg.Client), otlptracehttp.WithTimeout(10*time.Second))
	if err != nil {
		return nil, err
	}
	p := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter), sdktrace.WithIDGenerator(ids{}), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Ratio))),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "annex"), attribute.String("service.version", cfg.Version))),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{AttributeValueLengthLimit: 200, AttributeCountLimit: 20, EventCountLimit: 4, LinkCountLimit: 4, AttributePerEventCountLimit: 4, AttributePerLinkCountLimit: 4}),
	)
	return &Tracer{p, p.Tracer("github.com/annexhq/annex")}, nil
}

// Close tells what is still to be told, for a while.
func (t *Tracer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = t.provider.Shutdown(ctx)
}

// Span is one step. Its zero value is none.
type Span struct {
	tracer trace.Tracer
	span   trace.Span
}

// Fact is something that may be known of a step.
type Fact struct{ Key, Value string }

type wanted struct{}

// Begin begins what a trace of a given id, 32 hexadecimal digits, is of: below the span of
// the same trace that ctx is in, or as its first.
func (t *Tracer) Begin(ctx context.Context, traceID, name string, began time.Time, facts ...Fact) (context.Context, Span) {
	options := []trace.SpanStartOption{trace.WithTimestamp(began), trace.WithAttributes(attributes(facts)...)}
	id, err := trace.TraceIDFromHex(traceID)
	switch above := trace.SpanContextFromContext(ctx); {
	case err != nil || above.TraceID() != id:
		ctx = context.WithValue(ctx, wanted{}, id)
		options = append(options, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer))
	case above.IsRemote():
		options = append(options, trace.WithSpanKind(trace.SpanKindConsumer))
	}
	ctx, s := t.tracer.Start(ctx, name, options...)
	return ctx, Span{t.tracer, s}
}

// Below is ctx below a span that is over, or was another process's. An id that is none
// changes nothing.
func Below(ctx context.Context, traceID, spanID string) context.Context {
	id, err := trace.TraceIDFromHex(traceID)
	span, err2 := trace.SpanIDFromHex(spanID)
	if err != nil || err2 != nil {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span, TraceFlags: trace.FlagsSampled, Remote: true}))
}

// Serve answers a request as the first step of a trace. next is told the step's own id, ""
// of a trace that is not told.
func (t *Tracer) Serve(w http.ResponseWriter, r *http.Request, traceID, name string, next func(w http.ResponseWriter, r *http.Request, span string)) {
	ctx, s := t.Begin(r.Context(), traceID, name, time.Now(), Fact{"http.request.method", known(r.Method)})
	out := &answer{ResponseWriter: w, status: http.StatusOK}
	defer func() {
		s.span.SetAttributes(attribute.Int("http.response.status_code", out.status))
		if out.status >= 500 {
			s.Fail("")
		}
		s.End()
	}()
	next(out, r.WithContext(ctx), s.ID())
}

// known is a method that HTTP has: whoever asks may write anything.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}

// answer notes an answer's status.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what the writer can.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush is for those that look for it on the writer itself.
func (a *answer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// Step begins a step below the span, whatever context it is taken in.
func (s Span) Step(ctx context.Context, name string, facts ...Fact) (context.Context, Span) {
	ctx, step := s.tracer.Start(trace.ContextWithSpan(ctx, s.span), name, trace.WithAttributes(attributes(facts)...))
	return ctx, Span{s.tracer, step}
}

// ID is the step's own, 16 hexadecimal digits; "" of a trace that is not told.
func (s Span) ID() string {
	if c := s.span.SpanContext(); c.IsSampled() {
		return c.SpanID().String()
	}
	return ""
}

// Fail notes the code of the error with which the step ended.
func (s Span) Fail(code string) { s.span.SetStatus(codes.Error, code) }

// End ends the step.
func (s Span) End() { s.span.End() }

func attributes(facts []Fact) []attribute.KeyValue {
	out := make([]attribute.KeyValue, len(facts))
	for i, f := range facts {
		out[i] = attribute.String(f.Key, f.Value)
	}
	return out
}

// Transport makes a step of each exchange. What is asked learns of the trace only with tell:
// a host that an app chose has no business in it.
func (t *Tracer) Transport(name string, tell bool, rt http.RoundTripper) http.RoundTripper {
	return &transport{t, name, tell, rt}
}

type transport struct {
	t    *Tracer
	name string
	tell bool
	rt   http.RoundTripper
}

func (x *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return x.rt.RoundTrip(r)
	}
	ctx, s := x.t.tracer.Start(ctx, x.name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("http.request.method", r.Method)))
	defer s.End()
	if x.tell {
		r = r.Clone(ctx)
		r.Header.Set("Traceparent", parent(s.SpanContext()))
	}
	res, err := x.rt.RoundTrip(r)
	if err != nil {
		s.SetStatus(codes.Error, "UNANSWERED")
		return res, err
	}
	s.SetAttributes(attribute.Int("http.response.status_code", res.StatusCode))
	if res.StatusCode >= 500 {
		s.SetStatus(codes.Error, "")
	}
	return res, nil
}

// parent is what W3C's Trace Context calls traceparent.
func parent(c trace.SpanContext) string {
	return "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + hex.EncodeToString([]byte{byte(c.TraceFlags())})
}

// ids gives a call's trace the call's own id.
type ids struct{}

func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, ok := ctx.Value(wanted{}).(trace.TraceID)
	if !ok || !id.IsValid() {
		_, _ = rand.Read(id[:])
	}
	return id, spanID()
}

func (ids) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return spanID() }

func spanID() (id trace.SpanID) {
	for binary.BigEndian.Uint64(id[:]) == 0 {
		_, _ = rand.Read(id[:])
	}
	return id
}
