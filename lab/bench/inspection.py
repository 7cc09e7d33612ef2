"""How quickly a fleet is looked at, beside asking by hand, heroku3's way, and asking with nothing stored.

Heroku is `lab.kit.heroku`, in a process of its own. headrace is the command `headrace sync`, with everything stored.
"""

import json
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from headrace.encryption import KeyRing, make_key
from lab.bench.apart.askers import Asked
from lab.bench.apart.served import MANIFEST
from lab.kit.databases import make_database
from lab.kit.fleets import fill
from lab.kit.processes import find_command, module, read_mebibytes, start

COUNT, BY_HAND, ROUNDS = 20_000, 500, 3
SIZES = (10_000, 100_000, 1_000_000)
WORKERS = 2
SAMPLE_SECONDS = 1.0

Ran = dict[str, Any]


def run_inspection() -> dict[str, Any]:
    """Print what each way comes to for one process, and return it."""
    with _start_heroku("hidden") as url:
        ways = {way: ask(way, url, BY_HAND) for way in ("hand", "heroku3")}
        for way in ("bare-first", "bare-again"):
            rounds = [ask(way, url, COUNT) for _ in range(ROUNDS)]
            ways[way] = sorted(rounds, key=attrgetter("seconds"))[ROUNDS // 2]
    found: dict[str, Any] = {"ways": {way: msgspec.to_builtins(asked) for way, asked in ways.items()}}
    _print_head(f"{COUNT:,} resources, five to a pipeline, one process each; median of {ROUNDS}, first passes of one")
    for way, name in (
        ("hand", "by hand: requests with a session"),
        ("heroku3", "heroku3's way"),
        ("bare-first", "ceiling: aiohttp, same requests"),
        ("bare-again", "ceiling: aiohttp, one 304 each"),
    ):
        asked = ways[way]
        _print_row(name, asked.resources / asked.seconds, asked.cpu / asked.resources, asked.requests / asked.resources)
    hand = ways["hand"].resources / ways["hand"].seconds
    for kind in ("sqlite", "postgresql"):
        found[kind] = _measure_passes(kind)
        for name, ran in found[kind].items():
            ceiling = ways["bare-first" if name == "first pass" else "bare-again"]
            per_second = ran["looked"] / ran["seconds"]
            of_ceiling = per_second / (ceiling.resources / ceiling.seconds)
            by_cpu = (ceiling.cpu / ceiling.resources) / (ran["cpu"] / ran["looked"])
            _print_row(
                f"{kind}, {name}",
                per_second,
                ran["cpu"] / ran["looked"],
                ran["requests"] / ran["looked"],
                f"{of_ceiling:>7.2f} {by_cpu:>7.2f} {per_second / hand:>7.1f}",
            )
    return found


def run_million() -> dict[str, Any]:
    """Re-sync fleets of three sizes on PostgreSQL with two processes, and print what a resource costs in each."""
    print(f"`headrace sync` over everything on PostgreSQL, {WORKERS} processes; Heroku answers on this machine too")
    print(
        f"{'resources':>12} {'seconds':>9} {'per second':>11} {'CPU s/1,000':>12} {'MiB, early':>11} {'at the end':>11}"
    )
    found = {}
    for count in SIZES:
        ran = _resync(count)
        found[str(count)] = ran
        early, late = ran["mebibytes"][len(ran["mebibytes"]) // 4], ran["mebibytes"][-1]
        print(
            f"{count:>12,} {ran['seconds']:>9.1f} {count / ran['seconds']:>11,.0f} {ran['cpu'] / count * 1000:>12.3f}"
            f" {early:>11.0f} {late:>11.0f}",
            flush=True,
        )
    return found


def _print_head(title: str) -> None:
    print(title)
    ratios = f"{'of ceil':>7} {'by CPU':>7} {'by hand':>7}"
    print(f"{'':<34} {'per second':>10} {'CPU s/1,000':>11} {'requests':>9} {ratios}")


def _print_row(name: str, per_second: float, cpu: float, requests: float, ratios: str = "") -> None:
    print(f"  {name:<32} {per_second:>10,.0f} {cpu * 1000:>11.3f} {requests:>9.2f} {ratios}", flush=True)


def ask(way: str, url: str, count: int) -> Asked:
    command = module("lab.bench.apart.askers", way, url, str(count))
    return msgspec.json.decode(subprocess.run(command, capture_output=True, check=True).stdout, type=Asked)


def _measure_passes(kind: str) -> dict[str, Ran]:
    """A first pass over what was never looked at, a second one, and one where Heroku lists pipelines."""
    with _start_heroku("hidden") as url, _fleet(kind, url, COUNT, is_known=False, is_hidden=True) as environment:
        first = _sync(environment)
        _sync(environment, "--all")  # the one that is refused the lists, which happens once a day
        again = _sync_often(environment)
    with _start_heroku("shown") as url, _fleet(kind, url, COUNT, is_known=True, is_hidden=False) as environment:
        _sync(environment, "--all")  # the one that reads the lists for the first time
        listed = _sync_often(environment)
    return {"first pass": first, "nothing has changed": again, "the same, lists allowed": listed}


def _sync_often(environment: dict[str, str]) -> Ran:
    """The middle one of some passes over everything."""
    return sorted((_sync(environment, "--all") for _ in range(ROUNDS)), key=itemgetter("seconds"))[ROUNDS // 2]


def _resync(count: int) -> Ran:
    with _start_heroku("hidden") as url, _fleet("postgresql", url, count, is_known=True, is_hidden=True) as environment:
        spent, began = read_cpu_of_children(), time.monotonic()
        with ExitStack() as stack:
            processes = [stack.enter_context(_start_sync(environment)) for _ in range(WORKERS)]
            mebibytes = []
            while any(process.poll() is None for process in processes):
                mebibytes.append(max(read_mebibytes(process.pid) for process in processes))
                time.sleep(SAMPLE_SECONDS)
            seconds = time.monotonic() - began
            looked = sum(_read_ran(process)["looked"] for process in processes)
        cpu = read_cpu_of_children() - spent - WORKERS * _find_idle_cpu(environment)
    assert looked == count, f"{looked} of {count} were looked at"
    return {"looked": looked, "seconds": seconds, "cpu": cpu, "mebibytes": [each for each in mebibytes if each]}


@contextmanager
def _start_heroku(mode: str) -> Iterator[str]:
    with start(module("lab.kit.heroku", mode)) as port:
        yield f"http://127.0.0.1:{int(port)}"


@contextmanager
def _fleet(kind: str, url: str, count: int, *, is_known: bool, is_hidden: bool) -> Iterator[dict[str, str]]:
    """A fleet in a database of its own, and the environment of the commands that work on it."""
    key = make_key()
    with make_database(kind) as database_url:
        fill(database_url, count, keys=KeyRing.parse(key), is_known=is_known, is_hidden=is_hidden)
        yield os.environ | {
            "HEADRACE_MANIFEST": json.dumps(MANIFEST),
            "HEADRACE_CLIENT_SECRET": "secret",
            "HEADRACE_KEYS": key,
            "DATABASE_URL": database_url,
            "HEROKU_API_URL": url,
            "HEROKU_ID_URL": url,
        }


def _sync(environment: dict[str, str], *options: str) -> Ran:
    """Run the command to its end; `cpu` is without what it takes to start and to find nothing due."""
    spent = read_cpu_of_children()
    with _start_sync(environment, *options) as process:
        ran = _read_ran(process)
    cpu = read_cpu_of_children() - spent
    return ran | {"cpu": cpu - _find_idle_cpu(environment)}


def _find_idle_cpu(environment: dict[str, str]) -> float:
    """What the command takes when nothing is due."""
    spent = read_cpu_of_children()
    with _start_sync(environment) as process:
        assert _read_ran(process)["looked"] == 0
    return read_cpu_of_children() - spent


def _start_sync(environment: dict[str, str], *options: str) -> "subprocess.Popen[str]":
    command = [str(find_command("headrace")), "sync", "--json", *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def _read_ran(process: "subprocess.Popen[str]") -> Ran:
    """Return what the command said at its end."""
    assert process.stdout is not None
    ran: Ran = json.loads(process.stdout.read())
    return ran


def read_cpu_of_children() -> float:
    """The CPU seconds of every process of ours that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
