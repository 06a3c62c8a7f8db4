package main

import (
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// kit bundles the renderer of UI Kit trees: a module for the shell's page, and its
// stylesheet. Both are plain files of the page's own origin, as its policy demands:
// nothing in them is evaluated from text.
func kit(web string) (script, styles []byte, err error) {
	out := api.Build(api.BuildOptions{
		AbsWorkingDir: web,
		EntryPointsAdvanced: []api.EntryPoint{
			{InputPath: filepath.Join(web, "packages/kit/src/index.js"), OutputPath: "kit"},
			{InputPath: filepath.Join(web, "packages/kit/src/kit.css"), OutputPath: "kit"},
		},
		Outdir:            filepath.Join(web, "out"),
		Bundle:            true,
		Platform:          api.PlatformBrowser,
		Format:            api.FormatESModule,
		Target:            api.ES2023,
		JSX:               api.JSXAutomatic,
		JSXImportSource:   "preact",
		Charset:           api.CharsetUTF8,
		LegalComments:     api.LegalCommentsNone,
		LogLevel:          api.LogLevelSilent,
		MinifyWhitespace:  true,
		MinifySyntax:      true,
		MinifyIdentifiers: true,
		// The browsers that the shell demands know light-dark(), nesting and the like.
		Engines: []api.Engine{{Name: api.EngineChrome, Version: "125"}, {Name: api.EngineFirefox, Version: "128"}, {Name: api.EngineSafari, Version: "17.5"}},
	})
	if err := failure(out.Errors); err != nil {
		return nil, nil, err
	}
	for _, f := range out.OutputFiles {
		switch filepath.Base(f.Path) {
		case "kit.js":
			script = f.Contents
		case "kit.css":
			styles = f.Contents
		}
	}
	return script, styles, nil
}
