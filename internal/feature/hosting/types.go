package hosting

import (
	"path"
	"strings"
)

// types are the content types of files by their ending. The machine's own table is not
// asked: what a browser makes of a file must not depend on where the server runs.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".htm": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".cjs": "text/javascript; charset=utf-8",
	".json": "application/json", ".map": "application/json", ".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8",
	".md": "text/plain; charset=utf-8", ".csv": "text/csv; charset=utf-8", ".xml": "text/xml; charset=utf-8", ".svg": "image/svg+xml",
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif",
	".ico": "image/x-icon", ".bmp": "image/bmp", ".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf",
	".wasm": "application/wasm", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav", ".mp4": "video/mp4", ".webm": "video/webm",
	".pdf": "application/pdf",
}

func typeOf(file string) string {
	if t, ok := types[strings.ToLower(path.Ext(file))]; ok {
		return t
	}
	return "application/octet-stream"
}

func isDocument(file string) bool { return strings.HasPrefix(typeOf(file), "text/html") }

// shrinks reports whether compressing a file of the type is worth it.
func shrinks(contentType string) bool {
	return strings.HasPrefix(contentType, "text/") || strings.HasPrefix(contentType, "application/json") || strings.HasPrefix(contentType, "application/manifest") ||
		contentType == "image/svg+xml" || contentType == "application/wasm" || contentType == "font/ttf" || contentType == "font/otf"
}

// encodingFor picks an encoding that the browser takes.
func encodingFor(accepted string) string {
	best := ""
	for part := range strings.SplitSeq(accepted, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if q = strings.ReplaceAll(q, " ", ""); strings.HasPrefix(q, "q=0") && strings.Trim(q, "q=0.") == "" {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "br":
			return "br"
		case "gzip":
			best = "gzip"
		}
	}
	return best
}
