"""What is kept of a request with Heroku: names, shapes, and the few values that are known to be no secret."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.protocol.kept_requests import (
    LARGEST_BODY,
    LONGEST_TEXT,
    MASK,
    Direction,
    KeptRequest,
    RawRequest,
    mask_requests,
)

UUID = "01234567-89ab-cdef-0123-456789abcdef"
SECRET = "planted-secret-text"


def make(**options: Any) -> RawRequest:
    return RawRequest(
        **{
            "direction": Direction.TO_HEROKU,
            "purpose": "provision",
            "at": datetime(2026, 11, 3, tzinfo=UTC),
            "method": "PATCH",
            "path": f"/addons/{UUID}/config",
            "plain": ("", "addons", "{addon}", "config"),
            "status": 200,
            "seconds": 0.0421,
            **options,
        }
    )


def keep(raw: RawRequest, *secrets: str) -> KeptRequest:
    [kept] = mask_requests([raw], secrets)
    return kept


def mask(body: Any, answer: Any = None, **options: Any) -> tuple[Any, Any]:
    """Return both bodies as they are kept."""
    encoded = [json.dumps(each).encode() if each is not None else b"" for each in (body, answer)]
    kept = keep(make(body=encoded[0], answer=encoded[1], **options))
    return json.loads(kept.asked or "null"), json.loads(kept.answered or "null")


def test_values_are_hidden_and_names_stay() -> None:
    """Config vars by their names, at whatever depth; what is known to be harmless is shown."""
    body = {"config": [{"name": "ACME_URL", "value": SECRET}, {"name": "ACME_KEY", "value": SECRET}]}
    answer = {"id": UUID, "state": "provisioned", "plan": {"name": "acme:basic"}, "web_url": SECRET, "size": 7}

    assert (
        {"config": [{"name": "ACME_URL", "value": MASK}, "… 1 more"]},
        {"id": UUID, "state": "provisioned", "plan": {"name": "acme:basic"}, "web_url": MASK, "size": MASK},
    ) == mask(body, answer)


def test_what_is_shown_has_to_be_plain() -> None:
    """An address with a password in it is none, whatever the member is called; nor is a name that says too much."""
    body = {"name": f"https://u:{SECRET}@host", "id": "x" * 101, "type": ["a", SECRET + "!"], SECRET + "!": 1}

    assert {"name": MASK, "id": MASK, "type": [MASK, "… 1 more"], MASK: MASK} == mask(body)[0]


def test_a_refusal_says_why_without_what_it_repeats() -> None:
    """Heroku's words are kept, but for those that the request had as values."""
    answer = {"id": "invalid_params", "message": f"The value {SECRET} is invalid.", "url": SECRET}
    kept = mask({"config": {"ACME_KEY": SECRET}}, answer, status=422)[1]

    assert {"id": "invalid_params", "message": f"The value {MASK} is invalid.", "url": MASK} == kept
    assert MASK == mask(None, answer, status=200)[1]["message"]


def test_a_form_keeps_its_names() -> None:
    """As the token endpoint gets it; the secret of the service is hidden even where a plain word may stand."""
    body = f"grant_type=refresh_token&refresh_token={SECRET}&client_secret=x&state=the-service-secret".encode()
    kept = keep(make(body=body), "the-service-secret")

    assert f"grant_type=refresh_token\nrefresh_token={MASK}\nclient_secret={MASK}\nstate={MASK}" == kept.asked


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"", ""),
        (b"<html>planted", "(13 bytes)"),
        (b"\xff\xfe", "(2 bytes)"),
        (b"[" * 9000, "(9,000 bytes)"),
        (b'"' + b"x" * LARGEST_BODY + b'"', f"(more than {LARGEST_BODY:,} bytes)"),
        (b"7", f'"{MASK}"'),
    ],
)
def test_what_is_neither_json_nor_a_form_is_counted(body: bytes, kept: str) -> None:
    """Nothing of it is kept; no more of what is too large is even held."""
    raw = make(body=body)

    assert kept == keep(raw).asked
    assert len(raw.body) <= LARGEST_BODY + 1


def test_a_path_keeps_its_words_and_uuids() -> None:
    """A drain is named by its token, and a team by its name; a query may hold anything."""
    drain = make(path=f"/addons/{UUID}/log-drains/d.{SECRET}?q={SECRET}", plain=("addons", "log-drains"))
    team = make(path="/teams/lumen/members", plain=("teams", "{team}", "members"), method="odd")

    assert f"/addons/{UUID}/log-drains/{MASK}" == keep(drain).path
    assert ("/teams/•••/members", MASK, 42) == (keep(team).path, keep(team).method, 42)


def test_neither_body_shows_in_a_repr() -> None:
    """A log or a traceback may have one."""
    assert SECRET not in repr(make(body=SECRET.encode(), answer=SECRET.encode()))


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
NAMES = st.sampled_from(["id", "name", "message", "config", "plan", SECRET, "\0"])
VALUES = st.recursive(LEAVES, lambda each: st.lists(each) | st.dictionaries(NAMES, each), max_leaves=30)


@given(VALUES, VALUES, st.sampled_from([None, 200, 422]))
def test_whatever_comes_can_be_kept(body: Any, answer: Any, status: int | None) -> None:
    """Nothing in a body makes it fail, or longer than is said; no database refuses it."""
    kept = keep(make(body=json.dumps(body).encode(), answer=json.dumps(answer).encode(), status=status))

    assert max(len(kept.asked), len(kept.answered)) <= LONGEST_TEXT
    assert "\0" not in kept.asked + kept.answered


def test_each_of_many_is_kept_as_it_is_alone() -> None:
    """Whatever they have in common; the same body means something else in a refusal."""
    body, answer = b'{"token":"planted-secret-text"}', b'{"message":"No planted-secret-text here."}'
    raws = [make(body=body, answer=answer, status=status, path=f"/addons/{UUID}") for status in (200, 422, 200)]
    raws.append(make(body=b"{}", answer=answer, status=422))

    assert [keep(raw) for raw in raws] == mask_requests(raws)
    assert 3 == len({kept.answered for kept in mask_requests(raws)})
