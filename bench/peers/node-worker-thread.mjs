import { parentPort, workerData } from "node:worker_threads";
import { handle } from "../app/src/handler.js";

parentPort.postMessage(await handle(workerData));
