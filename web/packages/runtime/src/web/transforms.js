// Transform streams over natives that work on whole values: text coding goes chunk by
// chunk, compression gathers its input and answers at the end.
import { kernel } from '@annex/runtime/kernel';
import { bytesOf, concat } from './bytes.js';
import { TextDecoder, TextEncoder } from './encoding.js';
import { TransformStream } from './stream.js';
import { Anything, defineInterface, need, oneOf } from './webidl.js';

const formats = ['deflate', 'deflate-raw', 'gzip'];

// Pair gives the object that it is made from two ends of a stream: these interfaces have
// no parent.
class Pair extends Anything {
  #stream;
  constructor(target, transformer) {
    super(target);
    this.#stream = new TransformStream(transformer);
  }
  static readable(pair) { return pair.#stream.readable; }
  static writable(pair) { return pair.#stream.writable; }
}
const { readable, writable } = Pair;

function gathering(format, op) {
  const chunks = [];
  return {
    transform(chunk) {
      if (!(chunk instanceof ArrayBuffer) && !(ArrayBuffer.isView(chunk) && chunk.buffer instanceof ArrayBuffer)) throw new TypeError(`${op}: a chunk must be bytes`);
      chunks.push(bytesOf(chunk, op).slice());
    },
    flush(controller) {
      let bytes;
      try {
        bytes = kernel.native(op, format, concat([...chunks, new Uint8Array(0)]));
      } catch (cause) {
        throw new TypeError(`the data is no ${format}`, { cause });
      }
      if (bytes.length > 0) controller.enqueue(bytes);
    },
  };
}

export class CompressionStream {
  constructor(format) {
    need(arguments.length, 1, 'CompressionStream');
    new Pair(this, gathering(oneOf(formats, format, 'CompressionStream'), 'deflate'));
  }
  get readable() { return readable(this); }
  get writable() { return writable(this); }
}

export class DecompressionStream {
  constructor(format) {
    need(arguments.length, 1, 'DecompressionStream');
    new Pair(this, gathering(oneOf(formats, format, 'DecompressionStream'), 'inflate'));
  }
  get readable() { return readable(this); }
  get writable() { return writable(this); }
}

export class TextEncoderStream {
  constructor() {
    const encoder = new TextEncoder();
    let half = ''; // the first half of a pair at a chunk's end
    new Pair(this, {
      transform(chunk, controller) {
        let text = half + `${chunk}`;
        half = '';
        if ((text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800) {
          half = text.slice(-1);
          text = text.slice(0, -1);
        }
        if (text !== '') controller.enqueue(encoder.encode(text));
      },
      flush(controller) { if (half !== '') controller.enqueue(encoder.encode(half)); },
    });
  }
  get encoding() {
    readable(this);
    return 'utf-8';
  }
  get readable() { return readable(this); }
  get writable() { return writable(this); }
}

export class TextDecoderStream {
  #decoder;
  constructor(label = 'utf-8', options = undefined) {
    const decoder = new TextDecoder(label, options);
    const put = (controller, text) => { if (text !== '') controller.enqueue(text); };
    new Pair(this, {
      transform(chunk, controller) { put(controller, decoder.decode(bytesOf(chunk, 'TextDecoderStream'), { stream: true })); },
      flush(controller) { put(controller, decoder.decode()); },
    });
    this.#decoder = decoder;
  }
  get encoding() { return this.#decoder.encoding; }
  get fatal() { return this.#decoder.fatal; }
  get ignoreBOM() { return this.#decoder.ignoreBOM; }
  get readable() { return readable(this); }
  get writable() { return writable(this); }
}

for (const [Class, name, length] of [
  [CompressionStream, 'CompressionStream', 1], [DecompressionStream, 'DecompressionStream', 1],
  [TextEncoderStream, 'TextEncoderStream', 0], [TextDecoderStream, 'TextDecoderStream', 0],
]) {
  defineInterface(Class, name, { length });
}
