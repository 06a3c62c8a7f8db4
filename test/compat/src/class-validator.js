// class-validator: decorated properties
import assert from 'node:assert/strict';
import 'reflect-metadata';
import { IsEmail, validate } from 'class-validator';
export async function run() {
  class User {}
  IsEmail()(User.prototype, 'email');
  const user = new User();
  user.email = 'x';
  assert.deepEqual(Object.keys((await validate(user))[0].constraints), ['isEmail']);
  user.email = 'a@example.com';
  assert.equal((await validate(user)).length, 0);
}
