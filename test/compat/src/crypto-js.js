// crypto-js: hashes, HMAC, AES with a passphrase
import assert from 'node:assert/strict';
import CryptoJS from 'crypto-js';
export async function run() {
  assert.equal(CryptoJS.SHA256('abc').toString().slice(0, 8), 'ba7816bf');
  assert.equal(CryptoJS.HmacSHA1('d', 'k').toString().length, 40);
  const sealed = CryptoJS.AES.encrypt('secret', 'pass').toString();
  assert.equal(CryptoJS.AES.decrypt(sealed, 'pass').toString(CryptoJS.enc.Utf8), 'secret');
}
