// node:tty: there is no terminal.
import { NotOfferedError } from '../faults.js';

export const isatty = () => false;
export class ReadStream { constructor() { throw new NotOfferedError('tty.ReadStream'); } }
export class WriteStream { constructor() { throw new NotOfferedError('tty.WriteStream'); } }
export default { isatty, ReadStream, WriteStream };
