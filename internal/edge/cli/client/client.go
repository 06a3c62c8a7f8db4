// Package client speaks the control API of a server (internal/edge/httpapi,
// openapi.yaml) in Go types. It follows no redirect and sends a token over plain HTTP
// to the machine itself only, so a token cannot end elsewhere than where it was meant for.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// Config says which server to speak to, and as whom.
type Config struct {
	URL   string
	Token string
	// Agent is the User-Agent.
	Agent string
	// AllowHTTP permits a token over plain HTTP to other machines.
	AllowHTTP bool
	// Transport carries the requests; nil for the network.
	Transport http.RoundTripper
}

// Client speaks to one server. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	token string
	agent string
	http  *http.Client
}

// New checks the address and makes a client. Nothing is sent yet.
func New(c Config) (*Client, error) {
	u, err := url.Parse(strings.TrimSuffix(c.URL, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Usage, "SERVER_URL", "%q is not the address of a server", c.URL).
			WithFix("write it as http://127.0.0.1:8480 or https://api.example.com")
	}
	if u.Scheme == "http" && c.Token != "" && !c.AllowHTTP && !onThisMachine(u.Hostname()) {
		return nil, fault.New(fault.Usage, "SERVER_URL", "a token is not sent to %s over plain HTTP", u.Host).
			WithFix("use https, or set ANNEX_ALLOW_HTTP=1 where the network itself is trusted")
	}
	transport := c.Transport
	if transport == nil {
		transport = network()
	}
	return &Client{base: u, token: c.Token, agent: c.Agent, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     transport,
	}}, nil
}

func network() http.RoundTripper {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		// Resolvers do not know *.localhost; RFC 6761 says what it means.
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(addr); err == nil && isLocalhost(host) {
				addr = net.JoinHostPort("127.0.0.1", port)
			}
			return dialer.DialContext(ctx, network, addr)
		},
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 3 * time.Minute,
	}
}

// URL is the server's address.
func (c *Client) URL() string { return c.base.String() }

func isLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return isLocalhost(host) || ip != nil && ip.IsLoopback()
}

// Failure is an error answer of the server.
type Failure struct {
	Fault       *fault.Error
	Diagnostics []Diagnostic
}

// Error is the server's sentence.
func (f *Failure) Error() string { return f.Fault.Error() }

// Unwrap lets fault.As find the error.
func (f *Failure) Unwrap() error { return f.Fault }

// wireError is the API's Error schema.
type wireError struct {
	Kind        string         `json:"kind"`
	Code        string         `json:"code"`
	Message     string         `json:"message"`
	Fix         string         `json:"fix"`
	ReasonID    string         `json:"reasonId"`
	Fields      map[string]any `json:"fields"`
	Diagnostics []Diagnostic   `json:"diagnostics"`
}

// do sends one request. in, when not nil, is the JSON body; out, when not nil, takes
// the JSON answer. It gives the status, so that callers can tell 200 from 201.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, in, out any) (int, error) {
	var body io.Reader
	contentType := ""
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, fault.Op("client.do", err)
		}
		body, contentType = bytes.NewReader(text), "application/json"
	}
	return c.send(ctx, method, path, query, body, contentType, out)
}

func (c *Client) send(ctx context.Context, method, path string, query url.Values, body io.Reader, contentType string, out any) (int, error) {
	u := *c.base
	u.RawPath = ""
	target := u.String() + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return 0, fault.Op("client.send", err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.agent)
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return 0, fmt.Errorf("client.send: %w", context.Cause(ctx))
		}
		return 0, c.unreachable(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return res.StatusCode, c.unreachable(err)
	}
	if len(text) > maxAnswer {
		return res.StatusCode, fault.New(fault.Limit, "ANSWER_TOO_BIG", "the server's answer has more than %d bytes", maxAnswer).WithFix("ask for less at once")
	}
	return res.StatusCode, c.answer(res, text, out)
}

// download copies an answer that is no JSON object to w. One that breaks off is an error.
func (c *Client) download(ctx context.Context, path string, query url.Values, w io.Writer) error {
	u := *c.base
	u.RawPath = ""
	target := u.String() + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fault.Op("client.download", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("User-Agent", c.agent)
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("client.download: %w", context.Cause(ctx))
		}
		return c.unreachable(err)
	}
	defer res.Body.Close()
	if t, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); res.StatusCode != http.StatusOK || err != nil || t != "application/x-ndjson" {
		text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		if err != nil {
			return c.unreachable(err)
		}
		return c.answer(res, text, nil)
	}
	if _, err := io.Copy(w, res.Body); err != nil {
		return fault.New(fault.Unavailable, "BROKEN_OFF", "the server's answer broke off: %v", err).WithFix("try again").Because(err)
	}
	return nil
}

// answer decodes a success into out, and anything else into an error.
func (c *Client) answer(res *http.Response, text []byte, out any) error {
	isJSON := false
	if t, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err == nil {
		isJSON = t == "application/json"
	}
	if isJSON && (res.StatusCode == http.StatusAccepted || res.StatusCode >= 400) {
		var w struct {
			Error *wireError `json:"error"`
		}
		if err := json.Unmarshal(text, &w); err == nil && w.Error != nil {
			return failure(w.Error)
		}
	}
	switch {
	case res.StatusCode == http.StatusNoContent:
		return nil
	case res.StatusCode >= 200 && res.StatusCode < 300 && isJSON:
		if out == nil {
			return nil
		}
		if err := json.Unmarshal(text, out); err != nil {
			return c.notAnnex(res).Because(err)
		}
		return nil
	}
	return c.notAnnex(res)
}

func failure(w *wireError) error {
	kind := fault.ParseKind(w.Kind)
	return &Failure{
		Fault:       &fault.Error{Kind: kind, Code: w.Code, Public: w.Message, Fix: w.Fix, ReasonID: w.ReasonID, Fields: w.Fields},
		Diagnostics: w.Diagnostics,
	}
}

func (c *Client) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fault.New(fault.Unavailable, "UNREACHABLE", "no server answers at %s (%v)", c.base, err).
		WithFix("start one with `annex demo` or `annex serve`, or set ANNEX_URL to the address of a running one").Because(err)
}

func (c *Client) notAnnex(res *http.Response) *fault.Error {
	return fault.New(fault.Unavailable, "NOT_ANNEX", "what answers at %s is no Annex control API (%s)", c.base, res.Status).
		WithFix("set ANNEX_URL to the address that `annex serve` or `annex demo` printed as control")
}
