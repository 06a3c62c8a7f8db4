// Transform streams over natives that work on whole values: text coding goes chunk by
// chunk, compression gathers its input and answers at the end.
import { kernel } from '@annex/runtime/kernel';
import { bytesOf, concat } from './bytes.js';
import { TextDecoder, TextEncoder } from './encoding.js';
import { TransformStream } from './stream.js';

const formats = ['gzip', 'deflate', 'deflate-raw'];

class Transform {
  #stream;
  constructor(transformer) { this.#stream = new TransformStream(transformer); }
  get readable() { return this.#stream.readable; }
  get writable() { return this.#stream.writable; }
}

function gathering(format, op) {
  if (!formats.includes(format)) throw new TypeError(`${JSON.stringify(format)} is no compression format known here (${formats.join(', ')} are)`);
  const chunks = [];
  return {
    transform(chunk) { chunks.push(bytesOf(chunk, op).slice()); },
    flush(controller) { controller.enqueue(kernel.native(op, format, concat([...chunks, new Uint8Array(0)]))); },
  };
}

export class CompressionStream extends Transform {
  constructor(format) { super(gathering(format, 'deflate')); }
}
export class DecompressionStream extends Transform {
  constructor(format) { super(gathering(format, 'inflate')); }
}

export class TextEncoderStream extends Transform {
  constructor() {
    const encoder = new TextEncoder();
    super({ transform(chunk, controller) { controller.enqueue(encoder.encode(chunk)); } });
  }
  get encoding() { return 'utf-8'; }
}

export class TextDecoderStream extends Transform {
  constructor(label, options) {
    const decoder = new TextDecoder(label, options);
    const put = (controller, text) => { if (text !== '') controller.enqueue(text); };
    super({
      transform(chunk, controller) { put(controller, decoder.decode(chunk, { stream: true })); },
      flush(controller) { put(controller, decoder.decode()); },
    });
    this.encoding = decoder.encoding;
  }
}
