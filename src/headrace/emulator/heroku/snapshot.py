"""The whole state of an emulated Heroku as one JSON text, from which it goes on as it stood."""

import tempfile
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.deliveries import resume
from headrace.emulator.heroku.lifecycle import plan_deadlines
from headrace.emulator.kit.clock import Reading
from headrace.emulator.kit.faults import Rule
from headrace.emulator.kit.graph import Tables, read_graph, write_graph
from headrace.emulator.kit.switches import Switches
from headrace.errors import ConfigurationError

VERSION = 1
# The parts of Heroku that hold records.
BOOKS = ("registry", "tokens", "flow")
# The parts whose state is written for itself.
OTHERS = ("clock", "switches", "faults")
# The parts of which nothing is written: the agenda is planned anew, rate pools start full, and traffic, connections,
# calls and log lines under way and the seconds of login forms are of one run.
FORGOTTEN = ("url", "agenda", "rates", "traffic", "partner", "connections", "logins", "drain_buffers")
# Of these no book could hold a link: they are plain values.
PLAIN = ("url", "logins", "drain_buffers")


class Version(msgspec.Struct, frozen=True, kw_only=True):
    version: int


class Snapshot(Version, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`books` name the records that `records` has, by kind and id."""

    version: int = VERSION
    clock: Reading
    switches: Switches
    faults: tuple[Rule, ...]
    books: dict[str, Any] = {}
    records: Tables = {}


def take_snapshot(heroku: Heroku) -> Snapshot:
    """Return everything that the emulated Heroku knows; what happens to it later does not change it."""
    books, records = write_graph({name: getattr(heroku, name) for name in BOOKS}, find_shared(heroku).keys())
    return msgspec.structs.replace(take_blank(heroku), books=books, records=records)


def take_blank(heroku: Heroku) -> Snapshot:
    """Return how the emulated Heroku behaves, with nothing that exists there."""
    return Snapshot(
        clock=heroku.clock.read(),
        switches=replace(heroku.switches),
        faults=tuple(replace(rule) for rule in heroku.faults),
    )


def restore(heroku: Heroku, snapshot: Snapshot) -> None:
    """Make the emulated Heroku what it was, and as old as it was.

    When its clock ran, every moment moves by the time since, so that a token with an hour left has an hour left.

    Raises:
        ConfigurationError: every problem that the snapshot has; nothing is changed.

    """
    kinds = {name: type(getattr(heroku, name)) for name in BOOKS}
    shift = snapshot.clock.continued(datetime.now(UTC)) - snapshot.clock.at
    books, problems = read_graph(kinds, snapshot.books, snapshot.records, find_shared(heroku), shift)
    if problems:
        raise ConfigurationError(problems)
    heroku.agenda.clear()
    for name, book in books.items():
        _take_over(getattr(heroku, name), book)
    _take_over(heroku.switches, snapshot.switches)
    heroku.faults.restore(replace(rule) for rule in snapshot.faults)
    heroku.rates.fill()
    heroku.traffic.clear()
    heroku.clock.go_on_from(snapshot.clock)
    plan_deadlines(heroku)
    for owner in (*heroku.registry.apps, *heroku.registry.addons):
        resume(heroku, owner.webhooks)


def find_shared(heroku: Heroku) -> Mapping[type, Any]:
    """Return the parts that books may hold a link to, by their types."""
    return {type(getattr(heroku, name)): getattr(heroku, name) for name in (*OTHERS, *FORGOTTEN) if name not in PLAIN}


def write_file(snapshot: Snapshot, path: Path) -> None:
    """Write for the owner's eyes only, since it holds tokens; nobody ever sees half a file."""
    text = msgspec.json.format(msgspec.json.encode(snapshot), indent=2)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)


def read_file(path: Path) -> Snapshot:
    """Return the snapshot that a file holds.

    Raises:
        ConfigurationError: there is none, or it is not of this version.

    """
    try:
        text = path.read_bytes()
        version = msgspec.json.decode(text, type=Version).version
        if version != VERSION:
            raise ConfigurationError([f"{path} is of version {version}; this emulator reads version {VERSION}."])
        return msgspec.json.decode(text, type=Snapshot)
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be read: {error.strerror}."]) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path} is not a saved emulator: {error}"]) from None


def _take_over(old: Any, new: Any) -> None:
    """Give a part that others know the state of another; it keeps what is of this run, such as who listens to it."""
    for member in fields(old):
        if member.init:
            setattr(old, member.name, getattr(new, member.name))
