package applint

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/webpage"
	"github.com/annexhq/annex/manifest"
)

// pages are the files that an app has browsers load, as far as they can be read.
type pages struct {
	texts map[string]string
	// scripts is a file that runs in browsers, asks one that asks products, "" if none does.
	scripts, asks string
	// unread says why nobody knows what the pages use, "" if that is known.
	unread string
}

// markup are files of pages in which an address stands as it is used.
var markup = []string{".html", ".htm", ".css", ".svg", ".json", ".webmanifest"}

// asksProduct is what a page holds that asks a product: the bridge's command, or a
// function that stands for it.
var asksProduct = regexp.MustCompile(`\b(?:fetchProduct|request(?:Product|Jira|Confluence|Bitbucket))\b`)

// readPages reads an app's pages.
func readPages(dir string, m *manifest.Manifest) *pages {
	p := &pages{texts: map[string]string{}}
	files, err := StaticFiles(dir, m)
	if err != nil {
		p.unread = "the files of the app's resources cannot be read"
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text, ext := string(files[name]), strings.ToLower(path.Ext(name))
		script := ext == ".js" || ext == ".mjs"
		if ext == ".html" || ext == ".htm" {
			doc := webpage.Read(files[name])
			script = script || len(doc.Hashes) > 0
			for _, l := range doc.Links {
				if l.Kind == "script" && strings.Contains(l.URL, "//") {
					p.unread = name + " runs a script from elsewhere"
				}
			}
		}
		if !script && !slices.Contains(markup, ext) {
			continue
		}
		p.texts[name] = text
		if script && p.scripts == "" {
			p.scripts = name
		}
		if script && p.asks == "" && asksProduct.MatchString(text) {
			p.asks = name
		}
	}
	return p
}

func (p *pages) mention(host string) bool {
	for _, t := range p.texts {
		if strings.Contains(t, host) {
			return true
		}
	}
	return false
}
