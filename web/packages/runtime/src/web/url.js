// URL and URLSearchParams: the whatwg-url library, which follows the standard's own tests.
import './early.js';
import whatwg from 'whatwg-url';

export const { URL, URLSearchParams } = whatwg;
