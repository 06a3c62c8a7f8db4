// pino: lines of JSON
import assert from 'node:assert/strict';
import pino from 'pino';
export async function run() {
  const logger = pino({ level: 'info' });
  logger.info({ a: 1 }, 'hello');
  assert.equal(logger.isLevelEnabled('debug'), false);
}
