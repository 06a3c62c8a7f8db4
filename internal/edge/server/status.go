package server

import "html/template"

var statusTemplate = template.Must(template.New("status").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Annex</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1rem;color:#1c2433}code{background:#f0f2f7;padding:.1rem .35rem;border-radius:4px}dt{color:#5b6577}dd{margin:0 0 .6rem}
@media(prefers-color-scheme:dark){body{background:#131822;color:#e6eaf2}code{background:#242c3a}dt{color:#9aa5b8}}</style>
<h1>{{if .Found}}Annex is running{{else}}There is no such page{{end}}</h1>
<p>Developers, administrators and programs use the <code>annex</code> command or the control API. Web triggers answer on addresses of their own.</p>
<dl><dt>Control API</dt><dd><code>{{.Control}}</code></dd>
<dt>Version</dt><dd>{{.Health.Version}}</dd>
<dt>Isolation</dt><dd>{{.Health.Isolation}}</dd>
<dt>Worker processes</dt><dd>{{.Health.Workers}}</dd></dl>
</html>
`))
