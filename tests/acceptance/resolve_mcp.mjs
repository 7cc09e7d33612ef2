// Lets Node find what Heroku's MCP server imports of its SDK without the ending that the SDK's exports have.
import { register } from "node:module";

const hooks = `export const resolve = (name, context, next) =>
  next(name.startsWith("@modelcontextprotocol/sdk/") && !name.endsWith(".js") ? name + ".js" : name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
