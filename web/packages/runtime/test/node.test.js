// The Node.js modules beside Node.js's own: what both can do, they do alike.
import assert from 'node:assert/strict';
import nodeCrypto from 'node:crypto';
import nodeQuerystring from 'node:querystring';
import test from 'node:test';
import nodeUtil from 'node:util';
import { AsyncLocalStorage } from '../src/node/async_hooks.js';
import crypto from '../src/node/crypto.js';
import events from '../src/node/events.js';
import fs from '../src/node/fs.js';
import path from '../src/node/path.js';
import querystring from '../src/node/querystring.js';
import url from '../src/node/url.js';
import util from '../src/node/util.js';
import zlib from '../src/node/zlib.js';
import { host } from './mock-kernel.js';

test('hashes, keys and random values', async () => {
  for (const alg of ['md5', 'sha1', 'sha256', 'sha512']) {
    assert.equal(crypto.createHash(alg).update('a').update(Buffer.from('ü')).digest('hex'), nodeCrypto.createHash(alg).update('a').update(Buffer.from('ü')).digest('hex'));
    assert.equal(crypto.createHmac(alg, 'key').update('d').digest('base64'), nodeCrypto.createHmac(alg, 'key').update('d').digest('base64'));
  }
  const hash = crypto.createHash('sha256').update('a');
  assert.notEqual(hash.copy().update('b').digest('hex'), hash.digest('hex'));
  assert.throws(() => hash.update('x'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
  assert.throws(() => crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('ab')), RangeError);
  for (let i = 0; i < 200; i++) {
    const n = crypto.randomInt(3, 7);
    assert.ok(n >= 3 && n < 7);
  }
  assert.throws(() => crypto.createHash('ripemd160'), { code: 'ERR_CRYPTO_INVALID_DIGEST' });
});

test('query strings', () => {
  for (const text of ['a=1&b=2&a=3', 'a', '=x', 'a=b=c', '%zz=1', 'a+b=c%20d', '']) assert.deepEqual({ ...querystring.parse(text) }, { ...nodeQuerystring.parse(text) }, text);
  for (const value of [{ a: [1, 2], b: 'c d', e: '', f: true, g: null }, {}]) assert.equal(querystring.stringify(value), nodeQuerystring.stringify(value));
});

test('inspection and equality', () => {
  for (const value of [{ a: [1, { b: new Map([[1, new Set([2])]]) }] }, [undefined, null], 'x', new Error('e').message, class A {}, { get x() { return 1; } }]) assert.equal(util.inspect(value), nodeUtil.inspect(value));
  assert.equal(util.format('%s %d %i %j %o %%', 'a', 1.5, 2.7, { a: 1 }, [1]), nodeUtil.format('%s %d %i %j %o %%', 'a', 1.5, 2.7, { a: 1 }, [1]));
  const pairs = [[{ a: 1 }, { a: 1 }], [{ a: 1 }, { a: 2 }], [[1], { 0: 1 }], [new Map([[{ a: 1 }, 2]]), new Map([[{ a: 1 }, 2]])], [NaN, NaN], [0, -0], [new Date(1), new Date(1)], [new Uint8Array([1]), new Uint8Array([2])], [/a/g, /a/i]];
  for (const [a, b] of pairs) assert.equal(util.isDeepStrictEqual(a, b), nodeUtil.isDeepStrictEqual(a, b));
});

test('files that were bundled, and no others', async () => {
  host.files.set('src/a.txt', new TextEncoder().encode('text'));
  assert.equal(fs.readFileSync('src/a.txt', 'utf8'), 'text');
  assert.equal(fs.readFileSync(url.pathToFileURL('/app/src/a.txt'), { encoding: 'utf8' }), 'text');
  assert.equal(fs.readFileSync(path.join('/app/src', 'x', '..', 'a.txt')).toString(), 'text');
  assert.equal(fs.existsSync('/app/src/b.txt'), false);
  for (const out of ['/etc/passwd', '../etc/passwd', '/app', '/appendix/src/a.txt']) assert.throws(() => fs.readFileSync(out), { code: 'ENOENT' });
  await assert.rejects(fs.promises.readFile('nothing'), { code: 'ENOENT' });
  await new Promise((resolve) => fs.readFile('src/a.txt', (err, data) => resolve(assert.equal(String(err ?? data), 'text'))));
  assert.throws(() => fs.writeFileSync('x', 'y'), { code: 'NOT_OFFERED' });
  let all = '';
  for await (const chunk of fs.createReadStream('src/a.txt', 'utf8')) all += chunk;
  assert.equal(all, 'text');
});

test('compression', async () => {
  const data = Buffer.from('abc'.repeat(1000));
  assert.deepEqual([...zlib.unzipSync(zlib.gzipSync(data))], [...data]);
  assert.deepEqual([...zlib.brotliDecompressSync(zlib.brotliCompressSync(data))], [...data]);
  assert.throws(() => zlib.gunzipSync(Buffer.from('nonsense')), { code: 'Z_DATA_ERROR' });
  const stream = zlib.createGunzip();
  stream.end(zlib.gzipSync('streamed'));
  let all = '';
  for await (const chunk of stream) all += chunk;
  assert.equal(all, 'streamed');
  assert.equal(zlib.crc32('hello'), 0x3610a686);
});

// The bundler lowers async functions of apps that use stores, so that their awaits go by
// then; TestContexts runs them that way.
test('stores follow promises and timers, and runs that overlap keep theirs', async () => {
  const als = new AsyncLocalStorage();
  assert.equal(als.getStore(), undefined);
  assert.equal(als.run(1, () => als.getStore()), 1);
  assert.equal(await als.run(2, () => Promise.resolve().then(() => als.getStore())), 2);
  assert.equal(await als.run(3, () => new Promise((resolve) => setTimeout(() => resolve(als.getStore()), 1))), 3);
  const overlapping = [5, 6].map((n) => als.run(n, () => Promise.resolve().then(() => {}).then(() => als.getStore())));
  assert.deepEqual(await Promise.all(overlapping), [5, 6]);
  assert.equal(als.getStore(), undefined);
  const bound = als.run(7, () => AsyncLocalStorage.bind(() => als.getStore()));
  assert.equal(bound(), 7);
});

test('events as an iterator', async () => {
  const emitter = new events.EventEmitter();
  const stop = new AbortController();
  queueMicrotask(() => {
    emitter.emit('x', 1);
    emitter.emit('x', 2);
  });
  const got = [];
  await assert.rejects(async () => {
    for await (const [n] of events.on(emitter, 'x', { signal: stop.signal })) {
      got.push(n);
      if (n === 2) stop.abort(new Error('done'));
    }
  }, /done/);
  assert.deepEqual(got, [1, 2]);
  assert.equal(emitter.listenerCount('x'), 0);
});
