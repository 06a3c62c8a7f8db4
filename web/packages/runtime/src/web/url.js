// URL and URLSearchParams: the whatwg-url library, which follows the standard's own tests.
import './early.js';
import whatwg from 'whatwg-url';

export const { URL, URLSearchParams } = whatwg;
// Bundling has renamed them.
for (const [name, value] of Object.entries({ URL, URLSearchParams })) Object.defineProperty(value, 'name', { value: name, configurable: true });
