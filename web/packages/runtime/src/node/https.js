// node:https: see http-client.js.
import { client } from './http-client.js';

const https = client('https:');
export const { request, get, Agent, globalAgent, ClientRequest, IncomingMessage, METHODS, STATUS_CODES, createServer, Server, ServerResponse, maxHeaderSize } = https;
export default https;
