// winston: lines by console and by a stream
import assert from 'node:assert/strict';
import winston from 'winston';
import { PassThrough } from 'node:stream';
export async function run() {
  const stream = new PassThrough();
  const logger = winston.createLogger({ format: winston.format.json(), transports: [new winston.transports.Stream({ stream })] });
  logger.info('hello', { a: 1 });
  const [line] = await new Promise((done) => stream.once('data', (c) => done([c])));
  assert.deepEqual(JSON.parse(String(line)), { level: 'info', message: 'hello', a: 1 });
}
