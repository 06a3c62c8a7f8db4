import { handle } from "handler.js";

export default {
  async fetch(request) {
    return new Response(await handle(await request.text()), { headers: { "content-type": "application/json" } });
  },
};
