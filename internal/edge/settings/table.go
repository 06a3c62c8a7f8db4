// Package settings reads how a server is configured. Its promise: each setting has one
// name, which is its flag, its key in the configuration file and, as ANNEX_NAME, its
// environment variable; a flag wins over the environment, the environment over the file,
// the file over the default; and no secret is taken from where others could read it, or
// printed.
//
// The table of this file is all there is: flags, the file's keys, and docs/operate.md are
// made from it.
package settings

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Setting is one row of the table.
type Setting struct {
	Name    string // "key-ring": --key-ring, key-ring: in the file, ANNEX_KEY_RING
	Default string
	Words   string // for people; the kind of value is in backquotes: "`file` of the keys"
	// Path says that a relative value is meant from the place where it was written: the
	// file's folder, or the working directory.
	Path bool
	// Switch says that the value is true or false, and the flag takes none.
	Switch bool
	// Secret values may stand in the environment only; FileOf names the setting whose
	// value is what a file holds.
	Secret func(value string) bool
	FileOf string
	// check gives what a value has to be, "" when it is that.
	check func(value string) string
}

// Value is the kind of value that the setting takes: "file".
func (s Setting) Value() string {
	_, rest, _ := strings.Cut(s.Words, "`")
	name, _, _ := strings.Cut(rest, "`")
	return name
}

// Env is the setting's environment variable.
func (s Setting) Env() string {
	return "ANNEX_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// Table holds every setting of `annex serve`, in the order of the documentation.
var Table = []Setting{
	{Name: "data", Default: "annex-data", Path: true, Words: "data `directory`"},
	{Name: "database", Words: "postgres:// `URL` (default: SQLite in the data directory); one with a password only by the environment or database-file",
		Secret: hasPassword, check: databaseURL},
	{Name: "database-file", Path: true, FileOf: "database", Words: "`file` that holds the database's URL"},
	{Name: "key-ring", Path: true, Words: "`file` of the keys that seal stored secrets (default: annex/keyring in your configuration folder)"},
	{Name: "blobs", Path: true, Words: "`folder` of deployed bytes, the same for all servers of one database (default: blobs in the data directory)"},
	{Name: "listen", Default: "127.0.0.1:8480", Words: "`address` to listen on", check: address},
	{Name: "platform-domain", Words: "`domain` of api.… and ui.…"},
	{Name: "apps-domain", Words: "another registrable `domain`, for apps and web triggers"},
	{Name: "workers", Default: "0", Words: "`number` of worker processes (0: as the machine allows)", check: workers},
	{Name: "isolation-worker", Default: "shared", Words: "`grade` of who shares a worker process: shared (all), site or app (each its own); every call has an instance of its own in any case",
		check: oneOf("shared", "site", "app")},
	{Name: "worker-memory", Default: "0", Words: "`MB` that the calls of one worker process may hold together (0: half of the machine's memory, divided by the workers)", check: workerMemory},
	{Name: "quotas", Path: true, Words: "`file` of the figures of what installations, apps, sites and users may use (operate.md)"},
	{Name: "shutdown-delay", Default: "0s", Words: "`duration` for which a server that was told to stop still takes requests, while /readyz answers 503", check: duration},
	{Name: "shutdown-grace", Default: "30s", Words: "`duration` in which running calls may finish then", check: duration},
	{Name: "metrics-listen", Words: "`address` on which Prometheus asks for /metrics, without a token (default: none)", check: addressOrNone},
	{Name: "traces-endpoint", Words: "`URL` of an OpenTelemetry collector, OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces (default: none)", check: collectorURL},
	{Name: "traces-percent", Default: "100", Words: "`number` of calls of a hundred that the collector is told of", check: percent},
	{Name: "log-format", Default: "auto", Words: "`format` of the log: text, json, or auto: text on a terminal", check: oneOf("auto", "text", "json")},
	{Name: "log-level", Default: "info", Words: "lowest `level` of the log: debug, info, warn or error", check: oneOf("debug", "info", "warn", "error")},
}

func find(table []Setting, name string) (Setting, bool) {
	for _, s := range table {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

// maxWorkers is more than machines have processors, and leastMemory what one call may use
// when its app asks for nothing else.
const maxWorkers, leastMemory = 512, 128

func workers(v string) string {
	if n, err := strconv.Atoi(v); err != nil || n < 0 || n > maxWorkers {
		return fmt.Sprintf("a whole number from 0 to %d", maxWorkers)
	}
	return ""
}

func workerMemory(v string) string {
	if n, err := strconv.Atoi(v); err != nil || n != 0 && n < leastMemory {
		return fmt.Sprintf("0, or %d and more: one call may use as much", leastMemory)
	}
	return ""
}

func duration(v string) string {
	if d, err := time.ParseDuration(v); err != nil || d < 0 || d > 24*time.Hour {
		return "a duration such as 30s or 2m, at most a day"
	}
	return ""
}

func oneOf(values ...string) func(string) string {
	return func(v string) string {
		for _, x := range values {
			if v == x {
				return ""
			}
		}
		return strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
	}
}

func truth(v string) string {
	if v != "true" && v != "false" {
		return "true or false"
	}
	return ""
}

// Markdown is the table for docs/operate.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| flag | in the file | environment | default | |\n|---|---|---|---|---|\n")
	for _, s := range Table {
		flag := "--" + s.Name
		if !s.Switch {
			flag += " " + strings.ToUpper(s.Value())
		}
		def := s.Default
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s:` | `%s` | %s | %s |\n", flag, s.Name, s.Env(), def, strings.ReplaceAll(s.Words, "`", ""))
	}
	return b.String()
}

func addressOrNone(v string) string {
	if v == "" {
		return ""
	}
	return address(v)
}

func collectorURL(v string) string {
	if v == "" {
		return ""
	}
	if u, err := url.Parse(v); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
		return "an http or https URL without a user or query"
	}
	return ""
}

func percent(v string) string {
	if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 100 {
		return "a whole number from 1 to 100"
	}
	return ""
}
