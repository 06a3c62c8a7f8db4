// The globals of the web and of Node.js that app code and libraries look for.
import { Buffer } from './node/buffer.js';
import process from './node/process.js';
import { AbortController, AbortSignal } from './web/abort.js';
import { Blob, File } from './web/blob.js';
import { structuredClone } from './web/clone.js';
import { Crypto, CryptoKey, QuotaExceededError, SubtleCrypto, crypto } from './web/crypto.js';
import { TextDecoder, TextEncoder } from './web/encoding.js';
import { CustomEvent, Event, EventTarget } from './web/events.js';
import { FormData } from './web/formdata.js';
import { Headers } from './web/headers.js';
import { fetch } from './web/http.js';
import { Performance, performance } from './web/performance.js';
import { Request } from './web/request.js';
import { Response } from './web/response.js';
import * as streams from './web/stream.js';
import { CompressionStream, DecompressionStream, TextDecoderStream, TextEncoderStream } from './web/transforms.js';
import { URL, URLSearchParams } from './web/url.js';

const { streamOf, drain, ...streamClasses } = streams;

export const globals = {
  AbortController, AbortSignal, Blob, Buffer, CompressionStream, Crypto, CryptoKey, CustomEvent, DecompressionStream, Event, EventTarget, File, FormData,
  Headers, Performance, QuotaExceededError, Request, Response, SubtleCrypto, TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream, URL, URLSearchParams,
  crypto, fetch, performance, process, structuredClone, ...streamClasses,
};

/** Defines the globals as the standards do: writable, configurable, not enumerable. */
export function installGlobals(target) {
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
  }
  Object.defineProperty(target, 'global', { value: target, writable: true, configurable: true, enumerable: false });
  Object.defineProperty(target, 'self', { value: target, writable: true, configurable: true, enumerable: false });
}
