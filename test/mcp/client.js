// A client as an assistant has one: it knows the address of the actions and nothing else. It
// writes the page that its user has to open, reads the address to which the browser came
// back, and then says what it was offered and what the named tool answered.
import readline from "node:readline/promises";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [endpoint, tool, input] = process.argv.slice(2);
const kept = {};
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");

const provider = {
  redirectUrl: "http://127.0.0.1:49152/back",
  clientMetadata: {
    client_name: "Desk assistant",
    redirect_uris: ["http://127.0.0.1:49152/back"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  },
  state: () => "the-state",
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  redirectToAuthorization: (url) => say({ open: url.href }),
};

const lines = readline.createInterface({ input: process.stdin });
const transport = () => new StreamableHTTPClientTransport(new URL(endpoint), { authProvider: provider });
let way = transport();
let client = new Client({ name: "desk", version: "1" });
try {
  await client.connect(way);
  throw new Error("it was let in without anybody");
} catch (err) {
  if (!(err instanceof UnauthorizedError)) throw err;
}
const { value: line } = await lines[Symbol.asyncIterator]().next();
const back = new URL(line);
if (back.searchParams.get("state") !== "the-state") throw new Error("another state came back");
await way.finishAuth(back.searchParams.get("code"));
way = transport();
client = new Client({ name: "desk", version: "1" });
await client.connect(way);
const { tools } = await client.listTools();
const name = tools.find((t) => t.name.startsWith(tool + "_")).name;
const answer = await client.callTool({ name, arguments: JSON.parse(input) });
say({ tools: tools.length, name, answer, client: kept.client, lasts: kept.tokens.expires_in });
await client.close();
lines.close();
