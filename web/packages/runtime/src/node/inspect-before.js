// node-inspect-extracted lists the members of Atomics, which the engine has not; it
// gets an empty one while it is evaluated (inspect.js takes it away again).
export const lacksAtomics = !('Atomics' in globalThis);
if (lacksAtomics) globalThis.Atomics = {};
