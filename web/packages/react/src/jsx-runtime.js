// What the automatic JSX transform calls.
import runtime from 'react/jsx-runtime';

export const { Fragment, jsx, jsxs } = runtime;
/** The development transform's: it says more, and makes the same. */
export const jsxDEV = jsx;
export default { Fragment, jsx, jsxs, jsxDEV };
