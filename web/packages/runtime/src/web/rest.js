// Answers of which the host has more than came with their heads.
import { kernel } from '@annex/runtime/kernel';
import { classed } from '../errors.js';
import { onAbort } from './abort.js';
import { ReadableStream } from './stream.js';

/** Gives up what nobody wants to read. */
export function giveUp(method, body) {
  kernel.call(method, { body, close: true }).catch(() => {}); // it may be over already
}

/**
 * A body of which the host has more: each piece is asked for when it is wanted.
 *
 * @param {string} method the host call that gives pieces
 * @param {Uint8Array} first what is there already
 * @param {number} body the host's number of it
 * @param {AbortSignal | null} signal
 */
export function restOf(method, first, body, signal) {
  const next = async (how) => {
    try {
      return await kernel.call(method, { body, ...how });
    } catch (err) {
      throw classed(err);
    }
  };
  let over = false;
  const stop = () => {
    over = true;
    return next({ close: true }).then(() => undefined, () => undefined); // it may be over already
  };
  return new ReadableStream({
    type: 'bytes',
    start(controller) {
      controller.enqueue(first);
      if (signal === null) return;
      onAbort(signal, (reason) => {
        if (over) return;
        void stop();
        controller.error(reason);
      });
    },
    async pull(controller) {
      for (let given = false; !given && !over; ) {
        const { head, body: bytes } = await next();
        if (over) return;
        given = bytes !== undefined && bytes.length > 0;
        if (given) controller.enqueue(bytes);
        if (!head.done) continue;
        over = true;
        controller.close();
        controller.byobRequest?.respond(0);
      }
    },
    cancel: stop,
  });
}
