"""Linked records as JSON values: links, unions, values in place, and what is left out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.graph import read_graph, write_graph
from headrace.emulator.kit.name_index import NameIndex
from headrace.models import Secret, Stage

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(slots=True, kw_only=True, eq=False)
class Person:
    id: str
    name: str
    friend: "Person | Firm | None" = None
    password: Secret = field(default_factory=lambda: Secret("none"))


@dataclass(slots=True, kw_only=True, eq=False)
class Firm:
    id: str
    name: str
    staff: list[Person] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    about: Person
    at: datetime
    lasts: timedelta | None
    raw: bytes
    stage: Stage


@dataclass(slots=True, eq=False)
class Diary:
    """A book as Heroku's parts are: it shares a clock, and somebody listens to it."""

    clock: Clock
    listeners: list[Callable[[list[Person]], None]] = field(init=False, default_factory=list)
    people: NameIndex[Person] = field(default_factory=NameIndex)
    notes: dict[str, tuple[Note, ...]] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)


def make_diary() -> Diary:
    """Two who are each other's friends, one whose friend is a firm, and a note about somebody not in the index."""
    diary, ada, li = Diary(Clock()), Person(id="1", name="Ada", password=Secret("s3cret")), Person(id="2", name="Li")
    ada.friend, li.friend = li, ada
    outsider = Person(id="3", name="Out", friend=Firm(id="1", name="Acme", staff=[li]))
    diary.people = NameIndex([ada, li])
    diary.notes["x"] = (Note(about=outsider, at=NOON, lasts=DAY, raw=b"\xff\x00", stage=Stage.REVIEW),)
    diary.words = {"b", "a"}
    return diary


def read_back(written: dict[str, Any], tables: Any, *, shift: timedelta = timedelta(0)) -> tuple[Diary, list[str]]:
    books, problems = read_graph({"diary": Diary}, written, tables, {Clock: Clock()}, shift)
    return books["diary"], problems


def test_what_is_written_as_json_is_read_as_it_was() -> None:
    """Cycles, records reached through others only, sets, bytes, enumerations and secrets."""
    written, tables = msgspec.json.decode(msgspec.json.encode(write_graph({"diary": make_diary()}, {Clock})))
    diary, problems = read_back(written, tables)
    ada, [note] = diary.people["Ada"], diary.notes["x"]

    assert [] == problems
    assert ada.friend is diary.people["Li"]
    assert diary.people["Li"].friend is ada
    assert isinstance(note.about.friend, Firm)
    assert note.about.friend.staff == [diary.people["Li"]]
    assert ("s3cret", {"a", "b"}, b"\xff\x00", Stage.REVIEW) == (
        ada.password.reveal(),
        diary.words,
        note.raw,
        note.stage,
    )
    assert (written, tables) == msgspec.to_builtins(write_graph({"diary": diary}, {Clock}))


def test_every_moment_is_shifted_and_no_duration_is() -> None:
    """A world that is loaded a day later is a day later."""
    diary, _ = read_back(*write_graph({"diary": make_diary()}, {Clock}), shift=DAY)

    assert (NOON + DAY, DAY) == (diary.notes["x"][0].at, diary.notes["x"][0].lasts)


def test_a_record_is_named_by_its_kind_and_id() -> None:
    """Two kinds may have one id."""
    written, tables = write_graph({"diary": make_diary()}, {Clock})

    assert ["Person/1", "Person/2"] == written["diary"]["people"]
    assert {"Person": {"1", "2", "3"}, "Firm": {"1"}} == {kind: set(table) for kind, table in tables.items()}
    assert "Firm/1" == tables["Person"]["3"]["friend"]
    assert {"people", "notes", "words"} == set(written["diary"])


def test_a_member_with_a_default_may_be_missing() -> None:
    """A file that was written before there was such a member can be read."""
    written, tables = write_graph({"diary": make_diary()}, {Clock})
    del tables["Person"]["1"]["password"]
    diary, problems = read_back(written, tables)

    assert [] == problems
    assert "none" == diary.people["Ada"].password.reveal()


@pytest.mark.parametrize(
    ("member", "value", "problem"),
    [
        ("friend", "Note/1", "Person/1, friend: there is no Note/1."),
        ("friend", 7, "Person/1, friend: Expected `str`, got `int`"),
        ("password", 7, "Person/1, password: Expected `str` for a Secret"),
        ("shoe", 7, "Person/1: there is no member shoe."),
    ],
)
def test_a_problem_names_its_place(member: str, value: object, problem: str) -> None:
    """Kind and id, then the member."""
    written, tables = write_graph({"diary": make_diary()}, {Clock})
    tables["Person"]["1"][member] = value
    _, problems = read_back(written, tables)

    assert [problem] == problems


def test_what_has_no_place_in_a_file_is_refused_when_it_is_written() -> None:
    """A part that is no dataclass cannot be seen into, so it is not left out in silence."""

    class Plain:
        pass

    with pytest.raises(TypeError, match="cannot hold a Plain"):
        write_graph({"plain": Plain()}, {Clock})
