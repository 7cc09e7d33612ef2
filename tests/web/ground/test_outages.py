"""A database that fails is answered 503 at every address, so that whoever asked knows to ask again."""

import json
import logging

import pytest
from sqlalchemy.exc import OperationalError

from browsing import Page, sign_form, visit
from headrace.logs import LogName
from headrace.store.sql.outage import OutageLog
from outages import away, read_only
from pair import Pair, play_pair
from web.operators.entering import SECRET

TOKEN = "planted-api-token-of-36-letters-long"
UUID = "01234567-89ab-cdef-0123-456789abcdef"
OTHER = "11234567-89ab-cdef-0123-456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HTML = {"Accept": "text/html"}
AGAIN = "This cannot be done at the moment. Please try again in a minute."


async def test_whatever_has_to_be_written_is_answered_503_by_a_database_that_is_read_only(database_url: str) -> None:
    """Heroku's calls, both logins and the partner's own: JSON, or a page for a browser."""
    async with play_pair(
        database_url, has_worker=False, HEADRACE_OPERATOR_SECRET=SECRET, HEADRACE_API_TOKEN=TOKEN
    ) as pair:
        await _import(pair)
        with read_only(pair.parts.database):
            status, said = await pair.call("POST", json={"uuid": OTHER, "plan": "basic"})
            pages = [
                await visit(pair, "/sso/login", form=sign_form(pair, UUID), headers=HTML),
                await visit(pair, "/operators/login", form={"secret": SECRET}, headers=HTML),
                await visit(pair, "/operators/login", form={"secret": SECRET}),
                await _import(pair, name="other"),
            ]
        later = await visit(pair, "/sso/login", form=sign_form(pair, UUID))

    assert (503, AGAIN) == (status, said["message"])
    assert [503] * 4 == [page.status for page in pages]
    assert [True, True, False, False] == ["<title>Service Unavailable" in page.text for page in pages]
    assert {"message": AGAIN} == json.loads(pages[3].text)
    assert 303 == later.status


async def test_whatever_has_to_be_read_is_answered_503_while_the_database_is_away(postgres_url: str) -> None:
    """The board, the API, the metrics, and an event, which Heroku delivers again."""
    async with play_pair(postgres_url, has_worker=False, HEADRACE_API_TOKEN=TOKEN) as pair:
        await _import(pair)
        login = await visit(pair, "/sso/login", form=sign_form(pair, UUID))
        assert login.cookie is not None
        with away(pair.parts.database):
            pages = [
                await visit(pair, "/board", cookie=login.cookie.value, headers=HTML),
                await visit(pair, "/board.json", cookie=login.cookie.value),
                await visit(pair, f"/api/resources/{UUID}", headers=BEARER),
                await visit(pair, "/metrics"),
                await visit(pair, f"/heroku/webhooks/{UUID}", form=b"{}"),
            ]

    assert [503] * 5 == [page.status for page in pages]


def test_an_outage_is_noted_in_one_line_a_second_at_the_most(caplog: pytest.LogCaptureFixture) -> None:
    """However many ask; the next line says how many others there were, and none has a traceback."""
    seconds = iter([0.0, 0.2, 0.4, 1.1])
    log = OutageLog(lambda: next(seconds))
    for number in range(4):
        log.note(OperationalError("", None, OSError(f"at host: gone {number}\nand more")), method="GET")

    lines = [record for record in caplog.records if record.msg == LogName.DATABASE_FAILED]
    assert [("gone 0", 0), ("gone 3", 2)] == [(line.__dict__["said"], line.__dict__["others"]) for line in lines]
    assert [logging.ERROR] * 2 == [line.levelno for line in lines]
    assert [None] * 2 == [line.exc_info for line in lines]


async def _import(pair: Pair, *, name: str = "shelf") -> Page:
    body = json.dumps({"uuid": UUID, "plan": "basic", "name": name})
    return await visit(pair, "/api/resources", form=body.encode(), headers=BEARER)
