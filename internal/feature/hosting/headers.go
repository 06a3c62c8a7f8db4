package hosting

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/csp"
)

// EpochHeader says under which state of the grant an answer's policy was made.
const EpochHeader = "Annex-Policy-Epoch"

// closed is the policy of an answer for which none can be made.
const closed = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

// permissions switches off every device and every feature by which a page learns of the
// machine or of the user.
var permissions = func() string {
	features := []string{
		"accelerometer", "ambient-light-sensor", "attribution-reporting", "autoplay", "bluetooth", "browsing-topics", "camera", "compute-pressure",
		"cross-origin-isolated", "display-capture", "encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid",
		"identity-credentials-get", "idle-detection", "interest-cohort", "join-ad-interest-group", "keyboard-map", "local-fonts", "magnetometer",
		"microphone", "midi", "otp-credentials", "payment", "picture-in-picture", "private-aggregation", "publickey-credentials-create",
		"publickey-credentials-get", "run-ad-auction", "screen-wake-lock", "serial", "shared-storage", "storage-access", "unload", "usb",
		"web-share", "window-management", "xr-spatial-tracking", "clipboard-read", "clipboard-write",
	}
	return strings.Join(features, "=(), ") + "=()"
}()

// always sets what every answer of an app's origin carries, whatever it is.
func (s *Service) always(h http.Header) {
	h.Set("Content-Security-Policy", closed)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Origin-Agent-Cluster", "?1")
	h.Set("X-DNS-Prefetch-Control", "off")
	h.Set("Permissions-Policy", permissions)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Cache-Control", "no-store")
	if s.cfg.Scheme == "https" {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// under sets the policy that the installation's grant makes now; hashes are those of the
// document's inline scripts. p is nil where there is no installation.
func (s *Service) under(r *http.Request, h http.Header, p *call.Policy, hashes []string) error {
	set, at := nothing, csp.Place{Shell: s.cfg.UIURL}
	if p != nil {
		var err error
		if at, err = s.Place(r.Context(), p); err != nil {
			return err
		}
		set = p.Set
		h.Set(EpochHeader, strconv.FormatUint(p.Epoch, 10))
		if slices.Contains(set.Sandbox, "allow-storage-access-by-user-activation") {
			h.Set("Permissions-Policy", strings.Replace(permissions, "storage-access=(), ", "", 1))
		}
	}
	at.Hashes = hashes
	policy, err := csp.Compose(set, at)
	if err != nil {
		return err
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("Connection-Allowlist", csp.Allowlist(set))
	h.Set("Reporting-Endpoints", csp.ReportGroup+`="`+csp.ReportPath+`"`)
	return nil
}
