import { Performance, performance } from '../web/performance.js';
import { NotOfferedError } from '../faults.js';

export { Performance, performance };
export class PerformanceObserver { constructor() { throw new NotOfferedError('PerformanceObserver'); } }
export const constants = Object.freeze({});
export function monitorEventLoopDelay() { throw new NotOfferedError('monitorEventLoopDelay'); }
export default { Performance, performance, PerformanceObserver, constants, monitorEventLoopDelay };
