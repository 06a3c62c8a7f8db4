package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/registry"
)

// maxUpload bounds a deployment as a whole: manifest, bundle, source map, files and
// the parts' heads.
const maxUpload = registry.MaxManifest + registry.MaxBundle + registry.MaxSourceMap + registry.MaxFilesBytes + 8<<20

func (a *API) deploy(w http.ResponseWriter, r *request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	up, err := readUpload(r.Request)
	if err != nil {
		return err
	}
	d, err := a.Registry.Deploy(r.ctx(), r.caller, up)
	if err != nil {
		return a.growing(r, err)
	}
	a.Changed()
	return a.writeDeployment(w, r, d)
}

func (a *API) promote(w http.ResponseWriter, r *request) error {
	var in struct {
		From         string `json:"from"`
		To           string `json:"to"`
		StopAtGrowth bool   `json:"stopAtGrowth"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("from", in.From, "to", in.To); err != nil {
		return err
	}
	d, err := a.Registry.Promote(r.ctx(), r.caller, r.app(), in.From, in.To, !in.StopAtGrowth)
	if err != nil {
		return a.growing(r, err)
	}
	a.Changed()
	return a.writeDeployment(w, r, d)
}

// rollback makes an environment run a version that was deployed to it before.
func (a *API) rollback(w http.ResponseWriter, r *request) error {
	var in struct {
		Version      string `json:"version"`
		StopAtGrowth bool   `json:"stopAtGrowth"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("version", in.Version); err != nil {
		return err
	}
	d, err := a.Registry.Rollback(r.ctx(), r.caller, r.app(), r.PathValue("environment"), in.Version, !in.StopAtGrowth)
	if err != nil {
		return a.growing(r, err)
	}
	a.Changed()
	return a.writeDeployment(w, r, d)
}

// growing puts the growth for which a version was refused into words.
func (a *API) growing(r *request, err error) error {
	var g *registry.Grows
	e, ok := fault.As(err)
	if !errors.As(err, &g) || !ok {
		return err
	}
	words, wordsErr := a.Words(r.ctx())
	if wordsErr != nil {
		return wordsErr
	}
	return e.With("growth", lines(perm.Describe(g.Growth, words)))
}

func versionView(v registry.Version) map[string]any {
	return map[string]any{
		"id": v.ID, "number": v.Number, "hash": v.Hash, "message": v.Message, "createdAt": v.Created.UTC(), "current": v.Current,
	}
}

func (a *API) diffVersions(w http.ResponseWriter, r *request) error {
	d, err := a.Registry.Diff(r.ctx(), r.caller, r.app(), r.PathValue("environment"), r.URL.Query().Get("from"), r.PathValue("version"))
	if err != nil {
		return err
	}
	words, err := a.Words(r.ctx())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"from": versionView(d.From), "to": versionView(d.To), "grows": !perm.Empty(d.More), "sameBytes": d.SameBytes, "example": d.CounterSample,
		"more": lines(perm.Describe(d.More, words)), "less": lines(perm.Describe(d.Less, words)), "waiting": d.Waiting, "appManaged": d.AppManaged,
	})
	return nil
}

func (a *API) writeDeployment(w http.ResponseWriter, r *request, d registry.Deployment) error {
	words, err := a.Words(r.ctx())
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if !d.Created {
		status = http.StatusOK
	}
	writeJSON(w, status, map[string]any{
		"app": d.App, "appCreated": d.AppCreated, "environment": d.Environment, "version": d.Version, "number": d.Number, "hash": d.Hash,
		"created": d.Created, "kind": d.Kind, "growth": lines(perm.Describe(d.Growth, words)), "upgraded": d.Upgraded, "waiting": d.Waiting,
		"scheduled": d.Scheduled, "appManaged": d.AppManaged,
		"snapshot": map[string]any{
			"snapshotted": d.Prepared.Snapshotted, "reason": d.Prepared.Reason, "bytes": d.Prepared.Bytes, "moduleScopeMs": ms(d.Prepared.ModuleScope),
		},
		"diagnostics": orEmpty(d.Diagnostics),
	})
	return nil
}

// readUpload reads the parts one after the other and holds no more than the limits of
// each; nothing is written to a disk.
func readUpload(r *http.Request) (registry.Upload, error) {
	var up registry.Upload
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return up, fault.New(fault.Usage, "CONTENT_TYPE", "a deployment is multipart/form-data")
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	seen := map[string]bool{}
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return up, badUpload(err)
		}
		name := part.FormName()
		if name != "file" && seen[name] {
			return up, fault.New(fault.Usage, "PART_TWICE", "the part %q is there twice", name)
		}
		seen[name] = true
		if err := readPart(&up, name, part); err != nil {
			return up, err
		}
	}
	if !seen["meta"] || !seen["manifest"] || !seen["bundle"] {
		return up, fault.New(fault.Usage, "PART_MISSING", "a deployment has the parts meta, manifest and bundle")
	}
	return up, nil
}

func readPart(up *registry.Upload, name string, part *multipart.Part) error {
	var err error
	switch name {
	case "meta":
		var raw []byte
		if raw, err = limited(part, name, 64<<10); err != nil {
			return err
		}
		var meta struct {
			App         id.App `json:"app"`
			Environment string `json:"environment"`
			Name        string `json:"name"`
			Message     string `json:"message"`
			// StopAtGrowth refuses a version that asks for more than the one before.
			StopAtGrowth bool `json:"stopAtGrowth"`
		}
		if err := json.Unmarshal(raw, &meta); err != nil {
			return fault.New(fault.Usage, "BAD_JSON", "the part meta is not the JSON that it should be")
		}
		up.App, up.Environment, up.Name, up.Message = meta.App, meta.Environment, meta.Name, meta.Message
		up.StopAtGrowth = meta.StopAtGrowth
	case "manifest":
		up.Manifest, err = limited(part, name, registry.MaxManifest)
	case "bundle":
		up.Bundle, err = limited(part, name, registry.MaxBundle)
	case "sourceMap":
		up.SourceMap, err = limited(part, name, registry.MaxSourceMap)
	case "file":
		var data []byte
		if data, err = limited(part, name, registry.MaxFilesBytes); err == nil {
			err = up.AddFile(fileName(part), data)
		}
	default:
		return fault.New(fault.Usage, "PART_UNKNOWN", "a deployment has no part %q", name)
	}
	return err
}

// fileName is the part's path as it was sent. multipart.Part.FileName keeps only its
// last element, which is what a browser's upload wants and this one does not.
func fileName(part *multipart.Part) string {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return params["filename"]
}

func limited(part io.Reader, name string, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil {
		return nil, badUpload(err)
	}
	if int64(len(raw)) > limit {
		return nil, fault.New(fault.Limit, "LIMIT_UPLOAD", "the part %s is larger than %d bytes", name, limit).With("limit", limit).With("part", name)
	}
	return raw, nil
}

func badUpload(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return fault.New(fault.Usage, "BAD_MULTIPART", "the multipart body breaks off or is malformed").Because(err)
}
