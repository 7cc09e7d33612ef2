"""docs/daily-life.md: its code is run, and prints what stands behind it; its commands are run too."""

import asyncio
import contextlib
import io
import os
import re
import shlex
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.running import invoke
from headrace import AddonService
from headrace.emulator import describe
from house.rooms import ROOT
from ordering import provision
from pair import Acme, Pair, play_pair
from web.programs.calling import make_token

pytestmark = pytest.mark.acceptance

PAGE = ROOT / "docs" / "daily-life.md"
BLOCK = re.compile(r"^```(python|text|sh|)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HOOKS = "@service.on_rotate"


class DocumentedAcme(Acme):
    """The page's own hooks beside those that every partner has."""

    def register(self, service: AddonService) -> None:
        super().register(service)
        service.action("Rebuild index")(lambda order: f"12 documents of {order.name}")
        lines = [line for line in find_hooks().splitlines() if not line.startswith("service = ")]
        exec("\n".join(lines), {"service": service, "__name__": "acme"})


def read_blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def find_hooks() -> str:
    """The block that shows hooks is no script."""
    return next(text for kind, text in read_blocks() if kind == "python" and HOOKS in text)


@contextlib.contextmanager
def module(name: str, **members: Any) -> Iterator[None]:
    """Have a module of this name to be imported, for as long as the block lasts."""
    made = types.ModuleType(name)
    vars(made).update(members)
    sys.modules[name] = made
    try:
        yield
    finally:
        del sys.modules[name]


def run_script(text: str, service: AddonService) -> str:
    out = io.StringIO()
    with module("acme", service=service), contextlib.redirect_stdout(out):
        exec(text, {"__name__": "__main__"})
    return out.getvalue()


async def test_the_page_of_daily_life_does_what_it_says(sqlite_url: str) -> None:
    """From top to bottom, in order, by a service that another process serves."""
    acme = DocumentedAcme()
    async with play_pair(sqlite_url, acme=acme) as pair:
        for app in ("shop-staging", "shop"):
            await provision(pair, app)
        await provision(pair, "blog", plan="free")
        said, shown, commands = await play_page(pair)

    assert said == shown
    assert len(shown) >= 6
    assert len(commands) >= 5


async def play_page(pair: Pair) -> tuple[list[str], list[str], list[str]]:
    """Run the page; return what its scripts printed, what it says that they print, and the commands that were run."""
    said, shown, commands = [], [], []
    token = await make_token(pair, "shell")
    for kind, text in read_blocks():
        if kind == "text":
            shown.append(text)
        elif kind == "python" and HOOKS not in text:
            service = AddonService(pair.parts.settings)
            give_hooks(service)
            said.append(await asyncio.to_thread(run_script, text, service))
        elif kind == "sh":
            await run_shell(pair, text, token)
        for line in text.splitlines() if not kind else ():
            command = line.removeprefix("$ headrace ")
            service = AddonService(pair.parts.settings)
            give_hooks(service)
            with module("acme", service=service):
                result = await asyncio.to_thread(invoke, *shlex.split(command), **find_environment(pair))
            assert 0 == result.exit_code, result.output
            commands.append(command)
    return said, shown, commands


def give_hooks(service: AddonService) -> None:
    """Have another process's service know what can be ordered; nothing of it is called there."""
    service.on_rotate(lambda _rotation: {})
    service.action("Rebuild index")(lambda _order: None)


async def run_shell(pair: Pair, text: str, token: str) -> None:
    """Run what a program in another language would ask, line by line: each has to be answered with a 2xx."""
    told = {**os.environ, "ADDON": pair.url, "TOKEN": token, "UUID": pair.acme.created[0].uuid}
    for line in text.splitlines():
        process = await asyncio.create_subprocess_exec("bash", "-c", line, env=told, stdout=asyncio.subprocess.DEVNULL)
        assert 0 == await process.wait(), line


def find_environment(pair: Pair) -> dict[str, str]:
    return {**describe(pair.heroku).addon_services[0].settings, "DATABASE_URL": pair.parts.database.url}


def test_the_page_is_found_from_the_readme() -> None:
    assert f"docs/{PAGE.name}" in Path(ROOT, "README.md").read_text(encoding="utf-8")
