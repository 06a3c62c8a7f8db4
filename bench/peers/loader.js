// A fresh isolate for each request: each gets a name of its own, so none is found again.
import worker from "worker-source";
import handler from "handler-source";

let n = 0;

export default {
  async fetch(request, env) {
    const isolate = env.LOADER.get(`call-${n++}`, () => ({
      compatibilityDate: "2026-11-01",
      mainModule: "worker.js",
      modules: { "worker.js": worker, "handler.js": handler },
      globalOutbound: null,
    }));
    return isolate.getEntrypoint().fetch(request);
  },
};
