"""Asking Heroku what it has: each add-on by its own token, and, where that cannot tell, by a witness's."""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from headrace.client import HerokuClient
from headrace.errors import Forbidden, GrantError, HeadraceError, PlatformError, SealBroken, TokenRejected
from headrace.models import Addon
from headrace.protocol.heroku_lists import read_plan
from headrace.protocol.platform import build_addon_info, read_addon
from headrace.protocol.reconciliation import Word
from headrace.protocol.wire import Request
from headrace.workflows.lifecycle.core import Core

GONE = (404, 410)
WORDS = {GrantError: Word.NO_TOKEN, TokenRejected: Word.REFUSED, Forbidden: Word.HIDDEN}
# So many tokens share the questions about others' add-ons: each has a pool of its own.
WITNESSES = 20
# After so many refusals, and not one grant, the back-fill is taken for closed.
REFUSALS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Heroku said about one add-on, and the add-on, where it showed it."""

    word: Word
    addon: Addon | None = None

    @property
    def plan(self) -> str | None:
        return read_plan(self.addon.plan) if self.addon and self.addon.plan else None


class Asking:
    """Asks about add-ons."""

    def __init__(self, core: Core, client: HerokuClient) -> None:
        self._core = core
        self._client = client
        self._witnesses: Sequence[str] = ()
        self._turns = itertools.count()
        self._refusals, self._grants = 0, 0

    async def ask(self, uuid: str, *, by: str | None = None) -> Answer:
        """Ask about an add-on, by its own token or by that of another resource."""
        request = build_addon_info(uuid)
        try:
            response = await self._client.send(by or uuid, request)
            addon = read_addon(response, request)
        except (GrantError, PlatformError, SealBroken) as error:
            return Answer(word=_read_word(error, request))
        return Answer(word=Word.LIVES, addon=addon) if addon.id == uuid else Answer(word=Word.SILENT)

    async def choose_witnesses(self, living: Collection[Addon]) -> None:
        """Choose tokens that tell an add-on which is gone from one that they may not see.

        Whether Heroku answers 403 or 404 about another app's add-on is not documented. So each is asked about one that
        lives, on another app: who calls that one gone cannot tell.
        """
        chosen = []
        for one in itertools.islice(living, WITNESSES):
            other = next((each for each in living if each.app.id != one.app.id), None)
            if other is None:
                return
            if (await self.ask(other.id, by=one.id)).word in (Word.LIVES, Word.HIDDEN):
                chosen.append(one.id)
        self._witnesses = chosen

    async def ask_witness(self, uuid: str) -> Word:
        """Ask another resource's token about an add-on; that it is gone has to be said twice."""
        if not self._witnesses:
            return Word.SILENT
        word = (await self.ask(uuid, by=self._next_witness())).word
        if word is Word.GONE:
            word = (await self.ask(uuid, by=self._next_witness())).word
        return word if word in (Word.GONE, Word.LIVES, Word.HIDDEN) else Word.SILENT

    async def regain_token(self, uuid: str) -> bool:
        """Ask for a fresh grant, which Heroku gives where the back-fill is open, and keep the token that it becomes."""
        manifest = self._core.manifest
        if self._refusals >= REFUSALS and not self._grants:
            return False
        try:
            passwords = manifest.list_passwords(self._core.clock())
            grant = await self._client.ask_for_grant(uuid, slug=manifest.id, passwords=passwords)
            token = None if grant is None else await self._client.exchange(grant)
        except (GrantError, PlatformError):
            token = None
        if token is None:
            self._refusals += 1
            return False
        self._grants += 1
        await self._core.database.write(self._core.secrets.save_token, uuid, token)
        return True

    def _next_witness(self) -> str:
        return self._witnesses[next(self._turns) % len(self._witnesses)]


def _read_word(error: HeadraceError, request: Request) -> Word:
    """What an error says of the add-on. A proxy on the way knows none either, but Heroku's own errors have an id."""
    if isinstance(error, PlatformError) and error.status in GONE:
        # The id host may be asked on the way, for a token.
        return Word.GONE if error.error_id and error.request == str(request) else Word.SILENT
    return next((word for kind, word in WORDS.items() if isinstance(error, kind)), Word.SILENT)
