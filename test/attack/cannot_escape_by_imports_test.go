package attack

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// Imports of what would open a socket, a process or a file fail when the app is
// deployed, by name and place, not at run time.
func TestAttackEscapeByImports(t *testing.T) {
	p := newPlatform(t)
	for name, statement := range map[string]string{
		"net": `import net from "net"`, "node:net": `import { connect } from "node:net"`, "tls": `import tls from "tls"`, "dns": `import dns from "dns"`,
		"dgram": `import dgram from "dgram"`, "child_process": `import { spawn } from "child_process"`, "worker_threads": `import { Worker } from "worker_threads"`,
		"cluster": `import cluster from "cluster"`, "vm": `import vm from "vm"`, "inspector": `import inspector from "inspector"`, "http2": `import http2 from "http2"`,
		"v8": `import v8 from "v8"`, "wasi": `import { WASI } from "wasi"`,
	} {
		dir := p.folder(map[string]string{
			"manifest.yml": source{also: []string{"run"}}.manifest(),
			"src/index.js": "\n" + statement + ";\nexport const run = () => 1;\n",
			"package.json": `{"name": "attack"}`,
		})
		out, err := p.Annex(t.Context(), p.Access.DeveloperToken, dir, "deploy", "--environment", "development", "--json")
		if err == nil {
			t.Errorf("%s was deployed: %s", name, out)
		} else if !strings.Contains(err.Error(), strings.TrimPrefix(name, "node:")) || !strings.Contains(err.Error(), "index.js") {
			t.Errorf("%s: the error names neither import nor file: %v", name, err)
		}
	}
}

// folder writes an app's files.
func (p *platform) folder(files map[string]string) string {
	p.t.Helper()
	dir, err := os.MkdirTemp(p.dir, "app-")
	if err != nil {
		p.t.Fatal(err)
	}
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	return dir
}

// A bundle made by hand asks the look-up for names that the bundler would have refused.
func TestAttackRequireOddNames(t *testing.T) {
	p := newPlatform(t)
	app := p.deploy("development", source{also: []string{"ask"}, code: `
function ask(names) {
  const got = {};
  for (const name of names) {
    try { __annex_require(name); got[String(name)] = "given"; } catch (err) { got[String(name)] = err.code ?? err.name; }
  }
  return got;
}`})
	odd := []any{
		"net", "node:net", "child_process", "node:child_process", "node:worker_threads", "node:vm", "node:inspector", "test:kernel", "kernel", "annex:kernel",
		"@annex/runtime", "@annex/kernel", "__proto__", "constructor", "toString", "hasOwnProperty", "", "../kernel", "/etc/passwd", "file:///etc/passwd",
		"https://evil.example/x.js", "node:net\x00", "NODE:FS", strings.Repeat("a", 1<<20), 0, -1, nil, true, []string{"node:fs"}, map[string]string{"a": "b"},
	}
	var got map[string]string
	app.result("ask", odd, &got)
	for name, what := range got {
		if what == "given" && name != "node:fs" { // [ "node:fs" ] is the text "node:fs"
			t.Errorf("%.40q was given", name)
		}
	}
}

// Nothing that app code can reach, from the global object or from any module that may
// be imported, is the one function that speaks to the host.
func TestAttackReachHostFunction(t *testing.T) {
	table, err := assets.SDKTable()
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(table.Modules))
	p := newPlatform(t)
	app := p.deploy("development", source{also: []string{"crawl", "evaluate"}, code: `
function crawl(names) {
  const seen = new Set(), queue = [], found = [];
  const add = (value, path) => {
    if (value === null || (typeof value !== "object" && typeof value !== "function") || seen.has(value)) return;
    seen.add(value);
    queue.push([value, path]);
  };
  add(globalThis, "globalThis");
  add(new Function("return this")(), "this");
  add((0, eval)("this"), "eval");
  add((function () { return this; }).call(undefined), "undefined this");
  for (const name of names) add(__annex_require(name), name);
  for (let at = 0; at < queue.length; at++) {
    const [value, path] = queue[at];
    if (typeof value === "function" && (value.name === "__host" || /\b__host\b/.test(Function.prototype.toString.call(value)) && path.length < 20)) found.push(path);
    let keys = [];
    try { keys = Reflect.ownKeys(value); } catch {}
    for (const key of keys) {
      if (key === "__host") found.push(path + ".__host");
      let d;
      try { d = Object.getOwnPropertyDescriptor(value, key); } catch { continue; }
      if (!d) continue;
      const next = path.length > 200 ? path : path + "." + String(key);
      if ("value" in d) add(d.value, next);
      add(d.get, next); add(d.set, next);
      if (d.get) { try { add(value[key], next); } catch {} }
    }
    try { add(Object.getPrototypeOf(value), path + ".[[Prototype]]"); } catch {}
  }
  return { visited: seen.size, found };
}
async function evaluate() {
  const tries = {
    host: () => __host, kernel: () => kernel, std: () => std, os: () => os, scriptArgs: () => scriptArgs, loadScript: () => loadScript,
    deno: () => Deno, bun: () => Bun, wasm: () => WebAssembly, worker: () => Worker, xhr: () => XMLHttpRequest, socket: () => WebSocket,
    require: () => require, binding: () => process.binding("fs"), dlopen: () => process.dlopen, kill: () => process.kill(1, 9), importScripts: () => importScripts,
    thisHost: () => new Function("return this")().__host.call, caller: () => (function f() { return f.caller.arguments; })(),
    async: () => (async () => {}).constructor("return __host")(), generator: () => [...(function* () {}).constructor("yield __host")()],
  };
  const out = {};
  for (const [name, attempt] of Object.entries(tries)) {
    try { const got = await attempt(); out[name] = got === undefined || got === null ? "nothing" : "got " + typeof got; } catch (err) { out[name] = err.name; }
  }
  for (const name of ["node:net", "std", "os", "./x.js", "file:///etc/passwd", "https://evil.example/"]) {
    try { await (new Function("name", "return import(name)"))(name); out["import " + name] = "got"; } catch (err) { out["import " + name] = err.name; }
  }
  return out;
}`})
	var crawled struct {
		Visited int
		Found   []string
	}
	app.result("crawl", names, &crawled)
	if len(crawled.Found) > 0 || crawled.Visited < 1000 {
		t.Errorf("after %d objects the host function was found at %v", crawled.Visited, crawled.Found)
	}
	var tried map[string]string
	app.result("evaluate", nil, &tried)
	for name, got := range tried {
		if strings.HasPrefix(got, "got") {
			t.Errorf("%s gave app code something: %s", name, got)
		}
	}
	if len(tried) < 20 {
		t.Errorf("only %d ways were tried", len(tried))
	}
}

// A stack trace that the app reads itself names the kernel's frames, and gives none of
// its functions.
func TestAttackReachHostFunctionByFrames(t *testing.T) {
	p := newPlatform(t)
	app := p.deploy("development", source{also: []string{"frames"}, code: `
const { kvs } = __annex_require("@annex/kvs");
async function frames() {
  const found = [], seen = [];
  Error.prepareStackTrace = (_, sites) => {
    for (const site of sites) {
      seen.push(String(site.getFunctionName()));
      for (let o = site; o && o !== Object.prototype; o = Object.getPrototypeOf(o)) for (const key of ["getFunction", "getThis", ...Reflect.ownKeys(o)]) {
        let got;
        try { got = typeof site[key] === "function" ? site[key]() : site[key]; } catch {}
        if (typeof got === "function") found.push(String(key) + " of " + site.getFunctionName());
      }
    }
    return "";
  };
  const tries = [
    () => Buffer.prototype.toString.call({}), () => new Intl.DateTimeFormat("en", { timeZone: "Nope/Zone" }), () => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([255])),
    () => setTimeout(1), () => JSON.parse("{", () => {}), () => null.x, () => kvs.get(), () => structuredClone(() => {}),
  ];
  for (const fails of tries) {
    try { await fails(); } catch (err) { void err.stack; }
    const own = {};
    Error.captureStackTrace(own);
    void own.stack;
  }
  Error.prepareStackTrace = undefined;
  return { found, seen: seen.length };
}`})
	var got struct {
		Found []string
		Seen  int
	}
	app.result("frames", nil, &got)
	if len(got.Found) > 0 || got.Seen < 10 {
		t.Errorf("of %d frames, these gave functions: %v", got.Seen, got.Found)
	}
}

// App code that is run while the host answers cannot have the host run inside itself, where
// it would overwrite the engine's own stack: its call ends at most, and its neighbour in
// the same worker sees nothing.
func TestAttackTurnTheEngineOnItself(t *testing.T) {
	p := newPlatform(t)
	app := p.deploy("development", source{also: []string{"ok", "setter", "trace", "detached", "inside"}, code: `
function ok() { return 1; }
const zone = (n) => { try { new Intl.DateTimeFormat("en", { timeZone: "Nope/" + n }); } catch {} };
function setter() {
  let depth = 0;
  for (const name of ["name", "message", "code"]) {
    Object.defineProperty(Error.prototype, name, { configurable: true, get: () => "E", set() { if (depth++ < 3) zone(depth); } });
  }
  for (let i = 0; i < 100; i++) { depth = 0; zone(i); }
  return 1;
}
function trace() {
  let depth = 0;
  Error.prepareStackTrace = () => { if (depth++ < 3) { try { Buffer.prototype.toString.call({}); } catch {} zone(depth); } return ""; };
  for (let i = 0; i < 100; i++) { depth = 0; zone(i); try { Buffer.prototype.toString.call({}); } catch {} }
  return 1;
}
function detached() {
  const { createHash } = __annex_require("node:crypto"), gone = new Uint8Array(64);
  gone.buffer.transfer();
  Error.prepareStackTrace = () => { createHash("md5").update(new Uint8Array(64)).digest(); return ""; };
  for (let i = 0; i < 100; i++) { try { createHash("md5").update(gone).digest(); } catch {} try { new TextDecoder().decode(gone); } catch {} }
  return 1;
}
function inside() {
  const gone = new Uint8Array(64), { memoryUsage } = __annex_require("node:process").default;
  gone.buffer.transfer();
  Error.prepareStackTrace = () => { memoryUsage(); return ""; };
  try { Buffer.prototype.toString.call(gone); } catch {}
  return 1;
}`})
	var one int
	app.result("ok", nil, &one)
	for _, fn := range []string{"setter", "trace", "detached", "inside"} {
		for range 3 {
			_, err := p.System.Door.Invoke(t.Context(), &call.Call{Kind: call.Invoke, Installation: id.Install(app.installation), Module: fn, Function: "index." + fn,
				Context: []byte("{}"), Payload: []byte("null"), ContentType: "application/json"})
			if f, ok := fault.As(err); err != nil && (!ok || f.Code != "ENGINE_TRAP" && f.Code != "FUNCTION_ERR") {
				t.Errorf("%s ended with %v", fn, err)
			}
			// The engine makes its error of the detached bytes while the host waits for them:
			// what runs there is inside an operation of the host's.
			if fn == "inside" && fault.CodeOf(err) != "ENGINE_TRAP" {
				t.Errorf("the host ran inside itself: %v", err)
			}
		}
	}
	if app.result("ok", nil, &one); one != 1 {
		t.Error("the app is not served any more")
	}
}

// Files that app code opens are those packed with the app: the machine's are not there, nor
// those of another app in the same worker.
func TestAttackReadMachineFiles(t *testing.T) {
	p := newPlatform(t)
	secret := filepath.Join(p.dir, "canary.txt")
	if err := os.WriteFile(secret, []byte("machine-canary"), 0o644); err != nil {
		t.Fatal(err)
	}
	const packed = "  package:\n    extraFiles: ['*.txt']\n"
	other := p.deploy("development", source{also: []string{"ok"}, options: packed, code: `function ok() { return __annex_require("node:fs").readFileSync("of-another.txt", "utf8"); }`,
		files: map[string]string{"of-another.txt": "neighbour-canary"}})
	app := p.deploy("development", source{also: []string{"read"}, options: packed, files: map[string]string{"own.txt": "own-words"}, code: `
const m = __annex_require("node:fs"), fs = m.default ?? m;
const env = __annex_require("node:process"), os = __annex_require("node:os");
async function read(paths) {
  const out = [];
  for (const path of paths) for (const how of ["readFileSync", "readdirSync", "statSync", "openSync", "realpathSync", "createReadStream", "writeFileSync", "mkdirSync", "symlinkSync"]) {
    try { const got = fs[how](path, how === "writeFileSync" ? "x" : undefined); if (got !== undefined && how !== "createReadStream") out.push([how, path, String(JSON.stringify(got) ?? got).slice(0, 200)]); } catch {}
  }
  let all = "";
  try { all = JSON.stringify([process.env, process.argv, process.cwd?.(), os.hostname?.(), os.homedir?.(), os.networkInterfaces?.()]); } catch (err) { all = String(err); }
  return { out, all };
}`})
	var said string
	var got struct {
		Out [][]string
		All string
	}
	for range 5 { // both have left the quarantine in which new versions begin
		if other.result("ok", nil, &said); said != "neighbour-canary" {
			t.Fatalf("the other app reads %q of its own", said)
		}
		app.result("read", []string{}, &got)
	}
	app.result("read", []string{"own.txt", "of-another.txt", "/app/of-another.txt", "/etc/passwd", secret, "/proc/self/environ", "../../../../etc/passwd", "/app/../etc/passwd", "/dev/fd/3", "/", p.dir, "file:///etc/passwd", "\x00"}, &got)
	told, _ := json.Marshal(got)
	host, _ := os.Hostname()
	if !strings.Contains(string(told), `"readFileSync","own.txt"`) {
		t.Errorf("the app does not read what was packed with it: %.400s", told)
	}
	for _, inside := range []string{"of-another.txt", "machine-canary", "root:", p.dir, "ANNEX_CHILD", "PATH=", host} {
		if inside != "" && len(inside) > 3 && strings.Contains(string(told), inside) {
			t.Errorf("app code learned %q: %.400s", inside, told)
		}
	}
}
