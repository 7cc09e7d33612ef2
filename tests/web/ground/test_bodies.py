"""What comes in is bounded, in size, in time and in the number of fields."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from headrace.errors import Malformed, TooLarge, TooSlow
from headrace.web.ground.bodies import FORM_LIMIT, MOST_FIELDS, read_body, read_form
from pair import play_pair
from web.ground.talking import talk


def make_request(*messages: Message) -> Request:
    """A request whose body comes as these messages, and then no further."""
    waiting = list(messages)

    async def receive() -> Message:
        return waiting.pop(0) if waiting else await asyncio.get_running_loop().create_future()

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_that_does_not_end_is_not_waited_for() -> None:
    """Its sender is told within the time, whatever came before."""
    with pytest.raises(TooSlow) as caught:
        await read_body(make_request(chunk(b"a=", more=True)), limit=10, within=0.05)

    assert (408, "The body did not arrive within 0.05 seconds.") == (caught.value.status, caught.value.message)


async def test_a_body_is_held_up_to_its_limit() -> None:
    """The limit itself is allowed; one byte more is not, and what follows is not read."""
    assert b"1234567890" == await read_body(make_request(chunk(b"12345", more=True), chunk(b"67890")), limit=10)
    with pytest.raises(TooLarge):
        await read_body(make_request(chunk(b"12345", more=True), chunk(b"678901", more=True)), limit=10)


async def test_a_sender_who_goes_away_is_no_failure_of_ours() -> None:
    """It is a bad request that nobody reads the answer to."""
    with pytest.raises(Malformed):
        await read_body(make_request(chunk(b"12345", more=True), {"type": "http.disconnect"}), limit=10)


async def test_a_form_has_a_bounded_number_of_fields() -> None:
    """A hundred are more than Heroku's form has; with the next one it is no form of ours."""
    fields = [f"f{number}=1" for number in range(MOST_FIELDS + 1)]

    assert MOST_FIELDS == len(await read_form(make_request(chunk("&".join(fields[1:]).encode()))))
    with pytest.raises(Malformed):
        await read_form(make_request(chunk("&".join(fields).encode())))


async def test_after_a_body_that_is_too_large_the_connection_ends(sqlite_url: str) -> None:
    """What is left of the body is never taken for another request."""
    async with play_pair(sqlite_url) as pair:
        smuggled = b"GET /board HTTP/1.1\r\nHost: x\r\n\r\n"
        head = f"POST /sso/login HTTP/1.1\r\nHost: x\r\nContent-Length: {FORM_LIMIT * 3}\r\n\r\n".encode()
        answer = await talk(pair.url, head, b"x" * (FORM_LIMIT + 1), smuggled)

        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer.lower()
        assert 1 == answer.count(b"HTTP/1.1")
