package product

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/scopemap"
)

// screened is what is left of a request: what its operation declares.
type screened struct {
	query    string
	header   http.Header
	contacts []string  // addresses that the product would contact
	stream   io.Reader // of the body, while it arrives
}

// screen leaves out what the operation does not declare and refuses what would change who
// is asking, wherever in the request it stands.
func screen(let *pass, header http.Header, req *call.Request, limit int64) (screened, error) {
	var out screened
	media, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil && header.Get("Content-Type") != "" {
		return out, closed("BODY_REFUSED", "the Content-Type of the request is malformed")
	}
	if err := begun(req); err != nil {
		return out, err
	}
	// What decides about the request is read before anything of it leaves.
	if media == "application/x-www-form-urlencoded" || len(let.op.Egress) > 0 {
		if err := whole(req, limit); err != nil {
			return out, err
		}
	}
	if out.stream = req.Stream; out.stream != nil && media == "multipart/form-data" {
		if out.stream, err = newFormStream(req.Stream, params["boundary"], func(field string) error {
			_, err := let.op.Screen(scopemap.Sent{Form: url.Values{field: nil}})
			return err
		}); err != nil {
			return out, err
		}
	}
	body := req.Body
	form, err := formOf(media, params["boundary"], body, req.Room, out.stream != nil)
	if err != nil {
		return out, err
	}
	if len(body) > 0 || out.stream != nil {
		if err := let.op.TakesBody(media); err != nil {
			return out, err
		}
	}
	kept, err := let.op.Screen(scopemap.Sent{Query: let.query, Header: header, Form: form})
	if err != nil {
		return out, err
	}
	isJSON := media == "application/json" || strings.HasSuffix(media, "+json")
	if out.contacts, err = destinations(let.op.Egress, kept.Query, form, body, isJSON); err != nil {
		return out, err
	}
	out.query, out.header = url.Values(kept.Query).Encode(), http.Header(kept.Header)
	return out, nil
}

// maxParts bounds a form's fields.
const maxParts = 1000

// formOf are the fields of a form, nil for another body. A part's content is not read, so
// that files of any size can be sent. Those of one that streams are looked at as they go.
func formOf(media, boundary string, body []byte, held call.Room, streams bool) (url.Values, error) {
	if streams {
		return nil, nil
	}
	switch media {
	case "application/x-www-form-urlencoded":
		// Before it is read: each "&" of two bytes would become many times as much.
		if bytes.Count(body, []byte("&")) >= maxParts {
			return nil, malformedForm()
		}
		if err := room(held, 2*len(body)); err != nil {
			return nil, err
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, malformedForm()
		}
		return form, nil
	case "multipart/form-data":
		form := url.Values{}
		parts := multipart.NewReader(bytes.NewReader(body), boundary)
		for range maxParts {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return form, nil
			}
			if err != nil || part.FormName() == "" || ambiguous(part.Header) {
				return nil, malformedForm()
			}
			if part.FileName() != "" {
				form[part.FormName()] = append(form[part.FormName()], "")
				continue
			}
			value, err := io.ReadAll(io.LimitReader(part, 64<<10))
			if err != nil {
				return nil, malformedForm()
			}
			if err := room(held, len(value)); err != nil {
				return nil, err
			}
			form.Add(part.FormName(), string(value))
		}
		return nil, malformedForm()
	default:
		return nil, nil
	}
}
