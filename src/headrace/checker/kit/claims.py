"""What a provider may have made on the checker's behalf, and how it is asked to let all of it go."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote
from uuid import uuid4

import msgspec

from headrace.checker.kit.fact import NotJudged
from headrace.checker.kit.provider import Provider, ProviderAnswer

REFUSED = range(400, 500)
NOTHING_THERE = {404, 410}


@dataclass(slots=True)
class Claim:
    """One name under which provisions were asked for, and how many of them were accepted."""

    name: str
    shown: str
    accepted: int = 0
    removed: int = 0
    # Asked for without an answer that says what came of it.
    is_open: bool = True
    is_gone: bool = False

    def take(self, answer: ProviderAnswer) -> None:
        is_refused = answer.status in REFUSED
        self.accepted += answer.is_success
        self.is_open = self.is_open and not answer.is_success and not is_refused
        self.is_gone = self.is_gone and is_refused

    def release(self, answer: ProviderAnswer) -> None:
        self.removed += answer.is_success
        self.is_gone = answer.status in NOTHING_THERE or self.removed >= max(self.accepted, 1)

    @property
    def may_be_there(self) -> bool:
        return not self.is_gone and (self.is_open or self.accepted > 0)

    @property
    def is_there(self) -> bool:
        """Whether it was accepted, and never let go."""
        return self.may_be_there and self.accepted > 0 and self.removed == 0


@dataclass(slots=True)
class Claims:
    """Every claim, by the uuid that the provider was told: not the one that it should have been told."""

    provider: Provider
    _claims: dict[str, Claim] = field(default_factory=dict)

    @contextmanager
    def claiming(self, body: bytes) -> Iterator[Callable[[ProviderAnswer], None]]:
        """Note a provision before it is sent: who interrupts it does not learn what came of it."""
        name = _find_name(body)
        claim = self._claims.get(name) or Claim(name=name, shown=name)
        if name:
            self._claims[name] = claim

        def take(answer: ProviderAnswer) -> None:
            claim.take(answer)
            if not name and answer.is_success:
                self._keep_nameless(answer)

        yield take

    def release(self, name: str, answer: ProviderAnswer) -> None:
        """Note the answer to a deprovision."""
        if name in self._claims:
            self._claims[name].release(answer)

    async def clear(self) -> list[str]:
        """Deprovision whatever may be there, as often as it was accepted, and return what was not let go."""
        await asyncio.gather(*(self._clear(claim) for claim in self._claims.values()))
        return [claim.shown for claim in self._claims.values() if claim.is_there]

    async def _clear(self, claim: Claim) -> None:
        for _ in range(max(claim.accepted - claim.removed, 1)):
            if not claim.may_be_there:
                return
            try:
                claim.release(await self.provider.call("DELETE", f"/{quote(claim.name, safe='')}"))
            except NotJudged:
                return

    def _keep_nameless(self, answer: ProviderAnswer) -> None:
        """A provider that made a resource without being told a uuid may know it by the `id` that it answered."""
        given = (answer.json or {}).get("id")
        name = str(given) if given else str(uuid4())
        shown = f"one that was made without a uuid{f', id {given}' if given else ''}"
        self._claims[name] = Claim(name=name, shown=shown, accepted=1, is_open=False)


def _find_name(body: bytes) -> str:
    """Return the uuid that a body names, whatever it is; empty for a body that names none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    uuid = value.get("uuid") if isinstance(value, dict) else None
    return str(uuid) if isinstance(uuid, str | int) and not isinstance(uuid, bool) else ""
