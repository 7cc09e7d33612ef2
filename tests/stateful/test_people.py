"""Whoever comes, goes and is removed, whatever moves, and however silent Heroku is: nobody sees what is not theirs."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given

from headrace.emulator import Fault
from pair import ADA, EVE, GRACE, MIA
from stateful.people import (
    HISTORIES,
    Action,
    FallSilent,
    Join,
    Leave,
    LeaveTeam,
    LogIn,
    Look,
    MoveAddon,
    Pass,
    Transfer,
)
from stateful.seeing import play_people
from stateful.trying import trying

SILENCE = FallSilent(Fault(kind="status", status=503))
HELD_OFF = FallSilent(Fault(kind="status", status=429))


def _look(person: str) -> Look:
    return Look(person, is_checked=False)


# She came for it and was removed.
REMOVED = [
    LogIn(GRACE, 0),
    _look(GRACE),
    Leave(GRACE, "shop-staging", is_told=False),
]
# Whoever else looks has Heroku say so.
TOLD = [*REMOVED, Pass(6), LogIn(ADA, 0), _look(ADA)]
LOOKS = [_look(GRACE), Pass(6), _look(GRACE)]


@pytest.mark.long
@trying(15)
@given(history=HISTORIES)
@example(history=[*REMOVED, Pass(6), *LOOKS])
@example(history=[*TOLD, SILENCE, *LOOKS])
@example(history=[*TOLD, HELD_OFF, *LOOKS])
@example(history=[*REMOVED, SILENCE, *LOOKS, Join(GRACE, "shop-staging"), *LOOKS])
@example(history=[LogIn(MIA, 1), _look(MIA), LeaveTeam(MIA), Pass(6), Look(MIA, is_checked=True)])
@example(
    history=[
        LogIn(ADA, 2),
        _look(ADA),
        Transfer("ada-notes", EVE),
        Pass(6),
        _look(ADA),
    ]
)
@example(history=[LogIn(ADA, 0), _look(ADA), MoveAddon(2, "eves-app"), Pass(6), _look(ADA)])
@example(history=[MoveAddon(2, "eves-app"), LogIn(EVE, 2), _look(EVE), Pass(6), _look(EVE)])
def test_nobody_sees_what_heroku_could_have_said_is_not_theirs(*, history: list[Action], sqlite_template: Path) -> None:
    """After each of removals, transfers, moves, 429s and outages: five minutes where Heroku answers, and silence
    keeps in for an hour who came for it, and lets nobody in again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "headrace.db"
        shutil.copy(sqlite_template, path)
        asyncio.run(play_people(history, f"sqlite:///{path}"))
