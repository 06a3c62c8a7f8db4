import { Performance, performance } from '../web/performance.js';
import { notOfferedClass, notOfferedNow } from '../faults.js';

export { Performance, performance };
export const PerformanceObserver = notOfferedClass('PerformanceObserver');
export const constants = Object.freeze({});
export const monitorEventLoopDelay = notOfferedNow('monitorEventLoopDelay');
export default { Performance, performance, PerformanceObserver, constants, monitorEventLoopDelay };
