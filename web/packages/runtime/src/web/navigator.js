// navigator, as far as programs without a window have one, and reportError.
import { kernel } from '@annex/runtime/kernel';
import { defineInterface, need } from './webidl.js';

const token = Symbol('Navigator');

export class Navigator {
  #own;
  constructor(key) { if (key !== token) throw new TypeError('Illegal constructor'); }
  get hardwareConcurrency() {
    void this.#own;
    return 1;
  }
  get language() {
    void this.#own;
    return 'en-US';
  }
  get languages() {
    void this.#own;
    return languages;
  }
  get platform() {
    void this.#own;
    return 'linux';
  }
  get userAgent() {
    void this.#own;
    return 'Annex';
  }
}
const languages = Object.freeze(['en-US']);
defineInterface(Navigator, 'Navigator');
export const navigator = new Navigator(token);

/** Tells the app's log of an error that was caught and that nobody handles. The call goes on. */
export function reportError(error) {
  need(arguments.length, 1, 'reportError');
  kernel.log('error', ['Uncaught', error]);
}
