// @annex/metrics: app metrics. Not offered.
import { notOffered } from '@annex/runtime/faults';

const metrics = (name) => Object.freeze({
  counter: () => ({ incr: notOffered(`${name}.counter().incr`) }),
  gauge: () => ({ set: notOffered(`${name}.gauge().set`) }),
  histogram: () => ({ record: notOffered(`${name}.histogram().record`) }),
  timing: () => ({ measure: notOffered(`${name}.timing().measure`) }),
});
export const internalMetrics = metrics('internalMetrics');
export const customMetrics = metrics('customMetrics');
export default internalMetrics;
