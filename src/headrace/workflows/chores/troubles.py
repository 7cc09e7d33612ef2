"""Watching for what is wrong with the service as a whole: what lasts is raised as a notice, and what is over settled.

Every process may do it, a web process above all, which alone sees that no worker is alive. All of them go by the
database's clock, and so see the same; which of them writes it down first does not matter.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from headrace.store.reports.vitals import load_troubles
from headrace.store.state.notices import NoticeKind
from headrace.store.state.pulses import read_database_clock
from headrace.store.state.trouble_notices import list_open_troubles, raise_trouble, settle_troubles
from headrace.workflows.chores.heartbeat import DatabaseClock
from headrace.workflows.lifecycle.core import Core

# A restart takes less. What comes and goes within it is one trouble, and one message.
LASTS = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was there at a moment: the troubles with what they say, and those whose notice is open."""

    at: datetime
    troubles: Mapping[NoticeKind, str]
    told: Collection[NoticeKind]


@dataclass(slots=True, kw_only=True)
class Spell:
    """A trouble as this process has seen it, from `begun_at` to `seen_at`, and whether its notice has been open."""

    text: str
    begun_at: datetime
    seen_at: datetime
    is_told: bool = False


Spells = dict[NoticeKind, Spell]


class TroubleWatch:
    """Looks again and again. What could not be written down while it lasted is, once the database takes it."""

    def __init__(
        self, core: Core, *, recheck_every: timedelta, read_clock: DatabaseClock = read_database_clock
    ) -> None:
        self._core = core
        self._recheck_every = recheck_every
        self._read_clock = read_clock
        self._spells: Spells = {}

    async def run_once(self) -> None:
        look = await self._core.database.watch(self._look)
        follow(self._spells, look)
        if list_lasting(self._spells) or list_over(self._spells, look):
            await self._core.database.write(self._tell, look)

    def _look(self, connection: sa.Connection) -> Look:
        now = self._read_clock(connection)
        texts: dict[NoticeKind, list[str]] = {}
        for trouble in load_troubles(connection, now=now, recheck_every=self._recheck_every):
            texts.setdefault(trouble.kind, []).append(trouble.text)
        said = {kind: "; ".join(dict.fromkeys(each)) for kind, each in texts.items()}
        return Look(at=now, troubles=said, told=list_open_troubles(connection))

    def _tell(self, connection: sa.Connection, look: Look) -> None:
        for kind in list_lasting(self._spells):
            spell = self._spells[kind]
            raise_trouble(connection, kind, text=spell.text, begun_at=spell.begun_at)
        settle_troubles(connection, list_over(self._spells, look), now=look.at)


def follow(spells: Spells, look: Look) -> None:
    """Bring what was seen so far up to a look."""
    for kind in look.told:
        # Raised by another process, or before this one began: it is over when it has not been seen from here on.
        spells.setdefault(kind, Spell(text="", begun_at=look.at, seen_at=look.at)).is_told = True
    for kind, text in look.troubles.items():
        spell = spells.setdefault(kind, Spell(text=text, begun_at=look.at, seen_at=look.at))
        spell.text, spell.seen_at = text, look.at
    for kind, spell in list(spells.items()):
        is_settled = spell.is_told and kind not in look.told
        is_forgotten = kind not in look.told and look.at - spell.seen_at >= LASTS
        if is_settled or is_forgotten:
            del spells[kind]


def list_lasting(spells: Spells) -> list[NoticeKind]:
    """Return the troubles that have lasted, and of which nobody has been told."""
    return [kind for kind, spell in spells.items() if not spell.is_told and spell.seen_at - spell.begun_at >= LASTS]


def list_over(spells: Spells, look: Look) -> list[NoticeKind]:
    """Return the troubles with an open notice that have not been seen for as long as one has to last."""
    return [kind for kind in look.told if look.at - spells[kind].seen_at >= LASTS]
