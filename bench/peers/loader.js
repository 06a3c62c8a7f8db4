// A fresh isolate for each request. It has no name, so none is kept: with names of their own
// they would be, until the memory is full.
import worker from "worker-source";
import handler from "handler-source";

export default {
  async fetch(request, env) {
    const isolate = env.LOADER.load({
      compatibilityDate: "2026-11-01",
      mainModule: "worker.js",
      modules: { "worker.js": worker, "handler.js": handler },
      globalOutbound: null,
    });
    return isolate.getEntrypoint().fetch(request);
  },
};
