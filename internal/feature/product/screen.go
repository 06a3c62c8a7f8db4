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
	contacts []string // addresses that the product would contact
}

// screen leaves out what the operation does not declare and refuses what would change who
// is asking, wherever in the request it stands.
func screen(let *pass, header http.Header, body []byte, held call.Room) (screened, error) {
	var out screened
	media, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil && header.Get("Content-Type") != "" {
		return out, closed("BODY_REFUSED", "the Content-Type of the request is malformed")
	}
	form, err := formOf(media, params["boundary"], body, held)
	if err != nil {
		return out, err
	}
	if len(body) > 0 {
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
// that files of any size can be sent.
func formOf(media, boundary string, body []byte, held call.Room) (url.Values, error) {
	malformed := func() error {
		return closed("BODY_REFUSED", "the form in the body is malformed").WithFix("send a FormData or URLSearchParams")
	}
	switch media {
	case "application/x-www-form-urlencoded":
		// Before it is read: each "&" of two bytes would become many times as much.
		if bytes.Count(body, []byte("&")) >= maxParts {
			return nil, malformed()
		}
		if err := room(held, 2*len(body)); err != nil {
			return nil, err
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, malformed()
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
			if err != nil || part.FormName() == "" {
				return nil, malformed()
			}
			if part.FileName() != "" {
				form[part.FormName()] = append(form[part.FormName()], "")
				continue
			}
			value, err := io.ReadAll(io.LimitReader(part, 64<<10))
			if err != nil {
				return nil, malformed()
			}
			if err := room(held, len(value)); err != nil {
				return nil, err
			}
			form.Add(part.FormName(), string(value))
		}
		return nil, malformed()
	default:
		return nil, nil
	}
}
