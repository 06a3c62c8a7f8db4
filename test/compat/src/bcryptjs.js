// bcryptjs: a password hashed and compared
import assert from 'node:assert/strict';
import bcrypt from 'bcryptjs';
export async function run() {
  const hash = await bcrypt.hash('password', 4);
  assert.equal(await bcrypt.compare('password', hash), true);
  assert.equal(bcrypt.compareSync('Password', hash), false);
}
