"""Sending notices out: what stands in the store is told to an address of the operator's, at least once.

Nothing waits for it. A notice is raised and settled as if there were no such address, and its row says what is still to
be sent. Any number of processes may do it: each message is claimed first.
"""

import logging
from datetime import datetime, timedelta

import aiohttp

from headrace.logs import LogName
from headrace.models import Secret
from headrace.settings.notices import NoticeForm
from headrace.store.state.notice_sending import Unsent, claim_unsent, list_unsent, note_sent, note_unsent
from headrace.workflows.chores.notice_message import build_body, build_headers, name_message
from headrace.workflows.lifecycle.core import Core

log = logging.getLogger(__name__)

BATCH = 20
# A receiver that takes longer has not taken it.
ANSWERS_WITHIN_SECONDS = 10.0
# Longer than a try takes: whoever died in one is not waited for.
CLAIM = timedelta(seconds=60)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=15)
# What happened longer ago is news to nobody.
GIVEN_UP_AFTER = timedelta(days=1)


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
        timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            for unsent in found:
                if not await self._send(http, self._url, unsent):
                    return

    async def _send(self, http: aiohttp.ClientSession, url: Secret, unsent: Unsent) -> bool:
        """Send one message, unless another process does; return whether the receiver seems to be there."""
        database, now = self._core.database, self._core.clock()
        if not await database.write(claim_unsent, unsent, now=now, until=now + CLAIM):
            return True
        problem = await self._post(http, url, build_body(unsent, form=self._form, service=self._service, now=now))
        if problem is None:
            await database.write(note_sent, unsent)
            return True
        again_at = self._core.clock() + min(FIRST_WAIT * 2 ** min(unsent.tries, 20), LONGEST_WAIT)
        await database.write(note_unsent, unsent, again_at=again_at)
        _tell(unsent, problem, again_at=again_at)
        return False

    async def _post(self, http: aiohttp.ClientSession, url: Secret, body: bytes) -> str | None:
        """Return what went wrong, or None; never the address, which may be a secret."""
        headers = build_headers(body, secret=self._secret if self._form is NoticeForm.JSON else None)
        try:
            async with http.post(url.reveal(), data=body, headers=headers, allow_redirects=False) as answer:
                return None if answer.ok and answer.status < 300 else str(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return type(error).__name__

    @property
    def _service(self) -> str:
        return self._core.manifest.id


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
