// node:perf_hooks: the same as the web's performance.
import { notOfferedNow } from '../faults.js';
import {
  Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, PerformanceObserver, PerformanceObserverEntryList, performance,
} from '../web/performance.js';

export { Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, PerformanceObserver, PerformanceObserverEntryList, performance };
export const constants = Object.freeze({});
export const monitorEventLoopDelay = notOfferedNow('monitorEventLoopDelay');
export default {
  Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, PerformanceObserver, PerformanceObserverEntryList, performance,
  constants, monitorEventLoopDelay,
};
