// node:http: see http-client.js.
import { client } from './http-client.js';

const http = client('http:');
export const { request, get, Agent, globalAgent, ClientRequest, IncomingMessage, METHODS, STATUS_CODES, createServer, Server, ServerResponse, maxHeaderSize } = http;
export default http;
