package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/internal/infra/jsvm"
	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// contexts is an app whose stores must follow it through everything that it waits for.
const contexts = `
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { get } from 'node:https';
import assert from 'node:assert/strict';
import { api } from './api';

const als = new AsyncLocalStorage();
const other = new AsyncLocalStorage();
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const is = (want, where) => assert.equal(als.getStore(), want, where);

async function* numbers(want) {
  for (let i = 0; i < 3; i++) {
    await sleep(1);
    is(want, 'generator');
    yield i;
  }
}

// A query builder: nothing happens before it is awaited.
const lazy = (seen) => ({ then(ok) { seen.push(als.getStore()); ok('rows'); } });

async function work(want) {
  is(want, 'start');
  await null;
  is(want, 'await');
  await sleep(want % 3);
  is(want, 'timer');
  await fetch('https://api.example.com/x');
  is(want, 'host call');
  const res = await new Promise((done, fail) => get('https://api.example.com/x', (r) => { is(want, 'response'); done(r); }).on('error', fail));
  for await (const chunk of res) is(want, String(chunk.length));
  is(want, 'stream');
  for await (const n of numbers(want)) is(want, n);
  await Promise.all([sleep(1).then(() => is(want, 'then')), api(() => is(want, 'another file'))]);
  const seen = [];
  await lazy(seen);
  await (async () => lazy(seen))();
  assert.deepEqual(seen, [want, want]);
  await other.run('o', async () => { await sleep(1); is(want, 'outer'); assert.equal(other.getStore(), 'o'); });
  assert.equal(other.getStore(), undefined);
  await als.exit(async () => { await sleep(1); is(undefined, 'exit'); });
  try { await Promise.reject(new Error('x')); } catch { is(want, 'catch'); } finally { await null; is(want, 'finally'); }
  await new Promise((done) => queueMicrotask(() => { is(want, 'microtask'); done(); }));
  await new Promise((done) => process.nextTick(() => { is(want, 'tick'); done(); }));
  return want;
}

export async function run() {
  const runs = [1, 2, 3, 4].map((n) => als.run(n, () => work(n)));
  is(undefined, 'outside, while they run');
  await sleep(2);
  is(undefined, 'outside, after an await');
  assert.deepEqual(await Promise.all(runs), [1, 2, 3, 4]);
  const kept = als.run('kept', () => AsyncLocalStorage.snapshot());
  const resource = als.run('resource', () => new AsyncResource('R'));
  await sleep(1);
  assert.deepEqual([kept(() => als.getStore()), resource.runInAsyncScope(() => als.getStore())], ['kept', 'resource']);
  als.enterWith('entered');
  await sleep(1);
  is('entered', 'enterWith');
  return 'ok';
}
`

// TestContexts: AsyncLocalStorage is exact in what the bundler makes of an app.
func TestContexts(t *testing.T) {
	web := mustAbs("../../../web")
	wasm, err := engine(web)
	if err != nil {
		t.Skip("run npm ci in web first:", err)
	}
	list, err := readList(filepath.Join(web, "packages/runtime/modules.json"))
	if err != nil {
		t.Fatal(err)
	}
	sdk, err := baseImage(web, list)
	if err != nil {
		t.Fatal(err)
	}
	table, err := exportTable(web, list)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"index.js": contexts, "api.js": "export async function api(fn) { await null; fn(); }\n"} {
		if err := os.WriteFile(filepath.Join(dir, "src", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	made, diags, err := bundle.Build(context.Background(), bundle.Options{Dir: dir, Handlers: []string{"index.run"},
		Table: &bundle.Table{Modules: table.Modules, Aliases: table.Aliases, TypesOnly: table.TypesOnly, NotOffered: table.NotOffered}})
	if err != nil || bundle.HasErrors(diags) {
		t.Fatal(err, diags)
	}
	vm, err := jsvm.New(context.Background(), jsvm.Config{WASM: wasm, SDK: sdk})
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Close()
	built, err := vm.Build(jsvm.Source{Bundle: made.Code}, nil, jsvm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Compose(vm.Base().Image, "contexts", built.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	app, err := vm.Open(img.File)
	if err != nil {
		t.Fatal(err)
	}
	if o := invoke(t, vm, app, "index.run", nil); !o.OK || string(o.Body) != `"ok"` {
		t.Errorf("%s %s %v", o.Head, o.Body, o.Fault)
	}
}
