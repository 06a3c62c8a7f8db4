// Checks of node:crypto and crypto.subtle. They hold in Node.js as they hold here, which
// web/packages/runtime/test/crypto.test.js sees to.
(function (__annex_require, __annex_register) {
  const assert = __annex_require('node:assert').strict;
  const crypto = __annex_require('node:crypto');
  const { Buffer } = __annex_require('node:buffer');
  const { promisify } = __annex_require('node:util');
  const { subtle } = globalThis.crypto;
  const utf8 = (s) => new TextEncoder().encode(s);
  const hex = (b) => Buffer.from(b).toString('hex');
  const data = Buffer.from('what was signed');

  async function hashes() {
    assert.equal(crypto.createHash('sha3-256').update('abc').digest('hex'), '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532');
    assert.equal(crypto.createHash('sha512-256').update('abc').digest('hex'), '53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23');
    assert.equal(crypto.createHash('RSA-SHA256').update('abc').digest('hex').slice(0, 8), 'ba7816bf');
    const h = crypto.createHash('md5').update('a');
    const copy = h.copy();
    assert.equal(copy.update('b').digest('hex'), crypto.createHash('md5').update('ab').digest('hex'));
    assert.equal(h.digest('hex'), '0cc175b9c0f1b6a831c399e269772661');
    assert.throws(() => h.update('x'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
    assert.throws(() => crypto.createHash('nothing'), Error);
    assert.ok(crypto.getHashes().includes('sha256'));
    const stream = crypto.createHash('sha1');
    stream.end('abc');
    const [out] = await __annex_require('node:events').once(stream, 'data');
    assert.equal(hex(out), 'a9993e364706816aba3e25717850c26c9cd0d89d');
    assert.equal(crypto.createHmac('sha256', crypto.createSecretKey(Buffer.from('k'))).update('d').digest('base64'), crypto.createHmac('sha256', 'k').update('d').digest('base64'));
  }

  async function pairs() {
    const kinds = [
      ['rsa', { modulusLength: 2048 }, ['pkcs1', 'pkcs8'], 'RSA-SHA256'], ['ec', { namedCurve: 'P-256' }, ['sec1', 'pkcs8'], 'sha256'], ['ec', { namedCurve: 'secp521r1' }, ['sec1', 'pkcs8'], 'sha512'],
      ['ed25519', {}, ['pkcs8'], null],
    ];
    for (const [kind, options, types, alg] of kinds) {
      const { publicKey, privateKey } = crypto.generateKeyPairSync(kind, options);
      assert.equal(privateKey.asymmetricKeyType, kind);
      for (const type of types) {
        const pem = privateKey.export({ type, format: 'pem' });
        assert.match(pem, /^-----BEGIN [A-Z ]*PRIVATE KEY-----\n/);
        const again = crypto.createPrivateKey(pem);
        assert.equal(again.export({ type: 'pkcs8', format: 'der' }).compare(privateKey.export({ type: 'pkcs8', format: 'der' })), 0);
        assert.equal(crypto.createPrivateKey({ key: privateKey.export({ type, format: 'der' }), format: 'der', type }).asymmetricKeyType, kind);
      }
      const jwk = privateKey.export({ format: 'jwk' });
      const fromJWK = crypto.createPrivateKey({ key: jwk, format: 'jwk' });
      const spki = publicKey.export({ type: 'spki', format: 'pem' });
      assert.equal(crypto.createPublicKey(fromJWK).export({ type: 'spki', format: 'pem' }), spki);
      assert.equal(crypto.createPublicKey(privateKey.export({ type: 'pkcs8', format: 'pem' })).export({ type: 'spki', format: 'pem' }), spki);
      const sig = alg === null ? crypto.sign(null, data, fromJWK) : crypto.createSign(alg).update('what was ').update('signed').sign(fromJWK);
      assert.equal(crypto.verify(alg, data, spki, sig), true);
      assert.equal(crypto.verify(alg, Buffer.from('x'), publicKey, sig), false);
      if (kind === 'ec') {
        const raw = crypto.sign(alg, data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
        assert.equal(raw.length, options.namedCurve === 'P-256' ? 64 : 132);
        assert.equal(crypto.verify(alg, data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw), true);
      }
    }
    const rsa = await promisify(crypto.generateKeyPair)('rsa', { modulusLength: 1024, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
    assert.deepEqual(crypto.createPublicKey(rsa.publicKey).asymmetricKeyDetails, { modulusLength: 1024, publicExponent: 65537n });
    const pss = { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST };
    const sig = crypto.sign('sha256', data, { key: rsa.privateKey, ...pss });
    assert.equal(crypto.verify('sha256', data, { key: rsa.publicKey, ...pss }, sig), true);
    assert.equal(crypto.verify('sha256', data, rsa.publicKey, sig), false);
    for (const how of [{}, { oaepHash: 'sha256' }]) {
      const sealed = crypto.publicEncrypt({ key: rsa.publicKey, ...how }, Buffer.from('secret'));
      assert.equal(crypto.privateDecrypt({ key: rsa.privateKey, ...how }, sealed).toString(), 'secret');
    }
    assert.throws(() => crypto.createPrivateKey('no key'), { code: 'ERR_OSSL_UNSUPPORTED' });
    assert.throws(() => crypto.createPrivateKey(rsa.publicKey));
    assert.throws(() => crypto.createSign('nothing'));
  }

  async function ciphers() {
    const iv = Buffer.alloc(16, 9);
    for (const bits of [128, 192, 256]) {
      const key = Buffer.alloc(bits / 8, 7);
      for (const mode of ['cbc', 'ctr', 'ecb']) {
        const nonce = mode === 'ecb' ? null : iv;
        for (const size of [0, 1, 15, 16, 17, 1000]) {
          const plain = Buffer.alloc(size, 'abc');
          const c = crypto.createCipheriv(`aes-${bits}-${mode}`, key, nonce);
          const sealed = Buffer.concat([c.update(plain.subarray(0, 7)), c.update(plain.subarray(7)), c.final()]);
          const d = crypto.createDecipheriv(`aes-${bits}-${mode}`, key, nonce);
          const back = Buffer.concat([d.update(sealed.subarray(0, 3)), d.update(sealed.subarray(3)), d.final()]);
          assert.equal(back.compare(plain), 0, `${mode} ${size}`);
        }
      }
      const c = crypto.createCipheriv(`aes-${bits}-gcm`, key, iv.subarray(0, 12)).setAAD(Buffer.from('aad'));
      const sealed = c.update('secret ', 'utf8', 'hex') + c.update('words', 'utf8', 'hex') + c.final('hex');
      const tag = c.getAuthTag();
      assert.equal(tag.length, 16);
      const d = crypto.createDecipheriv(`aes-${bits}-gcm`, key, iv.subarray(0, 12)).setAAD(Buffer.from('aad')).setAuthTag(tag);
      assert.equal(d.update(sealed, 'hex', 'utf8') + d.final('utf8'), 'secret words');
      const wrong = crypto.createDecipheriv(`aes-${bits}-gcm`, key, iv.subarray(0, 12)).setAuthTag(tag);
      wrong.update(sealed, 'hex');
      assert.throws(() => wrong.final(), /unable to authenticate/);
    }
    const known = crypto.createCipheriv('aes-128-cbc', Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'), Buffer.alloc(16));
    assert.equal(known.update('hello', 'utf8', 'hex') + known.final('hex'), '5d8749e2af7531b2bf6661e9e5daf012');
    const bad = crypto.createDecipheriv('aes-128-cbc', Buffer.alloc(16), iv);
    bad.update(Buffer.alloc(16));
    assert.throws(() => bad.final(), { code: 'ERR_OSSL_BAD_DECRYPT' });
    assert.throws(() => crypto.createCipheriv('aes-128-cbc', Buffer.alloc(5), iv), { code: 'ERR_CRYPTO_INVALID_KEYLEN' });
    assert.throws(() => crypto.createCipheriv('none', Buffer.alloc(5), iv), { code: 'ERR_CRYPTO_UNKNOWN_CIPHER' });
  }

  async function deriving() {
    assert.equal(crypto.pbkdf2Sync('password', 'salt', 4096, 20, 'sha1').toString('hex'), '4b007901b765489abead49d926f721d065a429c1');
    assert.equal((await promisify(crypto.pbkdf2)('password', 'salt', 2, 64, 'sha512')).length, 64);
    assert.equal(crypto.scryptSync('password', 'NaCl', 64, { N: 1024, r: 8, p: 16 }).toString('hex').slice(0, 32), 'fdbabe1c9d3472007856e7190d01e9fe');
    assert.equal((await promisify(crypto.scrypt)('p', 's', 32)).length, 32);
    assert.throws(() => crypto.scryptSync('p', 's', 32, { N: 1 << 20 }), { code: 'ERR_CRYPTO_INVALID_SCRYPT_PARAMS' });
    assert.equal(hex(crypto.hkdfSync('sha256', Buffer.alloc(22, 0x0b), Buffer.from('000102030405060708090a0b0c', 'hex'), Buffer.from('f0f1f2f3f4f5f6f7f8f9', 'hex'), 42)),
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865');
    const [a, b] = [crypto.createECDH('prime256v1'), crypto.createECDH('prime256v1')];
    a.generateKeys();
    b.generateKeys();
    assert.equal(a.computeSecret(b.getPublicKey(null, 'compressed'), null, 'hex'), b.computeSecret(a.getPublicKey('hex'), 'hex', 'hex'));
    const c = crypto.createECDH('prime256v1');
    c.setPrivateKey(a.getPrivateKey('hex'), 'hex');
    assert.equal(c.getPublicKey('hex'), a.getPublicKey('hex'));
    const [x, y] = [crypto.generateKeyPairSync('x25519'), crypto.generateKeyPairSync('x25519')];
    assert.equal(hex(crypto.diffieHellman({ privateKey: x.privateKey, publicKey: y.publicKey })), hex(crypto.diffieHellman({ privateKey: y.privateKey, publicKey: x.publicKey })));
    assert.equal(crypto.generateKeySync('aes', { length: 256 }).symmetricKeySize, 32);
  }

  const rejected = (promise, name) => assert.rejects(promise, (err) => err.name === name || assert.fail(`${err.name}: ${err.message}, not ${name}`));

  async function webKeys() {
    const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' };
    for (const [alg, how, usages] of [
      [{ name: 'RSASSA-PKCS1-v1_5', ...rsa }, 'RSASSA-PKCS1-v1_5', ['sign', 'verify']], [{ name: 'RSA-PSS', ...rsa }, { name: 'RSA-PSS', saltLength: 32 }, ['sign', 'verify']],
      [{ name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-256' }, ['sign', 'verify']], [{ name: 'ECDSA', namedCurve: 'P-384' }, { name: 'ECDSA', hash: { name: 'SHA-384' } }, ['sign', 'verify']],
      [{ name: 'Ed25519' }, 'Ed25519', ['sign', 'verify']],
    ]) {
      const { publicKey, privateKey } = await subtle.generateKey(alg, true, usages);
      assert.deepEqual([publicKey.usages, privateKey.usages, publicKey.type], [['verify'], ['sign'], 'public']);
      const sig = await subtle.sign(how, privateKey, data);
      assert.ok(sig instanceof ArrayBuffer);
      assert.equal(await subtle.verify(how, publicKey, sig, data), true);
      assert.equal(await subtle.verify(how, publicKey, sig, utf8('x')), false);
      for (const format of ['spki', 'jwk', ...(alg.modulusLength ? [] : ['raw'])]) {
        const again = await subtle.importKey(format, await subtle.exportKey(format, publicKey), alg, true, ['verify']);
        assert.equal(await subtle.verify(how, again, sig, data), true);
      }
      for (const format of ['pkcs8', 'jwk']) {
        const again = await subtle.importKey(format, await subtle.exportKey(format, privateKey), alg, false, ['sign']);
        assert.equal(await subtle.verify(how, publicKey, await subtle.sign(how, again, data), data), true);
        await assert.rejects(subtle.exportKey(format, again), /not extractable/);
      }
      await rejected(subtle.sign(how, publicKey, data), 'InvalidAccessError');
      await rejected(subtle.importKey('spki', utf8('x'), alg, true, ['verify']), 'DataError');
      await rejected(subtle.generateKey(alg, true, []), 'SyntaxError');
    }
    await rejected(subtle.generateKey({ name: 'Nothing' }, true, ['sign']), 'NotSupportedError');
    await rejected(subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-1' }, true, ['sign']), 'NotSupportedError');
    await rejected(subtle.digest('MD5', data), 'NotSupportedError');
    const { publicKey, privateKey } = await subtle.generateKey({ name: 'RSA-OAEP', ...rsa }, false, ['encrypt', 'decrypt']);
    const sealed = await subtle.encrypt({ name: 'RSA-OAEP', label: utf8('l') }, publicKey, data);
    assert.equal(hex(await subtle.decrypt({ name: 'RSA-OAEP', label: utf8('l') }, privateKey, sealed)), data.toString('hex'));
    await rejected(subtle.decrypt({ name: 'RSA-OAEP' }, privateKey, sealed), 'OperationError');
    assert.equal(crypto.KeyObject.from(publicKey).asymmetricKeyType, 'rsa');
  }

  async function webSecrets() {
    for (const [name, params] of [['AES-GCM', { iv: new Uint8Array(12), additionalData: utf8('aad') }], ['AES-CBC', { iv: new Uint8Array(16) }], ['AES-CTR', { counter: new Uint8Array(16), length: 64 }]]) {
      const key = await subtle.generateKey({ name, length: 256 }, true, ['encrypt', 'decrypt']);
      const sealed = await subtle.encrypt({ name, ...params }, key, data);
      const again = await subtle.importKey('jwk', await subtle.exportKey('jwk', key), name, false, ['decrypt']);
      assert.equal(hex(await subtle.decrypt({ name, ...params }, again, sealed)), data.toString('hex'));
      await rejected(subtle.encrypt({ name, ...params }, again, data), 'InvalidAccessError');
      await assert.rejects(subtle.exportKey('raw', again), /not extractable/);
      if (name === 'AES-GCM') await rejected(subtle.decrypt({ ...params, name, additionalData: utf8('x') }, key, sealed), 'OperationError');
      await rejected(subtle.generateKey({ name, length: 64 }, true, ['encrypt']), 'OperationError');
    }
    const kek = await subtle.importKey('raw', new Uint8Array(16), 'AES-KW', false, ['wrapKey', 'unwrapKey']);
    const hmac = await subtle.generateKey({ name: 'HMAC', hash: 'SHA-512' }, true, ['sign', 'verify']);
    assert.equal(hmac.algorithm.length, 1024);
    const wrapped = await subtle.wrapKey('raw', hmac, kek, 'AES-KW');
    const unwrapped = await subtle.unwrapKey('raw', wrapped, kek, 'AES-KW', { name: 'HMAC', hash: 'SHA-512' }, true, ['sign']);
    assert.equal(hex(await subtle.sign('HMAC', unwrapped, data)), hex(await subtle.sign('HMAC', hmac, data)));
    const password = await subtle.importKey('raw', utf8('password'), 'PBKDF2', false, ['deriveBits', 'deriveKey']);
    const bits = await subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-1', salt: utf8('salt'), iterations: 4096 }, password, 160);
    assert.equal(hex(bits), '4b007901b765489abead49d926f721d065a429c1');
    const aes = await subtle.deriveKey({ name: 'PBKDF2', hash: 'SHA-256', salt: utf8('salt'), iterations: 2 }, password, { name: 'AES-GCM', length: 128 }, true, ['encrypt']);
    assert.equal((await subtle.exportKey('raw', aes)).byteLength, 16);
    for (const algorithm of [{ name: 'ECDH', namedCurve: 'P-256' }, { name: 'X25519' }]) {
      const [a, b] = await Promise.all([1, 2].map(() => subtle.generateKey(algorithm, true, ['deriveBits'])));
      const one = await subtle.deriveBits({ name: algorithm.name, public: b.publicKey }, a.privateKey, 256);
      assert.equal(hex(one), hex(await subtle.deriveBits({ name: algorithm.name, public: a.publicKey }, b.privateKey, 256)));
    }
    const hkdf = await subtle.importKey('raw', new Uint8Array(22).fill(0x0b), 'HKDF', false, ['deriveBits']);
    assert.equal(hex(await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: new Uint8Array(0) }, hkdf, 128)), '8da4e775a563c18f715f802a063c5a31');
    await rejected(subtle.importKey('raw', utf8('p'), 'PBKDF2', true, ['deriveBits']), 'SyntaxError');
    await rejected(subtle.importKey('raw', new Uint8Array(5), 'AES-GCM', true, ['encrypt']), 'DataError');
  }

  __annex_register({ crypto: { hashes, pairs, ciphers, deriving, webKeys, webSecrets } });
});
