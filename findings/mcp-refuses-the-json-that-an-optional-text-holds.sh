#!/usr/bin/env bash
# Expected: a tool of the MCP SDK for Python whose argument is `value: str | None` gets the text that the client sent, as with `value: str`.
# Happens: with anything but a plain `str` the SDK first reads a text as JSON: an object or a list then fails as "should be a valid string", the word null is
# None, and for `str | list[str]` the text of a list silently arrives as the list. The schema that the tool publishes says "string". Numbers stay texts.
# (Reported for 1.x, python-sdk issues 381, 1112 and 1873, with the fix for a plain `str` only; still so in 2.3, and the documentation does not say it.)
# Means: a tool that sets a config var takes every value but those that are JSON, and an assistant gets an error about a type it sent right, which it
# answers by changing the value. Take `str` with "" for nothing.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check mcp==2.3.0
cat >"$dir/run.py" <<'PY'
import asyncio
import logging
from importlib.metadata import version

from mcp import Client
from mcp.server import MCPServer

server = MCPServer("config")


@server.tool()
def set_plain(value: str) -> str:
    return f"{type(value).__name__} {value}"


@server.tool()
def set_optional(value: str | None = None) -> str:
    return f"{type(value).__name__} {value}"


@server.tool()
def set_many(value: str | list[str]) -> str:
    return f"{type(value).__name__} {value}"


TEXTS = ("basic", "5", "null", '["web"]', '{"plan": "basic"}')
WANTED = {
    "set_plain": ["str"] * 5,
    "set_optional": ["str", "str", "NoneType", "refused", "refused"],
    "set_many": ["str", "str", "refused", "list", "refused"],
}


async def main() -> None:
    print("mcp", version("mcp"))
    async with Client(server) as client:
        for tool in (await client.list_tools()).tools:
            print(tool.name, tool.input_schema["properties"]["value"])
            seen = []
            for text in TEXTS:
                answer = await client.call_tool(tool.name, {"value": text})
                said = answer.content[0].text
                seen.append("refused" if answer.is_error else said.split()[0])
                print(f"   {text:20}", " ".join(said.split("[type")[0].split()))
            assert seen == WANTED[tool.name], f"changed: {seen}"


logging.disable()
asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py"
