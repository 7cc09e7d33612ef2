"""What a log may not tell: the secrets of a resource, in whatever text a hook's error has."""

import traceback
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import sqlalchemy as sa

from headrace.errors import SealBroken
from headrace.models import Secret
from headrace.store.sql.database import Database
from headrace.store.state.secrets import SecretStore

MASK = str(Secret(""))
# In what is shorter nothing is hidden, and redacting it would blot out half of any text.
SHORTEST_REDACTED = 6
NOT_SHOWN = "not shown: the secrets of this resource cannot be read for the moment, so they cannot be masked"

# Returns a text about a resource as it may be logged.
Redact = Callable[[str, str], Awaitable[str]]


class Redaction:
    """Redacts what is stored of a resource under seal, and the secrets of the service."""

    def __init__(self, database: Database, secrets: SecretStore, *, of_service: Collection[Secret]) -> None:
        self._database = database
        self._secrets = secrets
        self._of_service = of_service

    async def redact(self, uuid: str, text: str) -> str:
        """Return a text with its secrets hidden, or a word instead of it when they cannot be read."""
        return (await self.find_mask(uuid))(text)

    async def find_mask(self, uuid: str) -> Callable[[str], str]:
        """Return what hides secrets in texts about a resource; where they cannot be read it hides all of a text."""
        try:
            stored = await self._database.read(self._secrets.list_texts, uuid)
        except (sa.exc.SQLAlchemyError, SealBroken):
            return lambda _text: NOT_SHOWN
        hidden = [*stored, *(secret.reveal() for secret in self._of_service)]
        return lambda text: redact_text(text, hidden)


async def show_nothing(_uuid: str, _text: str) -> str:
    """What an engine has that is told of no secrets."""
    return NOT_SHOWN


def spell_error(error: BaseException) -> str:
    """Return an error with its traceback, as its author knows it."""
    return "".join(traceback.format_exception(error))


def redact_text(text: str, stored: Iterable[str]) -> str:
    """Return a text without any of what is stored: what is JSON by each string in it, a URL also by its password."""
    found = {part for each in stored for part in _list_parts(each) if len(part) >= SHORTEST_REDACTED}
    # The longest first: one may be a part of another.
    for part in sorted(found, key=len, reverse=True):
        text = text.replace(part, MASK)
    return text


def _list_parts(stored: str) -> Iterator[str]:
    yield stored
    for value in _list_strings(stored):
        yield value
        password = _find_password(value)
        yield password
        yield unquote(password)


def _list_strings(stored: str) -> list[str]:
    try:
        decoded = msgspec.json.decode(stored)
    except msgspec.DecodeError:
        return [stored]
    return list(_walk(decoded))


def _walk(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _walk(each)


def _find_password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""
