// The host's clock as performance shows it: whole milliseconds since the first reading in a
// call. Nothing of an earlier call is visible.
import { kernel } from '@annex/runtime/kernel';

let origin; // stays unset at module scope, so that a snapshot holds none

/** When the clock began, in milliseconds since 1970. */
export function timeOrigin() {
  if (origin === undefined) {
    const now = kernel.now();
    if (kernel.moduleScope) return now;
    origin = now;
  }
  return origin;
}

/** Milliseconds since timeOrigin. */
export function sinceOrigin() {
  const from = timeOrigin();
  return kernel.now() - from;
}
