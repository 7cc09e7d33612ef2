"""How quickly the emulator answers a partner and how quickly it starts, beside a floor, a peer and a small world.

The floor is the same web server with the same primitives, answering as many bytes without looking at anything.
The peer is moto's server, asked for one small record by its name. The small world tells whether look-ups are scans.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle, product
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from lab.bench.apart.emulated import AskedAddon, Emulated
from lab.bench.moto import build_get_parameter, serve_moto
from lab.kit.load import Load, ask, build_request, measure
from lab.kit.processes import find_command, module, serving, start
from lab.kit.worlds import CLIENT_SECRET, build_world

CONNECTIONS = 16
SECONDS = 0.4
ROUNDS = 5
STARTS = 3
APP_COUNT, SMALL_APP_COUNT = 10_000, 10
MOTO = "moto: GetParameter"


@dataclass(frozen=True, kw_only=True)
class Partner:
    """What the partner of an add-on holds."""

    addon: AskedAddon
    access: str
    refresh: str
    etag: str = ""

    def build_get(self, path: str, *, known: str = "") -> bytes:
        headers = {"Authorization": f"Bearer {self.access}", "Accept": "application/vnd.heroku+json; version=3"}
        return build_request("GET", path, headers | ({"If-None-Match": known} if known else {}))

    def build_refresh(self) -> bytes:
        return _build_token_request(grant_type="refresh_token", refresh_token=self.refresh)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One of the requests that a partner makes, and the status of its answer."""

    build: Callable[[Partner], bytes]
    status: int = 200


ROWS = {
    "GET /addons/{id}": Row(build=lambda partner: partner.build_get(f"/addons/{partner.addon.id}")),
    "  the same, unchanged": Row(
        build=lambda partner: partner.build_get(f"/addons/{partner.addon.id}", known=partner.etag), status=304
    ),
    "GET /apps/{id}/pipeline-couplings": Row(
        build=lambda partner: partner.build_get(f"/apps/{partner.addon.app_id}/pipeline-couplings")
    ),
    "GET /pipelines/{id}": Row(build=lambda partner: partner.build_get(f"/pipelines/{partner.addon.pipeline_id}")),
    "POST /oauth/token, refresh": Row(build=Partner.build_refresh),
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """A request to a server, or several in turn, that are answered alike."""

    port: int
    status: int
    build: Callable[[], bytes]

    def measure(self) -> Load:
        return measure(self.port, self.build, status=self.status, connections=CONNECTIONS, seconds=SECONDS)


# For each row and each side of it, a load for each round.
Loads = dict[str, dict[str, list[Load]]]


def run_emulator() -> dict[str, Any]:
    """Print requests per second and starting times, as ratios to the floor, the peer and a small world; return all."""
    print(f"A partner's requests to the emulator, {APP_COUNT:,} apps in pipelines, each with an add-on; {CONNECTIONS}")
    print(f"connections, medians of {ROUNDS} rounds of {SECONDS:g} s; client and servers share this machine, so read")
    print(f"the ratios. The last column is a request's time as a multiple of that with {SMALL_APP_COUNT} apps.\n")
    loads = _measure_loads()
    _print_table(loads)
    starts = _measure_starts()
    shown = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in starts.items())
    print(f"\n`headrace emulate` to its first answer: {shown}.")
    return {"rounds": msgspec.to_builtins(loads), "seconds_to_first_answer": starts}


def _measure_loads() -> Loads:
    with (
        _serve_emulator(APP_COUNT) as large,
        _serve_emulator(SMALL_APP_COUNT) as small,
        serving(module("lab.bench.apart.emulated", "floor"), asked="/0") as (_, floor),
        serve_moto() as moto,
    ):
        targets = {
            name: {
                "emulator": _aim_at_emulator(row, *large),
                "floor": _aim_at_floor(row, *large, floor_port=floor),
                "small": _aim_at_emulator(row, *small),
            }
            for name, row in ROWS.items()
        } | {MOTO: {"peer": Target(port=moto, status=200, build=build_get_parameter)}}
        loads: Loads = {name: {side: [] for side in sides} for name, sides in targets.items()}
        # What is compared is measured side by side, so that a busy moment of the machine hits all alike.
        for _, (name, sides) in product(range(ROUNDS), targets.items()):
            for side, target in sides.items():
                loads[name][side].append(target.measure())
    return loads


@contextmanager
def _serve_emulator(app_count: int) -> Iterator[tuple[int, list[Partner]]]:
    with start(module("lab.bench.apart.emulated", "emulator", str(app_count))) as line:
        served = msgspec.json.decode(line, type=Emulated)
        yield served.port, [_exchange_grant(served.port, addon) for addon in served.addons]


def _exchange_grant(port: int, addon: AskedAddon) -> Partner:
    token = ask(port, _build_token_request(grant_type="authorization_code", code=addon.grant)).body
    tokens = msgspec.json.decode(token, type=dict[str, Any])
    partner = Partner(addon=addon, access=tokens["access_token"], refresh=tokens["refresh_token"])
    return replace(partner, etag=ask(port, partner.build_get(f"/addons/{addon.id}")).headers["ETag"])


def _build_token_request(**form: str) -> bytes:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return build_request("POST", "/oauth/token", headers, urlencode(form | {"client_secret": CLIENT_SECRET}))


def _aim_at_emulator(row: Row, port: int, partners: Sequence[Partner]) -> Target:
    return Target(port=port, status=row.status, build=cycle([row.build(partner) for partner in partners]).__next__)


def _aim_at_floor(row: Row, port: int, partners: Sequence[Partner], *, floor_port: int) -> Target:
    """The same requests, but to a path that tells the size of the emulator's answer."""
    size = len(ask(port, row.build(partners[0])).body)
    split = [row.build(partner).split(b" ", 2) for partner in partners]
    requests = [b"%b /%d %b" % (method, size, rest) for method, _path, rest in split]
    return Target(port=floor_port, status=200, build=cycle(requests).__next__)


def _print_table(loads: Loads) -> None:
    peer = loads[MOTO]["peer"]
    print(f"{'':<36} {'per second':>10} {'of floor':>9} {'of moto':>8} {'p50 ms':>8} {'p99 ms':>8} {'grown':>7}")
    for name in ROWS:
        emulator, floor, small = (loads[name][side] for side in ("emulator", "floor", "small"))
        ratios = f"{_compare(emulator, floor):>9.2f} {_compare(emulator, peer):>8.1f}"
        print(f"  {name:<34} {_render_speed(emulator, ratios)} {_compare(small, emulator):>7.2f}")
    print(f"  {MOTO:<34} {_render_speed(peer, f'{1:>18.1f}')}")


def _render_speed(loads: Sequence[Load], ratios: str) -> str:
    per_second, p50, p99 = (median(getattr(load, name) for load in loads) for name in ("per_second", "p50", "p99"))
    return f"{per_second:>10,.0f} {ratios} {p50 * 1000:>8.1f} {p99 * 1000:>8.1f}"


def _compare(loads: Sequence[Load], others: Sequence[Load]) -> float:
    """The median of the rounds' ratios."""
    return median(load.per_second / other.per_second for load, other in zip(loads, others, strict=True))


def _measure_starts() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        large = Path(folder) / "world.toml"
        large.write_text(build_world(APP_COUNT), encoding="utf-8")
        worlds = {"built-in world": [], f"{APP_COUNT:,} apps": ["--world", str(large)]}
        # The first leaves its bytecode to the others.
        _, *rounds = ({name: _measure_start(options) for name, options in worlds.items()} for _ in range(STARTS + 1))
    return {name: median(seconds[name] for seconds in rounds) for name in worlds}


def _measure_start(options: Sequence[str]) -> float:
    command = [str(find_command("headrace")), "emulate", "--json", "--port", "0", *options]
    began = time.perf_counter()
    with start(command) as ready:
        served = msgspec.json.decode(ready)
        headers = {"Authorization": f"Bearer {served['users'][0]['token']}"}
        ask(urlsplit(served["url"]).port, build_request("GET", "/account", headers))
        return time.perf_counter() - began
