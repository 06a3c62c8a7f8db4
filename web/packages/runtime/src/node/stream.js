// node:stream, from readable-stream, with the bridges to web streams that bodies need.
import '../web/early.js';
import stream from 'readable-stream/lib/ours/browser.js';
import { ReadableStream } from '../web/stream.js';

export const { Readable, Writable, Duplex, Transform, PassThrough, Stream, addAbortSignal, compose, destroy, finished, pipeline, promises } = stream;
export const isDisturbed = stream._isDisturbed ?? ((s) => Boolean(s.readableDidRead));
export const isReadable = (s) => Boolean(s.readable);
export const isErrored = (s) => Boolean(s.errored);
export const getDefaultHighWaterMark = () => 65536;
export const setDefaultHighWaterMark = () => {};

Readable.fromWeb = (web, options) => Readable.from(web, { objectMode: false, ...options });
Readable.toWeb = (readable) => ReadableStream.from(readable);

const value = stream.Stream ?? stream;
for (const [name, member] of Object.entries({
  Readable, Writable, Duplex, Transform, PassThrough, Stream: value, addAbortSignal, compose, destroy, finished, pipeline, promises,
  isDisturbed, isReadable, isErrored, getDefaultHighWaterMark, setDefaultHighWaterMark,
})) {
  if (!(name in value)) value[name] = member;
}
export default value;
