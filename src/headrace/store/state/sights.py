"""What a step of a workflow looks at before it does anything: all of it in one statement, of many resources alike."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.models import Grant, State, Token
from headrace.store.sql.rows import is_one_of, pass_uuids, select_uuids
from headrace.store.sql.tables.schema import lifecycle_event, resource, secret
from headrace.store.state.secrets import CONFIG, GRANT, TOKEN, SecretStore, read_config, read_grant, read_token
from headrace.store.state.timeline import TimelineName


class _Sealed(NamedTuple):
    sealed: bytes
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How a resource stands: its state, the latest of the lines of its timeline that were asked about, and secrets.

    A secret is opened when it is read, and not before.
    """

    uuid: str
    state: State
    last: str | None
    _store: SecretStore
    _sealed: Mapping[str, _Sealed] = field(repr=False)

    @property
    def token(self) -> Token | None:
        return read_token(*self._open(TOKEN))

    @property
    def grant(self) -> Grant | None:
        return read_grant(*self._open(GRANT))

    def find(self, kind: str) -> str | None:
        """Return a secret's text, None when there is none of those that were asked about, or raise SealBroken."""
        return self._open(kind)[0]

    def find_config(self, kind: str = CONFIG) -> dict[str, str] | None:
        return read_config(self.find(kind))

    def _open(self, kind: str) -> tuple[str | None, datetime | None]:
        found = self._sealed.get(kind)
        return (None, None) if found is None else (self._store.open(self.uuid, kind, found.sealed), found.expires_at)


def find_sights(
    connection: sa.Connection,
    store: SecretStore,
    uuids: Collection[str],
    *,
    lines: Collection[TimelineName],
    kinds: Collection[str],
) -> dict[str, Sight]:
    """Return how each of these resources stands, as far as these lines and these kinds of secrets tell."""
    find = _build_find(connection.dialect.name, tuple(lines), tuple(kinds))
    found = connection.execute(find, pass_uuids(uuids))
    sealed: defaultdict[str, dict[str, _Sealed]] = defaultdict(dict)
    stands = {}
    for uuid, state, last, kind, text, expires_at in found:
        stands[uuid] = (State(state), last)
        if kind is not None:
            sealed[uuid][kind] = _Sealed(text, expires_at)
    return {
        uuid: Sight(uuid=uuid, state=state, last=last, _store=store, _sealed=sealed[uuid])
        for uuid, (state, last) in stands.items()
    }


@cache
def _build_find(dialect: str, lines: tuple[str, ...], kinds: tuple[str, ...]) -> sa.Select[Any]:
    is_asked = (lifecycle_event.c.resource_uuid == resource.c.uuid, is_one_of(lifecycle_event.c.name, lines))
    last = sa.select(lifecycle_event.c.name).where(*is_asked).order_by(lifecycle_event.c.id.desc()).limit(1)
    is_its = sa.and_(secret.c.resource_uuid == resource.c.uuid, is_one_of(secret.c.kind, kinds))
    stands = (resource.c.uuid, resource.c.state, last.scalar_subquery() if lines else sa.null())
    return (
        sa.select(*stands, secret.c.kind, secret.c.sealed, secret.c.expires_at)
        .select_from(resource.outerjoin(secret, is_its))
        .where(resource.c.uuid.in_(select_uuids(dialect)))
    )
