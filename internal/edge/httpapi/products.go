package httpapi

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/openapi"
	"github.com/annexhq/annex/manifest"
)

// maxDeclaration bounds a product's declaration: product.yaml, its OpenAPI document and
// the parts' heads.
const maxDeclaration = tenancy.MaxProductSize + openapi.MaxSize + 64<<10

func (a *API) addProduct(w http.ResponseWriter, r *request) error {
	limit := int64(maxJSON)
	if r.is("multipart/form-data") == nil {
		limit = maxDeclaration
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	check := r.URL.Query().Get("validate")
	if check != "" && check != "true" && check != "false" {
		// Guessing would register what was only to be checked.
		return fault.New(fault.Usage, "BAD_VALIDATE", "validate is true or false")
	}
	d, err := declaration(r)
	if err != nil {
		return err
	}
	var c *tenancy.Checked
	if check == "true" {
		c, err = tenancy.Check(d)
	} else {
		// Without its document none of the product's operations would be open: that is a
		// mistake, and not what anybody wants to register.
		if p, _ := tenancy.ValidateProduct(d.Name, d.Data); p != nil && p.OpenAPI != "" && d.Document == nil {
			return fault.New(fault.Usage, "PART_MISSING", "product.yaml names the OpenAPI document %s, which was not sent", p.OpenAPI).
				WithFix("send multipart/form-data with the parts product and openapi; annex product add does")
		}
		c, err = a.Tenancy.Declare(r.ctx(), r.caller, d)
	}
	if err != nil {
		return err
	}
	found := manifest.Diagnostics{}
	for _, f := range c.Warnings() {
		found = append(found, c.Diagnostic(d.Name, f))
	}
	writeJSON(w, http.StatusOK, map[string]any{"product": productView(c.Product), "diagnostics": found, "operations": c.Summary()})
	return nil
}

// declaration reads product.yaml alone, or with the document that it names.
func declaration(r *request) (tenancy.Declaration, error) {
	d := tenancy.Declaration{Name: "product.yaml"}
	if sent := r.URL.Query().Get("name"); sent != "" {
		if len(sent) > 200 || strings.ContainsFunc(sent, unicode.IsControl) {
			return d, fault.New(fault.Usage, "BAD_NAME", "name is the file's name in at most 200 characters")
		}
		d.Name = sent
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && media == "application/yaml":
		d.Data, err = io.ReadAll(r.Body)
		return d, err
	case err != nil || media != "multipart/form-data":
		return d, fault.New(fault.Usage, "CONTENT_TYPE", "the body must be application/yaml, or multipart/form-data with the parts product and openapi")
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return d, badUpload(err)
		}
		into, limit := &d.Data, int64(tenancy.MaxProductSize)
		switch part.FormName() {
		case "product":
		case "openapi":
			into, limit = &d.Document, openapi.MaxSize
		default:
			return d, fault.New(fault.Usage, "PART_UNKNOWN", "a product has no part %q", part.FormName())
		}
		if *into != nil {
			return d, fault.New(fault.Usage, "PART_TWICE", "the part %q is there twice", part.FormName())
		}
		if *into, err = limited(part, part.FormName(), limit); err != nil {
			return d, err
		}
	}
	if d.Data == nil {
		return d, fault.New(fault.Usage, "PART_MISSING", "a product has the part product")
	}
	return d, nil
}
