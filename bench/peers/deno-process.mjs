// A Deno process for each request: this script is one of them.
import { handle } from "../app/src/handler.js";

const body = await new Response(Deno.stdin.readable).text();
await Deno.stdout.write(new TextEncoder().encode(await handle(body)));
