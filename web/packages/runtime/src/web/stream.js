// The streams standard, from web-streams-polyfill, and the few helpers that bodies need.
import * as streams from 'web-streams-polyfill';

export const {
  ReadableStream, ReadableStreamDefaultController, ReadableByteStreamController, ReadableStreamBYOBRequest,
  ReadableStreamDefaultReader, ReadableStreamBYOBReader, WritableStream, WritableStreamDefaultController,
  WritableStreamDefaultWriter, ByteLengthQueuingStrategy, CountQueuingStrategy, TransformStream,
  TransformStreamDefaultController,
} = streams;

/**
 * A stream of bytes, which stay as they are: readers get a copy.
 * @param {Uint8Array} bytes
 * @param {(fail: (reason: unknown) => void) => void} [failing] is given what ends the stream early
 */
export function streamOf(bytes, failing) {
  let given = false;
  return new ReadableStream({
    type: 'bytes',
    start(controller) { failing?.((reason) => { if (!given) controller.error(reason); }); },
    pull(controller) {
      given = true;
      if (bytes.length > 0) controller.enqueue(bytes.slice());
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

/** Whether a stream was read from or cancelled. The library keeps that as a field. */
export const disturbed = (stream) => stream._disturbed === true;

/** The stream of a body that was read without it. */
export function spent() {
  const stream = streamOf(new Uint8Array(0));
  void stream.getReader().cancel();
  return stream;
}

/** Reads a stream of byte chunks to its end. */
export async function drain(stream) {
  const parts = [];
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return parts;
    if (!(value instanceof Uint8Array)) throw new TypeError('a body stream must yield Uint8Array chunks');
    parts.push(value);
  }
}
