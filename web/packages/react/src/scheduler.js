// The scheduler that the reconciler asks for. In the sandbox nobody paints and nobody types
// while code runs: what is due is done when the current job ends, and no timer stays
// behind that would keep a session from being parked.
export const unstable_ImmediatePriority = 1;
export const unstable_UserBlockingPriority = 2;
export const unstable_NormalPriority = 3;
export const unstable_LowPriority = 4;
export const unstable_IdlePriority = 5;

export const unstable_now = () => Date.now();
export const unstable_shouldYield = () => false;
export const unstable_requestPaint = () => {};
export const unstable_getCurrentPriorityLevel = () => unstable_NormalPriority;

let queue = [];
let order = 0;

function work() {
  while (queue.length > 0) {
    queue.sort((a, b) => a.priority - b.priority || a.order - b.order);
    const task = queue.shift();
    const { callback } = task;
    if (callback === null) continue;
    task.callback = null;
    const more = callback(false);
    if (typeof more === 'function') {
      task.callback = more;
      queue.push(task);
    }
  }
}

export function unstable_scheduleCallback(priority, callback) {
  const task = { priority, callback, order: order++ };
  if (queue.push(task) === 1) queueMicrotask(work);
  return task;
}

export function unstable_cancelCallback(task) {
  task.callback = null;
}
