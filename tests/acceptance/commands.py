"""`./dev commands [COMMAND…]`: commands of the official CLI, tried as docs/heroku-cli.md says, all of them or these.

The CLI is the one that npm installs. It finds no host but this machine, and which it looked for is known; of programs
it finds those of PROGRAMS, and of STAND_INS ones that fail at once, so that nothing is opened or logged in to.
"""

import asyncio
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from acceptance.heroku_cli import build_cli_environment, join_words
from acceptance.installs import HEROKU_CLI, install_from_npm
from emulator.partner import RawPartner, serve_partner
from emulator.wire import ADA, Wire, name_tokens
from headrace.emulator import BUILT_IN_WORLD, Emulator, load_world, run
from house.rooms import ROOT

PAGE = ROOT / "docs" / "heroku-cli.md"
ROW = re.compile(r"^\| `([^`]+)` \| (?:`([^`]*)`)? ?\| (works|refused|leaves) \| (?:`([^`]*)`)? ?\|$", re.MULTILINE)
WATCH = Path(__file__).with_name("watch_hosts.cjs")
PROGRAMS = ("node", "npm", "git", "sh", "bash", "env", "openssl", "uname", "true")
STAND_INS = ("docker", "ssh", "psql", "xdg-open")
NO_ENDPOINT = "The emulator has no endpoint"
TRIED_AT_ONCE = 3
LONGEST_SECONDS = 120.0
FILES = {
    "Procfile": "web: true\n",
    ".env": "MODE=local\n",
    "app.json": '{"name": "notes"}\n',
    "key.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUh5VYkmB5FJfkwkR2Y9JGmFxGZFrJhb2D0CmUoSIrE ada@lumen\n",
    "server.crt": "-----BEGIN CERTIFICATE-----\n",
    "server.key": "-----BEGIN PRIVATE KEY-----\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the page: `words` are in what the command says, or are the host that it leaves for."""

    command: str
    arguments: str
    outcome: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a command ended; `hosts` are those that it looked for, this machine left out."""

    status: int | None
    text: str
    hosts: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where commands are tried: an emulator with something of everything, to which `names` has the ids."""

    program: Path
    folder: Path
    heroku: Emulator
    names: Mapping[str, str]

    async def say(self, row: Row) -> Said:
        """Run the command of a row at a home and in a folder of its own."""
        home = Path(tempfile.mkdtemp(dir=self.folder))
        here, hosts = home / "app", home / "hosts"
        here.mkdir()
        hosts.touch()
        for name, text in FILES.items():
            (here / name).write_text(text, encoding="utf-8")
        environment = build_cli_environment(home, heroku_url=self.heroku.url, token=ADA) | {
            "PATH": str(build_path(home / "bin")),
            "NODE_OPTIONS": f"--require={WATCH}",
            "HOSTS_FILE": str(hosts),
            "EDITOR": "true",
            # Where plugins come from, whatever this machine is told: a place that the page can name.
            "HEROKU_NPM_REGISTRY": "https://npm.example/",
        }
        await _run(["git", "init", "-q"], here, environment)
        status, text = await _run([str(self.program), row.command, *self._fill(row)], here, environment)
        return Said(status=status, text=join_words(text), hosts=frozenset(hosts.read_text().split()))

    def _fill(self, row: Row) -> list[str]:
        return [self.names.get(part, part) for part in shlex.split(row.arguments)]


def read_rows() -> list[Row]:
    """Return the rows of the page's tables."""
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return [Row(command=command, arguments=arguments, outcome=o, words=words) for command, arguments, o, words in found]


def list_commands(program: Path) -> set[str]:
    """Return what the installed CLI says that it can do, other names and its plugins' commands included."""
    answer = subprocess.run(
        [program, "commands", "--json"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    return {command["id"] for command in json.loads(answer.stdout)}


def find_problem(row: Row, said: Said) -> str:
    """Return what is not as the row says, or nothing."""
    if row.outcome == "leaves":
        return "" if row.words in said.hosts else f"it looked for {sorted(said.hosts) or 'no other host'}"
    if said.hosts:
        return f"it leaves for {', '.join(sorted(said.hosts))}"
    if row.words not in said.text:
        return "it says something else"
    if row.outcome == "works" and (said.status != 0 or NO_ENDPOINT in said.text):
        return f"it ends with {said.status}"
    return "" if row.words or row.outcome == "works" else "a refusal needs words"


async def prepare(heroku: Emulator, partner: RawPartner) -> dict[str, str]:
    """Make something of everything, and return what stands for the ids of it in the page's rows."""
    async with aiohttp.ClientSession() as session:
        wire = Wire(heroku.url, session)

        async def make(path: str, body: object) -> Any:
            return (await wire.send("POST", path, json=body)).body

        await make("/apps/ada-notes/addons", {"plan": "acme-search:basic", "name": "notes-search"})
        await make("/addon-attachments", {"addon": "notes-search", "app": "ada-notes", "name": "FIND"})
        await make("/apps/ada-notes/domains", {"hostname": "www.notes.example", "sni_endpoint": None})
        await make("/apps/ada-notes/log-drains", {"url": "https://drain.example/logs"})
        await make("/apps/ada-notes/collaborators", {"user": "grace@lumen.example"})
        await make("/apps/ledger-api/collaborators", {"user": "linus@orbit.example"})
        await wire.send("PATCH", "/teams/apps/ledger-api", json={"locked": True})
        subscription = {"include": ["api:release"], "level": "notify", "url": f"{partner.url}/webhooks"}
        client = {"name": "acme", "redirect_uri": "https://acme.example/callback"}
        names = {
            "WEBHOOK": await make("/apps/ada-notes/webhooks", subscription),
            "AUTHORIZATION": await make("/oauth/authorizations", {"description": "test", "scope": ["global"]}),
            "CLIENT": await make("/oauth/clients", client),
        }
        await wire.send("PATCH", "/apps/ada-notes/config-vars", json={"GREETING": "hello"})
        await wire.send(
            "PUT",
            "/apps/ada-notes/buildpack-installations",
            json={"updates": [{"buildpack": "https://code.example/b"}]},
        )
        await heroku.settle()
        aurora = heroku.state.add_app(
            "aurora", owner=heroku.state.users_by_email["ada@lumen.example"], generation="fir"
        )
        exporter = {"endpoint": "https://otel.example:4318", "type": "otlphttp", "headers": {}}
        drain = {"owner": {"id": aurora.id, "type": "app"}, "signals": ["logs"], "exporter": exporter}
        names["TELEMETRY"] = await make("/telemetry-drains", drain)
        names["EVENT"] = (await wire.get("/apps/ada-notes/webhook-events")).body[0]
        names["DELIVERY"] = (await wire.get("/apps/ada-notes/webhook-deliveries")).body[0]
    return {name: made["id"] for name, made in names.items()}


def build_path(folder: Path) -> Path:
    """Return a folder with all the programs that a command can find."""
    folder.mkdir()
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            (folder / name).symlink_to(found)
    for name in STAND_INS:
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o700)
    return folder


async def try_all(rows: Iterable[Row], program: Path) -> int:
    """Try rows, a few at once, and print what is not as it says; return how many that are."""
    waiting = iter(list(rows))
    with tempfile.TemporaryDirectory() as folder:
        found = await asyncio.gather(*(_try_some(waiting, program, Path(folder)) for _ in range(TRIED_AT_ONCE)))
    return sum(found)


async def _try_some(waiting: Iterator[Row], program: Path, folder: Path) -> int:
    """Each row begins with the same Heroku."""
    problem_count = 0
    async with AsyncExitStack() as stack:
        partner = await stack.enter_async_context(serve_partner())
        world = name_tokens(BUILT_IN_WORLD).replace("http://127.0.0.1:5050", partner.url)
        heroku = await stack.enter_async_context(run(load_world(world)))
        bench = Bench(program=program, folder=folder, heroku=heroku, names=await prepare(heroku, partner))
        saved = Path(tempfile.mkdtemp(dir=folder)) / "scene.json"
        heroku.save(saved)
        for row in waiting:
            heroku.load(saved)
            said = await bench.say(row)
            problem = find_problem(row, said)
            problem_count += bool(problem)
            sign = f"NOT SO: {problem}\n    {said.text[-600:]}" if problem else row.outcome
            tell(f"heroku {row.command} {row.arguments}: {sign}")
    return problem_count


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def _run(command: list[str], here: Path, environment: dict[str, str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=here,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), LONGEST_SECONDS)
    except TimeoutError:
        process.kill()
        return None, f"no end within {LONGEST_SECONDS:.0f} s"
    return process.returncode, output.decode(errors="replace")


def main() -> int:
    rows, wanted = read_rows(), set(sys.argv[1:])
    unknown = wanted - {row.command for row in rows}
    if unknown:
        tell(f"{PAGE.name} has no {', '.join(sorted(unknown))}.")
        return 2
    program = install_from_npm(*HEROKU_CLI) / ".bin" / "heroku"
    problem_count = asyncio.run(try_all((row for row in rows if not wanted or row.command in wanted), program))
    tell(f"{problem_count} of {len(wanted or rows)} are not as {PAGE.name} says.")
    return bool(problem_count)


if __name__ == "__main__":
    sys.exit(main())
