"""Sending notices out: what stands in the store is told to an address of the operator's, at least once.

Nothing waits for it. A notice is raised and settled as if there were no such address, and its row says what is still to
be sent. Any number of processes may do it: each message is claimed first.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

from headrace.logs import LogName
from headrace.models import Secret
from headrace.settings.notices import NoticeForm
from headrace.store.state.notice_sending import Unsent, claim_unsent, list_unsent, note_sent, note_unsent
from headrace.transport import load_aiohttp
from headrace.workflows.chores.notice_message import build_body, build_headers, build_ping, name_message
from headrace.workflows.lifecycle.core import Core

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

BATCH = 20
# A receiver that takes longer has not taken it.
ANSWERS_WITHIN_SECONDS = 10.0
# Longer than a try takes: whoever died in one is not waited for.
CLAIM = timedelta(seconds=60)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=15)
# What happened longer ago is news to nobody.
GIVEN_UP_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a message after so many seconds: a status, or None and the kind of an error."""

    status: int | None = None
    error: str = ""
    seconds: float

    @property
    def problem(self) -> str | None:
        """What went wrong; None where the message was taken."""
        if self.status is None:
            return self.error
        return None if 200 <= self.status < 300 else str(self.status)


class NoticeSender:
    """Sends what is to be sent, some at a time, until one is not taken: the receiver may be away."""

    def __init__(self, core: Core, *, url: Secret | None, secret: Secret | None, form: NoticeForm) -> None:
        self._core = core
        self._url = url
        self._secret = secret
        self._form = form

    async def run_once(self) -> None:
        """Send what is due; without an address there is nothing to do."""
        if self._url is None:
            return
        now = self._core.clock()
        found = await self._core.database.watch(list_unsent, now=now, since=now - GIVEN_UP_AFTER, limit=BATCH)
        if not found:
            return
        async with _opened() as http:
            for unsent in found:
                if not await self._send(http, self._url, unsent):
                    return

    @property
    def is_signed(self) -> bool:
        return self._form is NoticeForm.JSON

    async def ping(self) -> Answer | None:
        """Send a message about nothing, as any other is sent; return what came of it, None without an address."""
        if self._url is None:
            return None
        async with _opened() as http:
            body = build_ping(form=self._form, service=self._service, now=self._core.clock())
            return await self._post(http, self._url, body)

    async def _send(self, http: "aiohttp.ClientSession", url: Secret, unsent: Unsent) -> bool:
        """Send one message, unless another process does; return whether the receiver seems to be there."""
        database, now = self._core.database, self._core.clock()
        if not await database.write(claim_unsent, unsent, now=now, until=now + CLAIM):
            return True
        answer = await self._post(http, url, build_body(unsent, form=self._form, service=self._service, now=now))
        if answer.problem is None:
            await database.write(note_sent, unsent)
            return True
        again_at = self._core.clock() + min(FIRST_WAIT * 2 ** min(unsent.tries, 20), LONGEST_WAIT)
        await database.write(note_unsent, unsent, again_at=again_at)
        _tell(unsent, answer.problem, again_at=again_at)
        return False

    async def _post(self, http: "aiohttp.ClientSession", url: Secret, body: bytes) -> Answer:
        """Return what came of it; never the address, which may be a secret."""
        import aiohttp

        headers, began = build_headers(body, secret=self._secret if self.is_signed else None), monotonic()
        try:
            async with http.post(url.reveal(), data=body, headers=headers, allow_redirects=False) as answer:
                return Answer(status=answer.status, seconds=monotonic() - began)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # Each kind of time-out is one.
            kind = TimeoutError if isinstance(error, TimeoutError) else type(error)
            return Answer(error=kind.__name__, seconds=monotonic() - began)

    @property
    def _service(self) -> str:
        return self._core.manifest.id


@asynccontextmanager
async def _opened() -> "AsyncIterator[aiohttp.ClientSession]":
    await load_aiohttp()
    import aiohttp

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWERS_WITHIN_SECONDS)) as http:
        yield http


def _tell(unsent: Unsent, problem: str, *, again_at: datetime) -> None:
    """Say it at the first try and at the last: those in between would say the same."""
    row = unsent.notice
    detail = {"message_id": name_message(unsent), "error": problem}
    if not row.is_of_service:
        detail["resource"] = row.resource_uuid
    if again_at >= unsent.at + GIVEN_UP_AFTER:
        log.error(LogName.NOTICE_GIVEN_UP, extra=detail)
    elif unsent.tries == 0:
        log.warning(LogName.NOTICE_UNSENT, extra=detail)
