"""What a request prefers, as RFC 7240 writes it."""

import pytest
from starlette.requests import Request

from headrace.web.ground.preferences import asks_briefly, read_wait


def prefer(*values: str) -> Request:
    headers = [(b"prefer", value.encode()) for value in values]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    "values",
    [
        ("return=minimal, wait=20",),
        ("wait=20,return=minimal",),
        ("return=minimal", "wait=20"),
        ('Return="minimal"; foo=bar, WAIT = 20 ; x',),
        ("respond-async, wait=20, wait=7, return=minimal, return=representation",),
    ],
)
def test_preferences_are_read_however_they_are_written(values: tuple[str, ...]) -> None:
    """In one field or in several, with parameters or quotes; of two of a name the first counts."""
    assert (True, 20) == (asks_briefly(prefer(*values)), read_wait(prefer(*values)))


@pytest.mark.parametrize(
    "value", ["", "wait", "wait=", "wait=-1", "wait=1.5", "wait=²", "wait=99999999999", "return=representation"]
)
def test_what_is_no_preference_of_ours_is_none(value: str) -> None:
    assert (False, 0) == (asks_briefly(prefer(value)), read_wait(prefer(value)))
