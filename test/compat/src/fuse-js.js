// fuse.js: fuzzy search
import assert from 'node:assert/strict';
import Fuse from 'fuse.js';
export async function run() {
  assert.equal(new Fuse([{ t: 'alpha' }, { t: 'beta' }], { keys: ['t'] }).search('alpa')[0].item.t, 'alpha');
}
