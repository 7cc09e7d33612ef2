"""What a step of a workflow looks at before it does anything: all of it in one statement."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from headrace.models import Grant, State, Token
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


def find_sight(
    connection: sa.Connection,
    store: SecretStore,
    uuid: str,
    *,
    lines: Collection[TimelineName],
    kinds: Collection[str],
) -> Sight | None:
    """Return how a resource stands, as far as these lines and these kinds of secrets tell; None when there is none."""
    rows = connection.execute(_FIND, {"uuid": uuid, "lines": list(lines), "kinds": list(kinds)}).all()
    if not rows:
        return None
    sealed = {row.kind: _Sealed(row.sealed, row.expires_at) for row in rows if row.kind is not None}
    return Sight(uuid=uuid, state=State(rows[0].state), last=rows[0].last, _store=store, _sealed=sealed)


# Built once: building a statement costs about as much as running it.
_LAST = (
    sa.select(lifecycle_event.c.name)
    .where(
        lifecycle_event.c.resource_uuid == sa.bindparam("uuid"),
        lifecycle_event.c.name.in_(sa.bindparam("lines", expanding=True)),
    )
    .order_by(lifecycle_event.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_IS_ASKED = sa.and_(secret.c.resource_uuid == resource.c.uuid, secret.c.kind.in_(sa.bindparam("kinds", expanding=True)))
_FIND = (
    sa.select(resource.c.state, _LAST.label("last"), secret.c.kind, secret.c.sealed, secret.c.expires_at)
    .select_from(resource.outerjoin(secret, _IS_ASKED))
    .where(resource.c.uuid == sa.bindparam("uuid"))
)
