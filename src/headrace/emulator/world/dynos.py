"""What runs of an app: the formation, and the dynos that follow from it. Nothing is really started."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from headrace.emulator.kit.catalogue import DYNO_SIZE
from headrace.emulator.world.records import App, Process
from headrace.emulator.world.world_file import derive_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Dyno:
    """One running process, `web.1` say. It gets another id whenever it starts anew."""

    id: str
    name: str
    process: Process
    started_at: datetime


def list_dynos(app: App) -> Iterator[Dyno]:
    """Every dyno of an app; a release restarts them all."""
    for process in app.formation.values():
        for number, started_at in enumerate(process.started_at, start=1):
            name, since = f"{process.type}.{number}", max(started_at, app.releases[-1].created_at)
            dyno_id = derive_id("dyno", f"{app.id}:{name}:{since.isoformat()}")
            yield Dyno(id=dyno_id, name=name, process=process, started_at=since)


def scale(app: App, quantities: Mapping[str, int], *, at: datetime) -> None:
    """Give process types their number of dynos; a type that the app did not have, it gets."""
    for kind, quantity in quantities.items():
        process = app.formation.setdefault(kind, _make_process(app, kind, at=at))
        kept = process.started_at[:quantity]
        process.started_at = kept + [at] * (quantity - len(kept))
        process.updated_at = at


def resize(process: Process, size: str, *, at: datetime) -> None:
    """Give a process type's dynos another size, which starts them anew."""
    process.size, process.updated_at = size, at
    process.started_at = [at] * process.quantity


def restart(dyno: Dyno, *, at: datetime) -> None:
    """Stop a dyno, which Heroku starts again at once because the formation wants it."""
    number = int(dyno.name.rpartition(".")[2])
    dyno.process.started_at[number - 1] = at


def receive_code(app: App, source: App, *, at: datetime) -> None:
    """Give an app the process types of the app whose code it gets. New ones stay off, but one `web` runs."""
    missing = [kind for kind in source.formation if kind not in app.formation]
    scale(app, {kind: 1 if kind == "web" else 0 for kind in missing}, at=at)


def _make_process(app: App, kind: str, *, at: datetime) -> Process:
    return Process(type=kind, created_at=at, updated_at=at, size=DYNO_SIZE[app.generation])
