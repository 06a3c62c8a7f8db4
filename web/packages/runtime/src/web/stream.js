// The streams standard, from web-streams-polyfill, and the few helpers that bodies need.
import * as streams from 'web-streams-polyfill';

export const {
  ReadableStream, ReadableStreamDefaultController, ReadableByteStreamController, ReadableStreamBYOBRequest,
  ReadableStreamDefaultReader, ReadableStreamBYOBReader, WritableStream, WritableStreamDefaultController,
  WritableStreamDefaultWriter, ByteLengthQueuingStrategy, CountQueuingStrategy, TransformStream,
  TransformStreamDefaultController,
} = streams;

/** @param {Uint8Array} bytes */
export function streamOf(bytes) {
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
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
