// Package metrics counts what the server does, for Prometheus. Its promise: no label has a
// value that an app, a user or a site chose, and the number of series is bounded by the
// program's own text; what is counted holds no secret and tells nothing of one tenant.
package metrics

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are one server's figures.
type Metrics struct {
	registry *prometheus.Registry
	calls    *prometheus.HistogramVec // kind, class
	cpu      *prometheus.CounterVec   // kind
	host     *prometheus.HistogramVec // method, class
	leaving  *prometheus.CounterVec   // via, decision, rule
	bytes    *prometheus.CounterVec   // via, direction
	requests *prometheus.HistogramVec // family, status
	known    map[string]*seen
}

var (
	fast = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
)

// New makes a server's figures.
func New() *Metrics {
	vec := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: fast}, labels)
	}
	count := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls:    vec("annex_call_seconds", "Calls of app functions, by what made them and how they ended.", "kind", "class"),
		cpu:      count("annex_call_cpu_seconds_total", "Processor time that app code used.", "kind"),
		host:     vec("annex_host_call_seconds", "Host calls of app code, by method and how they ended.", "method", "class"),
		leaving:  count("annex_outbound_requests_total", "Requests that apps wanted to send, and what was decided.", "via", "decision", "rule"),
		bytes:    count("annex_outbound_bytes_total", "Bytes of the bodies that apps sent and received.", "via", "direction"),
		requests: vec("annex_http_request_seconds", "Requests to this server, by the family of origins.", "family", "status"),
		known:    map[string]*seen{"kind": {}, "class": {}, "method": {}, "via": {}, "rule": {}},
	}
	m.registry.MustRegister(m.calls, m.cpu, m.host, m.leaving, m.bytes, m.requests,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// maxValues bounds the values of a label, should the program ever name more than it ought to.
const maxValues = 100

// seen is the set of values that a label has had.
type seen struct {
	mu     sync.RWMutex
	values map[string]bool
}

func (s *seen) of(v string) string {
	s.mu.RLock()
	known := s.values[v]
	s.mu.RUnlock()
	if known {
		return v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string]bool{}
	}
	if !s.values[v] && len(s.values) >= maxValues {
		return "other"
	}
	s.values[v] = true
	return v
}

// Call counts one call of a function.
func (m *Metrics) Call(kind, class string, took, cpu time.Duration) {
	kind = m.known["kind"].of(kind)
	m.calls.WithLabelValues(kind, m.known["class"].of(class)).Observe(took.Seconds())
	m.cpu.WithLabelValues(kind).Add(cpu.Seconds())
}

// HostCall counts one host call; method is one that the server answers.
func (m *Metrics) HostCall(method, class string, took time.Duration) {
	m.host.WithLabelValues(m.known["method"].of(method), m.known["class"].of(class)).Observe(took.Seconds())
}

// Leaving counts one decision about a request of an app's.
func (m *Metrics) Leaving(via string, allowed bool, rule string, sent, received int64) {
	via, decision := m.known["via"].of(via), "denied"
	if allowed {
		decision = "allowed"
	}
	m.leaving.WithLabelValues(via, decision, m.known["rule"].of(rule)).Inc()
	m.bytes.WithLabelValues(via, "sent").Add(float64(max(sent, 0)))
	m.bytes.WithLabelValues(via, "received").Add(float64(max(received, 0)))
}

// Requests counts the requests that a handler answers.
func (m *Metrics) Requests(family string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, out := time.Now(), &counted{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			m.requests.WithLabelValues(family, strconv.Itoa(out.status/100)+"xx").Observe(time.Since(began).Seconds())
		}()
		h.ServeHTTP(out, r)
	})
}

// counted notes an answer's status.
type counted struct {
	http.ResponseWriter
	status int
}

func (c *counted) WriteHeader(status int) {
	if status >= 200 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what the writer can.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Flush is for those that look for it on the writer itself.
func (c *counted) Flush() { _ = http.NewResponseController(c.ResponseWriter).Flush() }

// Gauge is a figure that is read when somebody asks.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// GaugeOf is one of several figures of a name, told apart by a label.
func (m *Metrics) GaugeOf(name, help, label, is string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: prometheus.Labels{label: is}}, value))
}

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}
