// Calls tools of Heroku's MCP server one after the other, as an assistant does, and prints each answer as a line of JSON.
//
// argv: the folder of modules, then JSON: [[tool, arguments], …].
import { pathToFileURL } from "node:url";
import path from "node:path";

const [modules, calls] = process.argv.slice(2);
const sdk = (file) => import(pathToFileURL(path.join(modules, "@modelcontextprotocol/sdk/dist/esm/client", file)));
const { Client } = await sdk("index.js");
const { StdioClientTransport } = await sdk("stdio.js");

const server = path.join(modules, "@heroku/mcp-server/bin/heroku-mcp-server.mjs");
const hook = new URL("./resolve_mcp.mjs", import.meta.url).href;
const transport = new StdioClientTransport({
  command: process.execPath,
  args: ["--import", hook, server],
  env: process.env,
  stderr: "ignore",
});
const client = new Client({ name: "headrace", version: "0" });
// As long as the server's own limit: the SDK's minute is short on a machine that is busy with other tests.
const patience = { timeout: Number(process.env.MCP_SERVER_REQUEST_TIMEOUT) };
await client.connect(transport, patience);
for (const [name, args] of JSON.parse(calls)) {
  const answer = await client.callTool({ name, arguments: args }, undefined, patience);
  const text = answer.content.map((part) => part.text).join("\n");
  process.stdout.write(`${JSON.stringify({ isError: Boolean(answer.isError), text })}\n`);
}
await client.close();
