// A Node.js Worker for each request.
import { createServer } from "node:http";
import { Worker } from "node:worker_threads";

const script = new URL("./node-worker-thread.mjs", import.meta.url);

const server = createServer(async (req, res) => {
  let body = "";
  for await (const chunk of req) body += chunk;
  const worker = new Worker(script, { workerData: body });
  worker.once("message", (answer) => {
    res.setHeader("content-type", "application/json");
    res.end(answer);
    worker.terminate();
  });
  worker.once("error", (err) => res.writeHead(500).end(String(err)));
});
server.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));
