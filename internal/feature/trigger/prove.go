package trigger

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

const (
	// window is how far a signature's time may be from the server's, either way.
	window = 5 * time.Minute
	// maxSignatures bounds how many signatures a request may offer.
	maxSignatures = 4

	timeHeader      = "Annex-Timestamp"
	signatureHeader = "Annex-Signature"
)

// carries is the header that carries a proof. It is for the platform: the function does
// not get it, so no app can keep or tell what proves its callers.
var carries = map[string]string{byBearer: "Authorization", byHMAC: signatureHeader}

// refusal is why a request did not prove itself. The caller is not told.
type refusal struct{ reason string }

func (r *refusal) Error() string { return "trigger: " + r.reason }

// proven gives the request's body once the request has proved what the version demands.
// What can be refused without the body is; the body's limit holds before it is hashed.
func (s *Service) proven(w http.ResponseWriter, r *http.Request, t target) ([]byte, error) {
	switch t.module.proof() {
	case "":
		return s.body(w, r)
	case byBearer:
		if err := s.bears(r, t.place); err != nil {
			return nil, err
		}
		return s.body(w, r)
	case byHMAC:
		sig, err := s.offeredSignature(r)
		if err != nil {
			return nil, err
		}
		body, err := s.body(w, r)
		if err != nil {
			return nil, err
		}
		return body, s.signed(r, t.place, sig, body)
	default:
		return nil, notFound() // of a manifest that a later server took
	}
}

// bears checks "Authorization: Bearer SECRET".
func (s *Service) bears(r *http.Request, at place) error {
	values := r.Header["Authorization"]
	if len(values) != 1 {
		return &refusal{"no bearer secret"}
	}
	scheme, text, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return &refusal{"no bearer secret"}
	}
	valid, err := s.valid(r.Context(), at)
	if err != nil {
		return err
	}
	// Hashes have one length, so nothing is learnt of the secret's either; every secret is
	// compared, so nothing is learnt of which one it was.
	got, match := sha256.Sum256([]byte(strings.TrimSpace(text))), 0
	for _, one := range valid {
		want := sha256.Sum256(one.text)
		match |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	if match != 1 {
		return &refusal{wrongSecret(valid)}
	}
	return nil
}

// signature is what a request offers as its proof.
type signature struct {
	at      string // as it was written, which is what was signed
	seconds int64
	macs    [][]byte
}

// offeredSignature reads the headers of a signed request and checks its time.
func (s *Service) offeredSignature(r *http.Request) (signature, error) {
	times, macs := r.Header[timeHeader], r.Header[signatureHeader]
	if len(times) != 1 || len(macs) == 0 {
		return signature{}, &refusal{"no signature"}
	}
	sig := signature{at: times[0]}
	for part := range strings.SplitSeq(strings.Join(macs, ","), ",") {
		text, ok := strings.CutPrefix(strings.TrimSpace(part), "v1=")
		if !ok {
			continue // of a scheme that is to come
		}
		mac, err := hex.DecodeString(text)
		if err != nil || len(mac) != sha256.Size || len(sig.macs) == maxSignatures {
			return signature{}, &refusal{"malformed signature"}
		}
		sig.macs = append(sig.macs, mac)
	}
	var ok bool
	if sig.seconds, ok = seconds(sig.at); !ok || len(sig.macs) == 0 {
		return signature{}, &refusal{"malformed signature"}
	}
	if away := s.cfg.Now().Sub(time.Unix(sig.seconds, 0)); away > window || away < -window {
		return signature{}, &refusal{"signature is too old or of the future"}
	}
	return sig, nil
}

// seconds reads Unix seconds with decimals or without. Decimals let a sender sign two
// equal requests within a second.
func seconds(text string) (int64, bool) {
	whole, decimals, dot := strings.Cut(text, ".")
	if !digits(whole, 12) || (dot && !digits(decimals, 9)) {
		return 0, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	return n, err == nil
}

func digits(s string, most int) bool {
	return s != "" && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

// signed checks that a signature is of this request by a valid secret, and takes each
// signed request once.
func (s *Service) signed(r *http.Request, at place, sig signature, body []byte) error {
	ctx := r.Context()
	valid, err := s.valid(ctx, at)
	if err != nil {
		return err
	}
	digest := sha256.New()
	hashes, to := []hash.Hash{}, []io.Writer{digest}
	for _, one := range valid {
		h := hmac.New(sha256.New, one.text)
		hashes, to = append(hashes, h), append(to, h)
	}
	all := io.MultiWriter(to...) // none of these writers fails
	_, _ = io.WriteString(all, sig.at+"\n"+r.Method+"\n"+signedTarget(r)+"\n")
	_, _ = all.Write(body)
	match := 0
	for _, h := range hashes {
		want := h.Sum(nil)
		for _, got := range sig.macs {
			match |= subtle.ConstantTimeCompare(got, want)
		}
	}
	if match != 1 {
		return &refusal{wrongSecret(valid)}
	}
	return s.once(ctx, at, sig, hex.EncodeToString(digest.Sum(nil)))
}

// signedTarget is path and query as they stood in the request line.
func signedTarget(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	if r.URL.RawQuery == "" {
		return rawPath(r)
	}
	return rawPath(r) + "?" + r.URL.RawQuery
}

// once refuses a signed request that was taken before, by whichever server process. What
// was signed is remembered, not the signature: a request signed with both secrets is one.
func (s *Service) once(ctx context.Context, at place, sig signature, digest string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	now := s.cfg.Now()
	// Twice the window: the clocks of several servers may differ by some.
	until := time.Unix(sig.seconds, 0).Add(2 * window)
	n, err := s.cfg.DB.Exec(ctx, addProof, string(at.install), at.module, digest, until.UnixMilli())
	if err != nil {
		return fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the database does not answer").WithFix("try again").Because(err)
	}
	if n == 0 {
		return &refusal{"signed request was sent before"}
	}
	if last := s.swept.Load(); now.UnixMilli()-last > time.Minute.Milliseconds() && s.swept.CompareAndSwap(last, now.UnixMilli()) {
		if _, err := s.cfg.DB.Exec(ctx, oldProofs, now.UnixMilli()); err != nil {
			s.cfg.Log.WarnContext(ctx, "old proofs of web triggers were not deleted", "err", err)
		}
	}
	return nil
}

func (s *Service) valid(ctx context.Context, at place) ([]secret, error) {
	valid, err := s.secrets.find(ctx, keyOf(at.install, at.module))
	return valid, fault.Op("trigger.secrets", err)
}

func wrongSecret(valid []secret) string {
	if len(valid) == 0 {
		return "no secret was made yet"
	}
	return "wrong secret or signature"
}
