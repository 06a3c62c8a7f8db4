// Bodies that go to a product piece by piece: the host takes the next piece when the product
// has taken the one before, so that neither it nor the engine holds what is still to come.
import { onAbort } from './abort.js';
import { concat } from './bytes.js';
import { ReadableStream } from './stream.js';

const { stringify } = JSON;
const pieceSize = 256 << 10;
const maxAtOnce = 16; // the host takes no more of a call

/** Whether a body is worth more than one host call, or nobody knows yet. */
export const isLong = (body) => body !== undefined && (body.length > pieceSize || body instanceof ReadableStream);

/**
 * The pieces of a body, one at a time; the last one says so and may be empty.
 *
 * @param {Uint8Array | ReadableStream} body
 * @returns {{size?: number, next: () => Promise<{piece: Uint8Array, done: boolean}>, cancel: (why: unknown) => Promise<void>}}
 */
export function piecesOf(body) {
  return body instanceof ReadableStream ? gathered(body) : cut(body);
}

function cut(bytes) {
  let at = 0;
  return {
    size: bytes.length,
    async next() {
      const piece = bytes.subarray(at, at + pieceSize);
      at += piece.length;
      return { piece, done: at === bytes.length };
    },
    async cancel() {},
  };
}

function gathered(stream) {
  const reader = stream.getReader();
  let rest = new Uint8Array(0);
  return {
    async next() {
      const parts = [];
      for (let missing = pieceSize; missing > 0; ) {
        if (rest.length === 0) {
          const { done, value } = await reader.read();
          if (done) return { piece: concat([new Uint8Array(0), ...parts]), done };
          if (!(value instanceof Uint8Array)) throw new TypeError('a body stream must yield Uint8Array chunks');
          rest = value;
        }
        const part = rest.subarray(0, missing);
        rest = rest.subarray(part.length);
        missing -= part.length;
        parts.push(part);
      }
      return { piece: concat(parts), done: false };
    },
    async cancel(why) { await reader.cancel(why); },
  };
}

/**
 * Asks with a body that goes piece by piece. What turns out to fit one piece goes with its
 * request. The answer may come before the body's end; then the rest is not wanted.
 *
 * @param {ReturnType<typeof piecesOf>} pieces
 * @param {AbortSignal | null} signal
 * @param {(method: string, head: string, body?: Uint8Array) => Promise<{head: string, body?: Uint8Array}>} asked
 * @param {() => string} headOf the request's
 */
export async function sendPieces(pieces, signal, asked, headOf) {
  let sending = 0; // the host's name of it, once there is one
  let stopped;
  const stop = (why) => {
    stopped ??= { why };
    pieces.cancel(why).catch(() => {});
    if (sending !== 0) asked('product.send', stringify({ sending, close: true })).catch(() => {});
  };
  const unhook = signal === null ? undefined : onAbort(signal, stop);
  await turn();
  try {
    for (;;) {
      const { piece, done } = await pieces.next();
      if (stopped !== undefined) throw stopped.why;
      if (sending === 0 && done) return await asked('product.request', headOf(), piece);
      const head = sending === 0 ? opening(headOf(), pieces.size) : stringify({ sending, done });
      const reply = await asked('product.send', head, piece);
      if (!reply.head.startsWith(goOn)) {
        sending = 0; // it is over there
        if (!done) pieces.cancel(new TypeError('the product has answered already')).catch(() => {});
        return reply;
      }
      sending = Number(reply.head.slice(goOn.length, -1));
      if (stopped !== undefined) {
        stop();
        throw stopped.why;
      }
    }
  } catch (err) {
    if (stopped === undefined) stop(err);
    throw err;
  } finally {
    unhook?.();
    underway--;
    waiting.shift()?.();
  }
}

const goOn = '{"sending":';

const opening = (head, size = 0) => `${head.slice(0, -1)},"size":${size}}`;

let underway = 0;
const waiting = [];

// turn waits until a body may go.
async function turn() {
  while (underway >= maxAtOnce) await new Promise((done) => { waiting.push(done); });
  underway++;
}
