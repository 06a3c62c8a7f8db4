import { handle } from './handler.js';

export async function run(request) {
  return { statusCode: 200, headers: { 'content-type': ['application/json'] }, body: await handle(request.body) };
}
