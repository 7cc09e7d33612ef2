"""What others hold on to, as text: what changes here, changes for them. `./dev draw` writes it anew."""

import asyncio
import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from headrace.cli.main import main
from headrace.emulator import BUILT_IN_WORLD, describe, load_world, run
from headrace.service import AddonService
from headrace.settings import read_settings

KEPT = Path(__file__).parent / "public"
# Each is for somebody: partners' code, partners' tests, whoever drives the emulator from Python.
PUBLIC_MODULES = ("headrace", "headrace.emulator", "headrace.testing", "headrace.pytest_plugin")
EVERYTHING_ON = {
    "DATABASE_URL": "sqlite:///never-opened.db",
    "HEADRACE_METRICS_TOKEN": "metrics-token-of-36-characters-0000",
    "HEADRACE_API_TOKEN": "api-token-of-36-characters-000000000",
    "HEADRACE_OPERATOR_SECRET": "operators-secret-of-36-characters-00",
}


def render_names() -> str:
    """Return the names that each public module offers."""
    lines = []
    for module in map(importlib.import_module, PUBLIC_MODULES):
        lines += [f"{module.__name__}.{name}" for name in sorted(list_names(module))]
    return "\n".join(lines) + "\n"


def list_names(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def render_help() -> str:
    """Return the help of every command."""
    return "\n".join(f"$ {' '.join(path)} --help\n{text}\n" for path, text in walk_commands(main, ("headrace",)))


def walk_commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    with click.Context(command, info_name=" ".join(path), terminal_width=100, max_content_width=100) as context:
        yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from walk_commands(command.commands[name], (*path, name))


def render_openapi() -> str:
    """Return the service's description of itself, everything in it that can be switched on, as it is sent."""
    return asyncio.run(_fetch_openapi()) + "\n"


async def _fetch_openapi() -> str:
    async with run(load_world(BUILT_IN_WORLD)) as heroku:
        settings = describe(heroku).addon_services[0].settings
    service = AddonService(read_settings({**settings, **EVERYTHING_ON}))
    for register in (service.on_provision, service.on_plan_change, service.on_deprovision):
        register(_hook)
    body = await fetch(service.asgi().router, "/openapi.json")
    # A line for each member, so that a change can be read.
    return json.dumps(json.loads(body), indent=1)


async def _hook(_argument: object) -> None: ...


async def fetch(app: Any, path: str) -> bytes:
    """Ask an ASGI application for a page, without a socket."""
    sent: list[Mapping[str, Any]] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> Mapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return b"".join(message.get("body", b"") for message in sent)


KEPT_TEXTS = {
    "names.txt": render_names,
    "help.txt": render_help,
    "openapi.json": render_openapi,
}


def draw() -> None:
    """Write every text anew."""
    for name, render in KEPT_TEXTS.items():
        (KEPT / name).write_text(render(), encoding="utf-8")
