import * as streams from '../web/stream.js';
import { CompressionStream, DecompressionStream, TextDecoderStream, TextEncoderStream } from '../web/transforms.js';

export const {
  ReadableStream, ReadableStreamDefaultReader, ReadableStreamBYOBReader, WritableStream, WritableStreamDefaultWriter, TransformStream,
  ByteLengthQueuingStrategy, CountQueuingStrategy,
} = streams;
export { CompressionStream, DecompressionStream, TextDecoderStream, TextEncoderStream };
export default {
  ReadableStream, ReadableStreamDefaultReader, ReadableStreamBYOBReader, WritableStream, WritableStreamDefaultWriter, TransformStream,
  ByteLengthQueuingStrategy, CountQueuingStrategy, CompressionStream, DecompressionStream, TextDecoderStream, TextEncoderStream,
};
