package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// pageScripts are the scripts that browsers run, by the name under which they are embedded.
// What runs in a product's page or an app's page must leave no names behind there.
var pageScripts = []struct {
	name, entry string
	format      api.Format
}{
	{"host.js", "packages/host/src/host.js", api.FormatIIFE},             // in products' pages
	{"shell.js", "packages/host/src/directory.js", api.FormatIIFE},       // /shell
	{"shell-app.js", "packages/host/src/app.js", api.FormatIIFE},         // /shell/app/…
	{"ask.js", "packages/host/src/asking/page.js", api.FormatIIFE},       // /ask/
	{"bridge.js", "packages/bridge/src/frame.js", api.FormatIIFE},        // first in each document of an app
	{"bridge-sdk.js", "packages/bridge/src/page.js", api.FormatESModule}, // what an app's page may import
}

var pageStyles = []struct{ name, entry string }{{"shell.css", "packages/host/src/shell.css"}, {"ask.css", "packages/host/src/asking/ask.css"}}

// pages builds them.
func pages(web string) (map[string][]byte, error) {
	out := map[string][]byte{}
	build := func(name, entry string, format api.Format) error {
		built := api.Build(api.BuildOptions{
			AbsWorkingDir: web, EntryPoints: []string{filepath.Join(web, entry)}, Bundle: true, Format: format,
			Platform: api.PlatformBrowser, Target: api.ES2022, Charset: api.CharsetUTF8, LegalComments: api.LegalCommentsNone, LogLevel: api.LogLevelSilent,
			MinifyWhitespace: true, MinifySyntax: true, MinifyIdentifiers: true,
			External: []string{"/shell/static/*"},
		})
		if err := failure(built.Errors); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		out[name] = built.OutputFiles[0].Contents
		return nil
	}
	for _, s := range pageScripts {
		if err := build(s.name, s.entry, s.format); err != nil {
			return nil, err
		}
	}
	for _, s := range pageStyles {
		text, err := os.ReadFile(filepath.Join(web, s.entry))
		if err != nil {
			return nil, err
		}
		out[s.name] = text
	}
	return out, nil
}
