// node:tty: there is no terminal.
import { notOfferedClass } from '../faults.js';

export const isatty = () => false;
export const ReadStream = notOfferedClass('tty.ReadStream');
export const WriteStream = notOfferedClass('tty.WriteStream');
export default { isatty, ReadStream, WriteStream };
