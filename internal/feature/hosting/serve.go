package hosting

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

const (
	bridgePath = "/_annex/bridge.js"
	scriptPath = "/_annex/sdk.js"
	// localesFolder is where pages look for translations, beside their documents.
	localesFolder = "__LOCALES__/"
)

// small is below what compressing changes nothing.
const small = 512

// ServeHTTP answers on the origin that the request's host names.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	s.always(h)
	p, err := s.running(r)
	if err == nil || fault.KindOf(err) != fault.Unavailable {
		if under := s.under(r, h, p, nil); under != nil {
			s.failed(w, r, under)
			return
		}
	}
	switch {
	case err != nil && fault.KindOf(err) == fault.Unavailable:
		h.Set("Retry-After", "1")
		refuse(w, r, http.StatusServiceUnavailable, "cannot be confirmed at present; try again")
	case err != nil:
		// What a page of an installation that ended left in the browser goes.
		h.Set("Clear-Site-Data", `"cache", "storage"`)
		refuse(w, r, http.StatusNotFound, "not found")
	case r.Header.Get("Service-Worker") != "" || r.Header.Get("Sec-Fetch-Dest") == "serviceworker":
		// A service worker outlives every decision, and makes documents under a policy of
		// its own.
		refuse(w, r, http.StatusForbidden, "service workers are not offered")
	case r.URL.Path == csp.ReportPath && r.Method == http.MethodPost:
		s.report(w, r, p)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		refuse(w, r, http.StatusMethodNotAllowed, "only GET and HEAD")
	case r.URL.Path == bridgePath:
		serveScript(w, r, s.bridge)
	case r.URL.Path == scriptPath && len(s.script.text) > 0:
		serveScript(w, r, s.script)
	default:
		s.file(w, r, p)
	}
}

// running is the policy of the installation that the host names, if it runs.
func (s *Service) running(r *http.Request) (*call.Policy, error) {
	host := strings.ToLower(r.Host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	label, _, _ := strings.Cut(host, ".")
	install, ok := s.labels.whose(label)
	if !ok {
		return nil, unknown()
	}
	return s.cfg.Policies.Policy(r.Context(), install)
}

func unknown() error {
	return fault.New(fault.NotFound, "NOT_INSTALLED", "there is no such installation")
}

// file serves /VERSION/RESOURCE/FILE of the version that runs. Names are looked up in what
// was deployed; no file system is asked.
func (s *Service) file(w http.ResponseWriter, r *http.Request, p *call.Policy) {
	v, err := s.version(r.Context(), p.Version)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	hash, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	key, name, slash := strings.Cut(rest, "/")
	if slash && name == "" {
		name = "index.html"
	}
	if asked, is := strings.CutPrefix(name, localesFolder); is && hash == v.Hash && s.locales(w, r, p.Version, asked) {
		return
	}
	blob, ok := v.Resources[key].Files[name]
	if hash != v.Hash || !ok {
		refuse(w, r, http.StatusNotFound, "not found")
		return
	}
	typ, document := typeOf(name), isDocument(name)
	encoding := ""
	if shrinks(typ) && r.Header.Get("Range") == "" {
		encoding = encodingFor(r.Header.Get("Accept-Encoding"))
	}
	b, err := s.store.get(r.Context(), blob, document, "")
	switch {
	case err != nil || encoding == "":
	case len(b.data) < small:
		encoding = ""
	default:
		b, err = s.store.get(r.Context(), blob, document, encoding)
	}
	if err != nil {
		s.failed(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", typ)
	h.Add("Vary", "Accept-Encoding")
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	if document {
		// Never kept: the next one may stand under another policy.
		if err := s.under(r, h, p, b.hashes); err != nil {
			s.failed(w, r, err)
			return
		}
		send(w, r, b.data)
		return
	}
	h.Set("Cache-Control", "no-cache")
	if onlyPart(typ) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	tag := `"` + string(blob)
	if encoding != "" {
		tag += "-" + encoding
	}
	h.Set("ETag", tag+`"`)
	if encoding == "" {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.data))
		return
	}
	if matches(r.Header.Get("If-None-Match"), tag+`"`) {
		notModified(w)
		return
	}
	send(w, r, b.data)
}

// onlyPart reports whether a file can be part of a page and no more. A script can be a
// worker's, and pictures and texts in markup documents of their own: those stand under the
// policy that came with them, and a browser that kept it would go on after the grant was
// taken away. So it asks each time, and the answer that nothing changed brings the policy of
// the moment.
func onlyPart(typ string) bool {
	typ, _, _ = strings.Cut(typ, ";")
	family, _, _ := strings.Cut(typ, "/")
	switch family {
	case "image":
		return typ != "image/svg+xml"
	case "font", "audio", "video":
		return true
	}
	return typ == "text/css"
}

// locales answers for the files of translations that a build would have put beside a page,
// with those of the manifest. A page's own files of these names are not reached.
func (s *Service) locales(w http.ResponseWriter, r *http.Request, version id.Version, asked string) bool {
	if s.cfg.Texts == nil {
		return false
	}
	var text []byte
	var err error
	if locale, ok := strings.CutSuffix(asked, ".json"); asked == "i18n-info.json" {
		text, err = s.cfg.Texts.Languages(r.Context(), version)
	} else if ok {
		_, text, err = s.cfg.Texts.Texts(r.Context(), version, locale, false)
	}
	switch {
	case err != nil:
		s.failed(w, r, err)
	case text == nil:
		return false
	default:
		w.Header().Set("Content-Type", types[".json"])
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		send(w, r, text)
	}
	return true
}

func serveScript(w http.ResponseWriter, r *http.Request, what script) {
	h := w.Header()
	h.Set("Content-Type", types[".js"])
	h.Set("Cache-Control", "no-cache")
	if r.URL.RawQuery == "v="+what.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("ETag", `"`+what.hash+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(what.text))
}

func send(w http.ResponseWriter, r *http.Request, data []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // the browser went away; there is nobody to tell
	}
}

func notModified(w http.ResponseWriter) {
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Length"} {
		w.Header().Del(name)
	}
	w.WriteHeader(http.StatusNotModified)
}

// matches reads If-None-Match.
func matches(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if part = strings.TrimPrefix(strings.TrimSpace(part), "W/"); part == tag || part == "*" {
			return true
		}
	}
	return false
}

// refuse says no in plain text. The headers that every answer has are there already.
func refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	h := w.Header()
	for _, name := range []string{"ETag", "Content-Encoding", "Vary"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)+1))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(text + "\n"))
	}
}

// failed is an answer that could not be made: nothing of it is shown, and its policy
// admits nothing.
func (s *Service) failed(w http.ResponseWriter, r *http.Request, err error) {
	s.cfg.Log.ErrorContext(r.Context(), "a page of an app could not be served", "path", r.URL.Path, "err", err)
	status := http.StatusInternalServerError
	if k := fault.KindOf(err); k == fault.Unavailable || k == fault.NotFound {
		status = k.Status()
	}
	refuse(w, r, status, "the page cannot be served")
}
