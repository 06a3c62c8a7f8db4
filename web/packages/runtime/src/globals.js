// The globals of the web and of Node.js that app code and libraries look for.
import { Buffer } from './node/buffer.js';
import process from './node/process.js';
import { setImmediate as immediate, setTimeout as timeout } from './node/timers-promises.js';
import { AbortController, AbortSignal } from './web/abort.js';
import { Blob, File, installObjectURLs } from './web/blob.js';
import { refuseToClone, structuredClone } from './web/clone.js';
import { console } from './web/console.js';
import { Crypto, CryptoKey, QuotaExceededError, SubtleCrypto, crypto } from './web/crypto.js';
import { TextDecoder, TextEncoder } from './web/encoding.js';
import { CustomEvent, Event, EventTarget } from './web/events.js';
import { FormData } from './web/formdata.js';
import { Headers } from './web/headers.js';
import { fetch } from './web/http.js';
import { MessageChannel, MessageEvent, MessagePort } from './web/messaging.js';
import { Navigator, navigator, reportError } from './web/navigator.js';
import {
  Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, PerformanceObserver, PerformanceObserverEntryList, performance,
} from './web/performance.js';
import { Request } from './web/request.js';
import { Response } from './web/response.js';
import * as streams from './web/stream.js';
import { CompressionStream, DecompressionStream, TextDecoderStream, TextEncoderStream } from './web/transforms.js';
import { URL, URLSearchParams } from './web/url.js';
import { defineInterface } from './web/webidl.js';

const { streamOf, drain, disturbed, spent, ...streamClasses } = streams;
for (const [name, Class] of Object.entries(streamClasses)) Object.defineProperty(Class, 'name', { value: name, configurable: true });
for (const [name, Class] of Object.entries({ Crypto, CryptoKey, SubtleCrypto })) defineInterface(Class, name);
installObjectURLs(URL, () => crypto.randomUUID());

// What the standards make enumerable on the global object; classes and namespaces are not.
const operations = { crypto, fetch, navigator, performance, reportError, structuredClone };

// Interfaces whose objects structuredClone refuses.
const opaque = {
  AbortController, AbortSignal, CompressionStream, DecompressionStream, Event, EventTarget, FormData, Headers, MessageChannel,
  Navigator, PerformanceEntry, Request, Response, SubtleCrypto, TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream,
  URL, URLSearchParams, ...streamClasses,
};
refuseToClone(Object.values(opaque));

export const globals = {
  ...opaque, Blob, Buffer, Crypto, CryptoKey, CustomEvent, File, MessageEvent, MessagePort, Performance, PerformanceMark, PerformanceMeasure,
  PerformanceObserver, PerformanceObserverEntryList, QuotaExceededError, console, process, ...operations,
};

// What util.promisify makes of timers, whose callback comes first.
const promised = Symbol.for('nodejs.util.promisify.custom');

/** Defines the globals as the standards do. */
export function installGlobals(target) {
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: name in operations });
  }
  for (const [timer, value] of [[target.setTimeout, timeout], [target.setImmediate, immediate]]) {
    if (timer) Object.defineProperty(timer, promised, { value });
  }
  Object.defineProperty(target, 'global', { value: target, writable: true, configurable: true, enumerable: false });
  Object.defineProperty(target, 'self', { value: target, writable: true, configurable: true, enumerable: false });
}
