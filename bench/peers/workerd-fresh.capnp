using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "main", worker = .worker) ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "loader.js", esModule = embed "loader.js"),
    (name = "worker-source", text = embed "worker.js"),
    (name = "handler-source", text = embed "../app/src/handler.js"),
  ],
  bindings = [ (name = "LOADER", workerLoader = ()) ],
  compatibilityDate = "2026-11-01",
  compatibilityFlags = ["experimental"],
);
