// /_annex/bridge.js: first in each document of an app. It takes one port, from the page of
// the shell that holds this frame and from nobody else, and gives the app
// `globalThis.__bridge.callBridge`. The port's identity is the frame's: there is no
// credential here, and nothing that says who the user is.
//
// Hosting puts the shell's origin in front of this file: `self.__annexShell = "https://…";`.
import { BridgeError, makeCallBridge } from './callbridge.js';
import { reportSize } from './size.js';
import { simulatedConnection } from './simulated.js';

const shell = typeof self.__annexShell === 'string' ? self.__annexShell : '';
delete self.__annexShell;

if (!Object.hasOwn(globalThis, '__bridge')) {
  const connection = self.parent !== self && shell ? framed() : alone();
  Object.defineProperty(globalThis, '__bridge', { value: Object.freeze({ callBridge: makeCallBridge(connection) }), enumerable: true });
}

function framed() {
  const waiting = new Map();
  const hearers = new Set();
  let port;
  let next = 1;
  const early = [];

  addEventListener('message', function take(e) {
    if (e.source !== self.parent || e.origin !== shell || e.data?.annex !== 'port' || e.ports.length !== 1) return;
    e.stopImmediatePropagation(); // the port is not the app's to find
    removeEventListener('message', take, true);
    [port] = e.ports;
    port.onmessage = heard;
    for (const m of early.splice(0)) port.postMessage(m);
  }, true);
  self.parent.postMessage({ annex: 'hello' }, shell);

  function heard({ data }) {
    if (typeof data !== 'object' || data === null) return;
    if (typeof data.event === 'string') {
      for (const fn of hearers) fn(data.event, data.payload);
      return;
    }
    const one = waiting.get(data.id);
    if (!one) return;
    waiting.delete(data.id);
    if (data.error) one.reject(new BridgeError(String(data.error.message ?? 'The host refused.'), data.error));
    else one.resolve(data.result);
  }
  function send(command, payload) {
    return new Promise((resolve, reject) => {
      const id = next++;
      waiting.set(id, { resolve, reject });
      const message = { id, command, payload };
      try {
        if (port) port.postMessage(message);
        else early.push(structuredClone(message)); // as it is now, not as it is when the port comes
      } catch (e) {
        waiting.delete(id);
        reject(new BridgeError('This cannot be passed to the host.', { code: 'INVALID_ARGUMENT', cause: e }));
      }
    });
  }
  reportSize(send);
  addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && !e.defaultPrevented) void send('escape').catch(() => {});
  });
  return { send, listen: (fn) => void hearers.add(fn) };
}

// alone is a tab of its own. Where hosting served the file there is a real host elsewhere, and
// nothing is simulated; a front end that is being developed gets a simulated one.
function alone() {
  if (!shell) return simulatedConnection();
  return {
    send: () => Promise.reject(new BridgeError('This page belongs into a page of the product, and has no host here.', { code: 'NO_HOST' })),
    listen() {},
  };
}
