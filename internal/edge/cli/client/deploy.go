package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
)

// Upload is what a deployment carries.
type Upload struct {
	App         string // id, or "" for the manifest's
	Environment string
	Name        string // for an app whose manifest has none
	Message     string
	Manifest    []byte
	Bundle      []byte
	SourceMap   []byte
	// Files are static files by their path below the app's folder.
	Files map[string][]byte
	// StopAtGrowth refuses a version that asks for more than the one before.
	StopAtGrowth bool
}

// Deploy uploads a version. sent is told how many bytes have left so far; it may be nil.
func (c *Client) Deploy(ctx context.Context, u Upload, sent func(done, total int64)) (Deployment, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if err := u.write(w); err != nil {
		return Deployment{}, fault.Op("client.Deploy", err)
	}
	total := int64(body.Len())
	var r io.Reader = &body
	if sent != nil {
		r = &counting{r: r, total: total, sent: sent}
	}
	var out Deployment
	_, err := c.send(ctx, http.MethodPost, seg("deployments"), nil, r, w.FormDataContentType(), &out)
	return out, err
}

func (u Upload) write(w *multipart.Writer) error {
	meta, err := json.Marshal(struct {
		App         string `json:"app,omitempty"`
		Environment string `json:"environment"`
		Name        string `json:"name,omitempty"`
		Message     string `json:"message,omitempty"`
		// StopAtGrowth refuses a version that asks for more than the one before.
		StopAtGrowth bool `json:"stopAtGrowth,omitempty"`
	}{u.App, u.Environment, u.Name, u.Message, u.StopAtGrowth})
	if err != nil {
		return err
	}
	parts := []struct {
		name, contentType string
		data              []byte
	}{
		{"meta", "application/json", meta},
		{"manifest", "application/yaml", u.Manifest},
		{"bundle", "text/javascript", u.Bundle},
		{"sourceMap", "application/json", u.SourceMap},
	}
	for _, p := range parts {
		if p.data == nil && p.name != "bundle" { // an app of pages alone has an empty bundle
			continue
		}
		if err := writePart(w, map[string]string{"name": p.name}, p.contentType, p.data); err != nil {
			return err
		}
	}
	names := make([]string, 0, len(u.Files))
	for name := range u.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := writePart(w, map[string]string{"name": "file", "filename": name}, "application/octet-stream", u.Files[name]); err != nil {
			return err
		}
	}
	return w.Close()
}

// writePart escapes what names may hold as RFC 7578's users do.
func writePart(w *multipart.Writer, params map[string]string, contentType string, data []byte) error {
	h := textproto.MIMEHeader{}
	disposition := "form-data"
	for _, k := range []string{"name", "filename"} {
		if v, ok := params[k]; ok {
			disposition += "; " + k + `="` + escapeQuotes(v) + `"`
		}
	}
	h.Set("Content-Disposition", disposition)
	h.Set("Content-Type", contentType)
	part, err := w.CreatePart(h)
	if err != nil {
		return err
	}
	_, err = part.Write(data)
	return err
}

func escapeQuotes(s string) string {
	var b bytes.Buffer
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\r', '\n':
			b.WriteByte('_')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// counting tells how much of a body was read.
type counting struct {
	r     io.Reader
	done  int64
	total int64
	sent  func(done, total int64)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	c.sent(c.done, c.total)
	return n, err
}
