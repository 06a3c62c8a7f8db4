import { customAlphabet, nanoid } from 'nanoid';
import { nanoid as quick } from 'nanoid/non-secure';
import { monotonicFactory, ulid } from 'ulid';
import { v1, v4, v7 } from 'uuid';
import { randomBytes } from 'node:crypto';

// What libraries prepare is prepared at module scope, and so is in the snapshot.
const short = customAlphabet('0123456789abcdef', 24);
const next = monotonicFactory();
const pool = new Uint8Array(16);

export async function draw() {
  crypto.getRandomValues(pool);
  return [v1(), v4(), v7(), nanoid(), quick(), short(), ulid(), next(), crypto.randomUUID(), randomBytes(12).toString('hex'), String(Math.random()), String(pool)];
}
