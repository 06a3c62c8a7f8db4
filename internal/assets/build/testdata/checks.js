(function (__annex_require, __annex_register) {
  const assert = __annex_require('node:assert').strict;
  const api = __annex_require('@annex/api');
  const kvs = __annex_require('@annex/kvs').default;

  const rejects = async (promise, code) => {
    try {
      await promise;
    } catch (err) {
      assert.equal(err.code, code, `${err.name}: ${err.message}`);
      return err;
    }
    throw new Error(`no rejection with ${code}`);
  };

  async function fetching() {
    const res = await api.fetch('https://moved.example.com/x', { headers: { Authorization: 'secret', 'X-Kept': 'yes' } });
    assert.equal(res.status, 200);
    assert.equal(res.redirected, true);
    assert.equal(res.headers.get('x-a'), '1, 2');
    const { sent } = await res.json();
    assert.deepEqual(sent.headers, [['x-kept', 'yes']]);
    assert.equal(fetch, api.fetch);
    const err = await rejects(fetch('https://elsewhere.example.net/'), 'REQUEST_EGRESS_ALLOWLIST_ERR');
    assert.ok(err instanceof api.ExternalEndpointNotAllowedError && err instanceof api.HttpError);
    assert.equal(err.status, 403);
  }

  // As V8's: the first line says what was thrown, frames follow.
  function stacks() {
    class Odd extends Error {
      constructor(message) {
        super(message);
        Error.captureStackTrace(this, Odd);
        this.name = 'OddError';
      }
    }
    assert.match(new TypeError('two\nlines').stack, /^TypeError: two\nlines\n    at stacks \(app\.js:\d+:\d+\)\n/);
    assert.match(new Odd('m').stack, /^Error: m\n    at stacks /);
    try {
      null.x;
    } catch (err) {
      assert.match(err.stack, /^TypeError: .*\n    at /);
    }
    const own = {};
    Error.captureStackTrace(own);
    assert.match(own.stack, /^Error\n    at stacks /);
    const err = new Error('m');
    err.stack = 'mine';
    assert.equal(err.stack, 'mine');
  }

  async function storing() {
    await kvs.set('a', { deep: ['ü', 1, null] });
    assert.deepEqual(await kvs.get('a'), { deep: ['ü', 1, null] });
    assert.equal(await api.storage.get('none'), undefined);
    await rejects(kvs.entity('x').query().index('y').getMany(), 'NOT_OFFERED');
  }

  async function routes() {
    assert.equal(api.route`/rest/api/3/issue/${'A-1'}?jql=${'a = b & c'}`.value, '/rest/api/3/issue/A-1?jql=a%20%3D%20b%20%26%20c');
    for (const bad of ['a/b', '..', '%2e%2e', '%252e%252e', 'a\\b', 'a?b', 'a#b', '%2f', '.']) assert.throws(() => api.route`/x/${bad}`, { code: 'ROUTE_INVALID' }, bad);
    await rejects(api.asApp().requestJira('/rest/api'), 'ROUTE_REQUIRED');
    await rejects(api.asApp().requestJira(api.route`/rest/api`), 'NOT_OFFERED');
  }

  async function contexts() {
    assert.equal(api.getAppContext().appVersion, '1.0.0');
    assert.equal(String(api.getAppContext().appAri), 'ari:cloud:ecosystem::app/a');
    assert.equal(api.permissions.hasScope('storage:app'), true);
    assert.equal(api.permissions.canFetchFrom('backend', 'https://a.example.com/x'), true);
    assert.equal(api.permissions.canFetchFrom('backend', 'https://example.com/x'), false);
    assert.equal(process.env.GREETING, 'hello');
    const { rss, heapUsed } = process.memoryUsage();
    assert.ok(rss > 1e6 && rss < 1e9 && heapUsed > 0 && process.memoryUsage.rss() >= rss);
    for (const from = Date.now(); Date.now() < from + 5;);
    assert.ok(process.uptime() >= 0.005 && process.uptime() < 1000);
  }

  async function resolving() {
    const { default: Resolver } = __annex_require('@annex/resolver');
    const handler = new Resolver().define('a', ({ payload, context }) => ({ payload, who: context.who })).define('b', () => {}).getDefinitions();
    assert.equal(typeof handler, 'function');
    assert.deepEqual(await handler({ call: { functionKey: 'a', payload: 1 }, context: { who: 'forged' } }, { who: 'Alice' }), { payload: 1, who: 'Alice' });
    assert.deepEqual(await handler({ call: { functionKey: 'b' } }), {});
    await rejects(handler({ call: { functionKey: 'c' } }), 'RESOLVER_NOT_FOUND');
    await assert.rejects(handler({ call: { functionKey: 'c' } }), /it has "a", "b"$/);
  }

  async function texts() {
    assert.equal(new TextDecoder().decode(new TextEncoder().encode('grüße 🎉')), 'grüße 🎉');
    const d = new TextDecoder();
    const bytes = new TextEncoder().encode('🎉é');
    let s = '';
    for (const b of bytes) s += d.decode(new Uint8Array([b]), { stream: true });
    assert.equal(s + d.decode(), '🎉é');
    assert.throws(() => new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])), TypeError);
    assert.deepEqual([...new TextEncoder().encode('\ud800\ud800')], [239, 191, 189, 239, 191, 189]);
    assert.equal(atob(btoa('abc')), 'abc');
  }

  async function urls() {
    const u = new URL('../c?x=1#y', 'https://user@EXAMPLE.com:443/a/b');
    assert.equal(u.href, 'https://user@example.com/c?x=1#y');
    assert.equal(new URLSearchParams({ a: 'b c', d: 'é' }).toString(), 'a=b+c&d=%C3%A9');
    assert.equal(new URL('https://bücher.example').hostname, 'xn--bcher-kva.example');
    assert.throws(() => new URL('no'), TypeError);
    assert.equal(URL.canParse('x:'), true);
  }

  async function bodies() {
    const form = new FormData();
    form.append('a', 'ü');
    form.append('f', new File(['data'], 'n.txt', { type: 'text/plain' }));
    const res = new Response(form);
    const back = await res.formData();
    assert.equal(back.get('a'), 'ü');
    assert.equal(await back.get('f').text(), 'data');
    assert.equal(await new Response(new Blob(['x', new Uint8Array([121])])).text(), 'xy');
    let n = 0;
    for await (const chunk of new Response('abc').body) n += chunk.length;
    assert.equal(n, 3);
    const copy = new Response('q');
    assert.equal(await copy.clone().text(), await copy.text());
    await assert.rejects(copy.text(), TypeError);
    assert.deepEqual(await new Request('https://a.example/', { method: 'POST', body: '{"a":1}' }).json(), { a: 1 });
  }

  async function streams() {
    const { Readable, Transform, pipeline } = __annex_require('node:stream');
    const up = new Transform({ transform(c, _, done) { done(null, String(c).toUpperCase()); } });
    let out = '';
    await new Promise((resolve, reject) => pipeline(Readable.from(['a', 'b']), up, async (source) => { for await (const c of source) out += c; }, (err) => (err ? reject(err) : resolve())));
    assert.equal(out, 'AB');
    const gz = new Response(new Response('hello').body.pipeThrough(new CompressionStream('gzip')));
    const text = await new Response(gz.body.pipeThrough(new DecompressionStream('gzip'))).text();
    assert.equal(text, 'hello');
  }

  async function crypting() {
    const crypto = __annex_require('node:crypto');
    assert.equal(crypto.createHash('sha256').update('a').update(Buffer.from('bc')).digest('hex'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    assert.equal(crypto.createHmac('sha1', 'k').update('d').digest('base64').length, 28);
    assert.match(crypto.randomUUID(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.notEqual(crypto.randomUUID(), globalThis.crypto.randomUUID());
    assert.equal(crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('a')), true);
    assert.equal(crypto.randomBytes(70000).length, 70000);
    const key = await globalThis.crypto.subtle.importKey('raw', new TextEncoder().encode('k'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
    const sig = await globalThis.crypto.subtle.sign('HMAC', key, new TextEncoder().encode('d'));
    assert.equal(Buffer.from(sig).toString('hex'), crypto.createHmac('sha256', 'k').update('d').digest('hex'));
    assert.equal(await globalThis.crypto.subtle.verify('HMAC', key, sig, new TextEncoder().encode('d')), true);
    assert.equal(Buffer.from(await globalThis.crypto.subtle.digest('SHA-1', new Uint8Array(0))).toString('hex'), 'da39a3ee5e6b4b0d3255bfef95601890afd80709');
    const rsa = { kty: 'RSA', e: 'AQAB', n: 'sZy7bgKYh-WLYTAPkYbeFD2IJNUl2mZ1Aftf6uBCfixAGToJARfeQ_rQjaYBqUd8jacu739yy2ibrjvWCuX3OhfVofxxw24J-B3-_FqkY1-UAJfLIotE6xVg7Z4UYQqo7UQsTB8UcxRsIAZXOpzXi-mu67H41AkKxU-Rr-2zN_-tX1tmkB3PE7uXI6teC2s0yrAXxpooOJ9SZZeSw0S1Vj-1dOBqziym-Ax6aZCgLYqip74FST-p59EiUd7VF7hvh1jJUDHC9K13Y0d-d5qcNSzd6kaPPRPZu0SI1NmQdBU7eiYyJnLfFf2sDDgjGZRINI9n4aUvxJmaJEUgKRjNVQ' };
    const signed = 'NAZ5WxtrNzix/ZaBsZXVGejkBILT8phN5ekIUvbvnMUyjsZH784m8c63bsx+B0XzHkO5Fl9+gFdLPTXAjxrQPFmAjmjTo+n20b/iDtF099n7E1UCfjYONZwLMRmaeNZ2qwHxhF/WxAF//S410vCTdwBol3h67MUVK4UWszh0QezcArCSfQtzsQ8WMpjji8/SsEClzKPDxUqUEZJMbeztDxR/dK4NJV3Tgsbeuho5S7f2qBcyTsEJlVE7r8aBkZdAIosAsdPfTHysXMOP9Wu0voe/GRyLTnMglASxdC6UCvX3Z3fGNrhmyVYdcpHoDBTHMA4qO+lqQ6dsQRl5bHtwgA==';
    assert.equal(crypto.createVerify('RSA-SHA256').update('a').update('bc').verify({ key: rsa, format: 'jwk' }, signed, 'base64'), true);
    assert.equal(crypto.verify('sha256', Buffer.from('abd'), crypto.createPublicKey({ key: rsa, format: 'jwk' }), Buffer.from(signed, 'base64')), false);
    const ec = '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEKKZXr8rAYz92KQ0zLehtad46WMtU\ni+JrVKHVdH/oOtUrNcT6CjF+zH5jIOup8FMOPiPZ9+g8H1pF4jQ0B5P4DQ==\n-----END PUBLIC KEY-----';
    assert.equal(crypto.verify('sha256', Buffer.from('abc'), { key: ec, dsaEncoding: 'ieee-p1363' }, Buffer.from('gmMMxcght8n6D5ErJ1hMbJiuR8Tkgo4Y6/OW5CeGsSbJs+gAn3UF/I7gjNfGhuyr/5lRO89jk38501ivT2QOYQ==', 'base64')), true);
    assert.throws(() => crypto.verify('sha256', Buffer.from('abc'), { key: { ...rsa, n: 'AA' }, format: 'jwk' }, Buffer.from(signed, 'base64')), { code: 'ERR_OSSL_UNSUPPORTED' });
    assert.throws(() => new crypto.X509Certificate(''), { code: 'NOT_OFFERED' });
  }

  async function buffers() {
    assert.equal(Buffer.from('aGk_', 'base64url').toString(), 'hi?');
    assert.equal(Buffer.from('hi?').toString('base64url'), 'aGk_');
    assert.equal(Buffer.concat([Buffer.from('é'), Buffer.from('00ff', 'hex')]).toString('hex'), 'c3a900ff');
    assert.equal(Buffer.byteLength('é'), 2);
    assert.ok(Buffer.from('x') instanceof Uint8Array && Buffer.isBuffer(Buffer.from('x')));
    const b = Buffer.alloc(8);
    b.writeUInt32BE(0xdeadbeef, 2);
    assert.equal(b.readUint32BE(2), 0xdeadbeef);
    assert.equal(JSON.stringify(Buffer.from('a')), '{"type":"Buffer","data":[97]}');
  }

  async function nodes() {
    const EventEmitter = __annex_require('node:events');
    const e = new EventEmitter();
    const got = EventEmitter.once(e, 'x');
    e.emit('x', 7);
    assert.deepEqual(await got, [7]);
    const util = __annex_require('node:util');
    assert.equal(util.format('%s %d %j', 'a', 1, { b: 2 }), 'a 1 {"b":2}');
    assert.match(util.inspect({ a: [1, { b: new Map([[1, 2]]) }] }), /Map/);
    assert.equal(await util.promisify((x, done) => done(null, x + 1))(1), 2);
    assert.deepEqual([await util.promisify(setTimeout)(1, 'later'), await util.promisify(__annex_require('node:timers').setTimeout)(0, 'so'), await util.promisify(setImmediate)('now')], ['later', 'so', 'now']);
    const path = __annex_require('node:path');
    assert.equal(path.join('/a', '..', 'b'), '/b');
    const fs = __annex_require('node:fs');
    assert.equal(fs.readFileSync('/app/src/note.txt', 'utf8'), 'the file at src/note.txt');
    assert.throws(() => fs.readFileSync('nothing'), { code: 'ENOENT' });
    assert.equal(await fs.promises.readFile(path.join('/app/src', 'note.txt'), 'utf8'), 'the file at src/note.txt');
    const qs = __annex_require('node:querystring');
    assert.equal(qs.stringify({ a: ['1', '2'], b: 'c d' }), 'a=1&a=2&b=c%20d');
    const url = __annex_require('node:url');
    assert.equal(url.parse('https://a.example:8/p?q=1').port, '8');
    const zlib = __annex_require('node:zlib');
    assert.equal(zlib.gunzipSync(zlib.gzipSync('zip')).toString(), 'zip');
  }

  async function requests() {
    const https = __annex_require('node:https');
    const text = await new Promise((resolve, reject) => {
      const req = https.request('https://api.example.com/p', { method: 'POST', headers: { 'X-One': '1' } }, (res) => {
        let all = '';
        res.setEncoding('utf8');
        res.on('data', (c) => (all += c));
        res.on('end', () => resolve({ all, status: res.statusCode, header: res.headers['x-a'] }));
      });
      req.on('error', reject);
      req.end('body');
    });
    assert.equal(text.status, 200);
    assert.equal(text.header, '1, 2');
    assert.match(text.all, /X-One/);
    const err = await new Promise((resolve) => https.get('https://no.example.org/').on('error', resolve));
    assert.equal(err.code, 'REQUEST_EGRESS_ALLOWLIST_ERR');
  }

  // A clone that fails has transferred nothing.
  async function transfers() {
    const buffer = new ArrayBuffer(8);
    assert.throws(() => structuredClone([buffer, () => {}], { transfer: [buffer] }), { name: 'DataCloneError' });
    assert.equal(buffer.byteLength, 8);
    const moved = structuredClone({ buffer, view: new Uint8Array(buffer, 2, 3) }, { transfer: [buffer] });
    assert.equal(buffer.byteLength, 0);
    assert.equal(moved.view.buffer, moved.buffer);
    assert.throws(() => structuredClone(1, { transfer: [buffer] }), { name: 'DataCloneError' });
    assert.throws(() => structuredClone(new URL('https://a.example/')), { name: 'DataCloneError' });
  }

  async function clones() {
    const value = { d: new Date(1), m: new Map([[1, new Set([2])]]), u: new Uint8Array([1]), e: new RangeError('x') };
    value.self = value;
    const copy = structuredClone(value);
    assert.notEqual(copy, value);
    assert.equal(copy.self, copy);
    assert.equal(copy.m.get(1).has(2), true);
    assert.ok(copy.e instanceof RangeError);
    assert.throws(() => structuredClone(() => {}), { name: 'DataCloneError' });
  }

  async function aborts() {
    const c = new AbortController();
    const p = fetch('https://api.example.com/', { signal: c.signal });
    c.abort();
    await assert.rejects(p, { name: 'AbortError' });
    assert.throws(() => AbortSignal.abort('why').throwIfAborted(), (e) => e === 'why');
    const t = AbortSignal.timeout(5);
    await new Promise((resolve) => t.addEventListener('abort', resolve));
    assert.equal(t.reason.name, 'TimeoutError');
  }

  // The backend members that public apps use (a census of 176): each is there, and works or
  // fails with NOT_OFFERED when it is called.
  async function census() {
    const store = __annex_require('@annex/kvs');
    const events = __annex_require('@annex/events');
    const resolver = __annex_require('@annex/resolver');
    const { storage } = api;
    const provider = api.asUser().withProvider('p', 'r');
    const query = storage.query();
    const kvsQuery = kvs.query();
    const queue = new events.Queue({ key: 'q' });
    const values = {
      route: api.route, asApp: api.asApp, asUser: api.asUser, fetch: api.fetch, assumeTrustedRoute: api.assumeTrustedRoute, getAppContext: api.getAppContext, authorize: api.authorize,
      default: api.default.asApp, 'webTrigger.getUrl': api.webTrigger.getUrl, 'webTrigger.deleteUrl': api.webTrigger.deleteUrl, AuthProfile: api.AuthProfile,
      asAppJira: api.asApp().requestJira, asUserJira: api.asUser().requestJira, asAppConfluence: api.asApp().requestConfluence, asUserConfluence: api.asUser().requestConfluence,
      asAppBitbucket: api.asApp().requestBitbucket, asUserBitbucket: api.asUser().requestBitbucket, graph: api.asApp().requestGraph, old: api.__requestAtlassianAsApp,
      hasCredentials: provider.hasCredentials, requestCredentials: provider.requestCredentials, providerFetch: provider.fetch,
      onJiraIssue: api.properties.onJiraIssue, onJiraProject: api.properties.onJiraProject, authorizeJira: api.authorize().onJira, authorizeIssue: api.authorize().onJiraIssue,
      get: storage.get, set: storage.set, delete: storage.delete, getSecret: storage.getSecret, setSecret: storage.setSecret, deleteSecret: storage.deleteSecret, query: storage.query, entity: storage.entity,
      where: query.where, limit: query.limit, cursor: query.cursor, getMany: query.getMany, getOne: query.getOne, startsWith: api.startsWith,
      equalsTo: api.WhereConditions.equalsTo, beginsWith: api.WhereConditions.beginsWith, entityQuery: storage.entity('e').query, entityGet: storage.entity('e').get, entitySet: storage.entity('e').set,
      entityDelete: storage.entity('e').delete, index: storage.entity('e').query().index,
      kvsGet: kvs.get, kvsSet: kvs.set, kvsDelete: kvs.delete, kvsGetSecret: kvs.getSecret, kvsSetSecret: kvs.setSecret, kvsDeleteSecret: kvs.deleteSecret, kvsQuery: kvs.query, kvsWhere: kvsQuery.where,
      kvsLimit: kvsQuery.limit, kvsCursor: kvsQuery.cursor, kvsGetMany: kvsQuery.getMany, kvsEntity: kvs.entity, kvsEntityQuery: kvs.entity('e').query, kvsIndex: kvs.entity('e').query().index,
      kvsSort: kvs.entity('e').query().index('i').sort, transact: kvs.transact, transactSet: kvs.transact().set, execute: kvs.transact().execute, named: store.kvs.get,
      kvsBegins: store.WhereConditions.beginsWith, kvsEqual: store.WhereConditions.equalTo, FilterEqual: store.FilterConditions.equalTo, Filter: store.Filter,
      Resolver: resolver.default, makeResolver: resolver.makeResolver, define: new resolver.default().define, getDefinitions: new resolver.default().getDefinitions,
      Queue: events.Queue, push: queue.push, getJob: queue.getJob, getStats: queue.getJob('j').getStats, cancel: queue.getJob('j').cancel, InvocationError: events.InvocationError, PayloadTooBigError: events.PayloadTooBigError,
    };
    for (const [name, value] of Object.entries(values)) assert.equal(typeof value, 'function', name);
    assert.ok(api.SortOrder.DESC && store.Sort.DESC && events.InvocationErrorCode.FUNCTION_RETRY_REQUEST);
    // What is not built says so, and answers nothing.
    const later = [
      () => api.asApp().requestJira(api.route`/rest/api/3/myself`), () => api.asUser().requestConfluence(api.route`/wiki`), () => provider.hasCredentials(), () => provider.fetch('/x'),
      () => api.properties.onJiraIssue('A-1').get('k'), () => api.authorize().onJira([{ permissions: ['X'] }]), () => storage.entity('e').get('k'),
      () => kvs.transact().set('k', 1).execute(), () => api.__requestAtlassianAsApp('/x'), () => api.asApp().requestGraph('{}'),
    ];
    for (const fn of later) await rejects((async () => fn())(), 'NOT_OFFERED');
  }

  // What a module is by require and by import, for those that inherit from one another.
  async function modules() {
    const stream = __annex_require('node:stream');
    assert.equal(stream.default, stream);
    assert.ok(new stream.Readable() instanceof stream && new stream() instanceof __annex_require('node:events'));
    assert.equal(typeof stream.default.pipeline, 'function');
  }

  async function storages() {
    const { AsyncLocalStorage } = __annex_require('node:async_hooks');
    const als = new AsyncLocalStorage();
    assert.equal(await als.run('a', () => Promise.resolve().then(() => als.getStore())), 'a');
    assert.equal(als.getStore(), undefined);
    assert.equal(await als.run('b', () => new Promise((resolve) => setTimeout(() => resolve(als.getStore()), 1))), 'b');
  }

  async function times() {
    assert.ok(performance.now() >= 0 && performance.now() < 20000);
    const zone = new Date(Date.UTC(2026, 6, 1, 12)).toLocaleString('en-GB', { timeZone: 'Europe/Berlin' });
    assert.equal(zone, '01/07/2026, 14:00:00');
    assert.equal((1234567.891).toLocaleString('de-DE'), '1.234.567,891');
    assert.equal((1234567.891).toLocaleString(), '1,234,567.891');
    // A locale that nobody knows is answered in the default one, and says so.
    assert.equal(new Intl.DateTimeFormat('xx-XX').resolvedOptions().locale, 'en-US');
    assert.equal(new Intl.NumberFormat('de-XX').resolvedOptions().locale, 'de');
    assert.throws(() => new Intl.DateTimeFormat('de_DE'), RangeError);
    assert.throws(() => new Intl.DateTimeFormat('de', { timeZone: 'Mars/Olympus' }), RangeError);
    assert.throws(() => new Intl.NumberFormat('de', { style: 'currency', currency: 'EURO' }), RangeError);
  }

  // unbuilt lists what is marked as not offered, two steps deep.
  function unbuilt(modules) {
    const mark = Symbol.for('annex.notOffered');
    const found = {};
    const look = (value, path, steps, list) => {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return;
      if (value[mark]) list.push(path);
      else if (steps > 0 && typeof value === 'object') for (const key of Object.keys(value)) look(value[key], path ? `${path}.${key}` : key, steps - 1, list);
    };
    for (const name of modules) {
      const list = [];
      const m = __annex_require(name);
      const absent = Object.keys(m).filter((key) => m[key] === undefined && key !== 'exitCode'); // a process has none until it is set
      assert.deepEqual(absent, [], `members of ${name} that are undefined`);
      for (const key of Object.keys(m)) if (key !== 'default') look(m[key], key, 2, list);
      if (name === '@annex/api') {
        look(api.asApp(), 'asApp()', 1, list);
        look(api.asUser(), 'asUser()', 1, list);
        look(api.asUser().withProvider('p'), 'asUser().withProvider()', 1, list);
        look(api.authorize().onJiraIssue(), 'authorize().onJiraIssue()', 1, list);
      }
      if (name === '@annex/events') {
        const queue = new m.Queue({ key: 'q' });
        look(queue, 'Queue', 1, list);
        look(queue.getJob('1'), 'Queue.getJob()', 1, list);
      }
      if (name === '@annex/kvs') {
        look(kvs.entity('e'), 'kvs.entity()', 1, list);
        look(kvs.transact(), 'kvs.transact()', 1, list);
      }
      if (name === '@annex/sql') look(m.sql.prepare(''), 'sql.prepare()', 1, list);
      if (list.length) found[name] = [...new Set(list)].sort();
    }
    return found;
  }

  // globals lists what the global object holds beyond the language.
  function globals() {
    const language = new Set(('AggregateError Array ArrayBuffer AsyncDisposableStack BigInt BigInt64Array BigUint64Array Boolean DataView Date DisposableStack '
      + 'Error EvalError FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array InternalError Intl Iterator '
      + 'JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer String SuppressedError Symbol SyntaxError '
      + 'TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet Atomics decodeURI decodeURIComponent encodeURI '
      + 'encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt undefined unescape').split(' '));
    return Object.getOwnPropertyNames(globalThis).filter((name) => !language.has(name)).sort();
  }

  // urlCases runs the web platform's own cases: [{input, base, href, failure}].
  function urlCases(cases) {
    const wrong = [];
    for (const c of cases) {
      let got;
      try {
        got = new URL(c.input, c.base ?? undefined).href;
      } catch (err) {
        got = err instanceof TypeError ? 'failure' : String(err);
      }
      const want = c.failure ? 'failure' : c.href;
      if (got !== want) wrong.push({ input: c.input, base: c.base, got, want });
    }
    return wrong;
  }

  __annex_register({ list: { unbuilt, globals, urlCases }, checks: {
    fetching, stacks, storing, routes, contexts, resolving, texts, urls, bodies, streams, crypting, buffers, nodes, requests, clones, transfers, aborts, census, modules, storages, times,
  } });
})
