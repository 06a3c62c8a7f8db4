package hostrule

import (
	"regexp"
	"slices"
	"strings"
)

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$")

// takenHeaders are the connection's and the platform's.
var takenHeaders = []string{"host", "content-length", "content-type", "transfer-encoding", "connection", "cookie", "te", "upgrade", "trailer", "expect", "via", "forwarded", "proxy-authorization"}

// HeaderName reports whether a text is the name of a header.
func HeaderName(name string) bool { return headerName.MatchString(name) }

// FreeHeader reports whether a credential may go into the header of the name: it decides
// nothing about where a request goes, and says nothing that the platform says.
func FreeHeader(name string) bool {
	lower := strings.ToLower(name)
	return HeaderName(name) && !slices.Contains(takenHeaders, lower) && !strings.HasPrefix(lower, "x-forwarded-") && !strings.HasPrefix(lower, "x-forge-")
}
