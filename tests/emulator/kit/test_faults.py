"""Which faults hit a call: by chance that repeats, and one end at most."""

from headrace.emulator import Fault
from headrace.emulator.kit.faults import FaultBook


def test_probability_repeats_with_its_seed() -> None:
    """A run with chance in it can be run again."""

    def play(seed: int) -> list[int]:
        book = FaultBook([Fault(kind="drop", probability=0.5)], seed=seed)
        return [len(book.draw("to Heroku", "GET", "/apps", {"drop"})) for _ in range(40)]

    assert play(1) == play(1) != play(2)
    assert {0, 1} == set(play(1))


def test_one_call_has_one_end() -> None:
    """Of two faults that would end a call the first does, and the second waits for its turn."""
    book = FaultBook([Fault(kind="drop", count=1), Fault(kind="status", count=1), Fault(kind="latency")])
    draws = [[f.kind for f in book.draw("to Heroku", "GET", "/", {"drop", "status", "latency"})] for _ in range(3)]

    assert [["drop", "latency"], ["status", "latency"], ["latency"]] == draws
