"""Sealed values of a resource: its grant, its token, its config, and what a hook's steps returned."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.encryption import KeyRing
from headrace.errors import SealBroken
from headrace.models import Grant, Secret, State, Token
from headrace.store.sql.rows import as_one_value, pass_rows, pass_uuids, read_rows, rows_as_table, select_uuids
from headrace.store.sql.tables.schema import resource, secret
from headrace.store.sql.upsert import upsert_all, upsert_as_table
from headrace.store.state.due import select_batch

GRANT = "grant"
TOKEN = "token"
CONFIG = "config"
CONFIG_CHANGE = "config_change"
# What steps returned: of a provision, and of everything else, by what it was.
HOOK_STEP = "step"
HOOK_PART = "part"
EVENT = "event"
# The last delivery that was no event that we know; no id of an event has a space.
ODD_EVENT = f"{EVENT}/ odd"
LOG_INPUT_URL = "log_input_url"
LOG_DRAIN_TOKEN = "log_drain_token"
# Where Heroku sends the log, as it was last told or is about to be.
LOG_DRAIN_URL = "log_drain_url"
# What a hook wants the customer told.
MESSAGE = "message"


# Built once: building a statement costs about as much as running it.
_IS_IT = sa.and_(secret.c.resource_uuid == sa.bindparam("uuid"), secret.c.kind == sa.bindparam("kind"))
_FIND = sa.select(secret.c.sealed, secret.c.expires_at).where(_IS_IT)
_DELETE = sa.delete(secret).where(_IS_IT)
_PAIR = msgspec.json.Decoder(tuple[str, str])


@dataclass(frozen=True, slots=True)
class Sealing:
    """A text that is to be sealed as one of a resource's secrets."""

    uuid: str
    kind: str
    text: str = field(repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedOrder:
    """What an order changes, what Heroku has been told before, and the token to tell it with."""

    changes: Mapping[str, str | None] = field(repr=False)
    known: Mapping[str, str] = field(repr=False)
    token: Token


class SealedToken(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A token as it is kept, in hex."""

    uuid: str
    sealed: str
    expires_at: datetime


class SealedTokens:
    """Tokens of many resources, each opened when it is first asked for, or before: most of them may not be needed."""

    def __init__(self, secrets: "SecretStore", tokens: Iterable[SealedToken] = ()) -> None:
        self._secrets = secrets
        self._sealed = {each.uuid: each for each in tokens}
        self._opened: dict[str, Token] = {}

    def find(self, uuid: str) -> Token | None:
        """Return a token; one that cannot be opened is left to `SecretStore.find_token`, which says so."""
        if (token := self._opened.get(uuid)) is None and (kept := self._sealed.get(uuid)) is not None:
            with suppress(SealBroken):
                text = self._secrets.open(uuid, TOKEN, bytes.fromhex(kept.sealed))
                token = self._opened[uuid] = _read_token(text, kept.expires_at)
        return token

    def open_all(self, uuids: Iterable[str]) -> None:
        """Open what is about to be asked for: one after the other takes a quarter of what each takes between requests.

        What opens one is then still in the processor's caches. What goes wrong with one is told to whoever asks for it.
        """
        for uuid in uuids:
            with suppress(Exception):
                self.find(uuid)


class SecretStore:
    """Seals what goes in and opens what comes out; the only way to the `secret` table."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def save(
        self, connection: sa.Connection, uuid: str, kind: str, text: str, *, expires_at: datetime | None = None
    ) -> None:
        self.save_all(connection, [Sealing(uuid, kind, text, expires_at)])

    def save_all(self, connection: sa.Connection, sealings: Sequence[Sealing]) -> None:
        """Seal and store texts, each in place of what there was of its kind; there may be none."""
        latest = {(each.uuid, each.kind): each for each in sealings}
        rows = [
            {
                "resource_uuid": uuid,
                "kind": kind,
                "sealed": self._keys.seal(each.text, row=name_row(uuid, kind)),
                "expires_at": each.expires_at,
            }
            for (uuid, kind), each in latest.items()
        ]
        if rows:
            # SQLite, which takes no bytes out of a text before its version 3.41, answers no statement over a network.
            save = upsert_all if connection.dialect.name == "sqlite" else upsert_as_table
            save(connection, secret, rows, changes=("sealed", "expires_at"))

    def find(self, connection: sa.Connection, uuid: str, kind: str) -> str | None:
        """Return the text, None when there is none, or raise SealBroken."""
        return self._find(connection, uuid, kind)[0]

    def open(self, uuid: str, kind: str, sealed: bytes) -> str:
        """Return the text of a resource's secret that is sealed, or raise SealBroken."""
        return self._keys.open(sealed, row=name_row(uuid, kind))

    def delete(self, connection: sa.Connection, uuid: str, kind: str) -> None:
        connection.execute(_DELETE, {"uuid": uuid, "kind": kind})

    def delete_made_by_hooks(self, connection: sa.Connection, uuid: str) -> None:
        """Forget what hooks returned, so that they make it anew."""
        of_steps = (secret.c.kind.like(f"{kind}/%") for kind in (HOOK_STEP, HOOK_PART))
        is_made = sa.or_(secret.c.kind.in_((CONFIG, LOG_DRAIN_URL, MESSAGE)), *of_steps)
        connection.execute(sa.delete(secret).where(secret.c.resource_uuid == uuid, is_made))

    def delete_parts(self, connection: sa.Connection, uuid: str, scope: str) -> None:
        """Forget what the steps of a hook returned that is done."""
        prefix = name_part(scope, "")
        is_part = sa.func.substr(secret.c.kind, 1, len(prefix)) == prefix
        connection.execute(sa.delete(secret).where(secret.c.resource_uuid == uuid, is_part))

    def delete_all(self, connection: sa.Connection, uuid: str) -> None:
        connection.execute(sa.delete(secret).where(secret.c.resource_uuid == uuid))

    def save_grant(self, connection: sa.Connection, uuid: str, grant: Grant) -> None:
        self.save(connection, uuid, GRANT, grant.code.reveal(), expires_at=grant.expires_at)

    def find_grant(self, connection: sa.Connection, uuid: str) -> Grant | None:
        return read_grant(*self._find(connection, uuid, GRANT))

    def save_token(self, connection: sa.Connection, uuid: str, token: Token) -> None:
        """Store a token; the grant it came from is spent and goes. What was deprovisioned meanwhile gets none."""
        self.save_tokens(connection, {uuid: token})

    def save_tokens(self, connection: sa.Connection, tokens: Mapping[str, Token]) -> None:
        """Do the same for many resources."""
        locked = connection.execute(_build_lock_states(connection.dialect.name), pass_uuids(tokens))
        living = [row.uuid for row in locked if row.state != State.DEPROVISIONED]
        self.save_all(connection, [_spell_token(uuid, tokens[uuid]) for uuid in living])
        if living:
            spent = ({"uuid": uuid, "kind": GRANT} for uuid in living)
            connection.execute(_build_delete_all(connection.dialect.name), pass_rows(connection, spent))

    def find_token(self, connection: sa.Connection, uuid: str) -> Token | None:
        return read_token(*self._find(connection, uuid, TOKEN))

    def find_tokens(self, connection: sa.Connection, batch: str) -> "SealedTokens":
        """Return the tokens of the resources in a batch."""
        query = _build_find_tokens(connection.dialect.name)
        return SealedTokens(self, read_rows(connection, query, SealedToken, {"b_batch": batch}))

    def list_with_token(self, connection: sa.Connection, uuids: Collection[str]) -> set[str]:
        """Return those of these resources that have a token."""
        query = sa.select(secret.c.resource_uuid).where(secret.c.resource_uuid.in_(uuids), secret.c.kind == TOKEN)
        return set(connection.execute(query).scalars())

    def list_texts(self, connection: sa.Connection, uuid: str) -> list[str]:
        """Return everything that is secret of a resource; what a webhook event tells is sealed, but no secret.

        Raises:
            SealBroken: no configured key opens one of them.
        """
        query = sa.select(secret.c.kind, secret.c.sealed).where(
            secret.c.resource_uuid == uuid, secret.c.kind.not_like(f"{EVENT}/%")
        )
        return [self.open(uuid, row.kind, row.sealed) for row in connection.execute(query)]

    def claim_refresh(
        self, connection: sa.Connection, uuid: str, stale: Token, *, now: datetime, until: datetime
    ) -> bool:
        """Claim the right to refresh this very token; False while another has it, or when the token is a newer one."""
        is_free = sa.or_(secret.c.claimed_until.is_(None), secret.c.claimed_until < now)
        query = (
            sa.select(secret.c.kind)
            .where(secret.c.resource_uuid == uuid, secret.c.kind == TOKEN, is_free)
            .with_for_update()
        )
        if connection.execute(query).first() is None or self.find_token(connection, uuid) != stale:
            return False
        self._set_claim(connection, uuid, until)
        return True

    def release_refresh(self, connection: sa.Connection, uuid: str) -> None:
        self._set_claim(connection, uuid, None)

    def give_back_refreshes(self, connection: sa.Connection, claims: Iterable[tuple[str, datetime]]) -> None:
        """Release these claims of resources, each where it is the one until that moment: else it is another's."""
        for uuid, until in claims:
            is_it = sa.and_(secret.c.resource_uuid == uuid, secret.c.kind == TOKEN, secret.c.claimed_until == until)
            connection.execute(sa.update(secret).where(is_it).values(claimed_until=None))

    def _set_claim(self, connection: sa.Connection, uuid: str, until: datetime | None) -> None:
        connection.execute(
            sa.update(secret).where(secret.c.resource_uuid == uuid, secret.c.kind == TOKEN).values(claimed_until=until)
        )

    def save_config(
        self, connection: sa.Connection, uuid: str, config: Mapping[str, str], *, kind: str = CONFIG
    ) -> None:
        self.save(connection, uuid, kind, write_config(config))

    def find_config(self, connection: sa.Connection, uuid: str, *, kind: str = CONFIG) -> dict[str, str] | None:
        return read_config(self.find(connection, uuid, kind))

    def merge_config(self, connection: sa.Connection, uuid: str, changes: Mapping[str, str | None]) -> dict[str, str]:
        """Store what Heroku has been told, by name; None removes. Return what there was of these names before."""
        known = self.find_config(connection, uuid) or {}
        self.save_config(connection, uuid, merge(known, changes))
        return {name: known[name] for name in changes if name in known}

    def load_orders(self, connection: sa.Connection, numbers: Mapping[str, int]) -> dict[str, SealedOrder]:
        """Return what is sealed of orders, by resource; of which something is missing or cannot be opened, none is."""
        kinds = ({"uuid": uuid, "kind": name_config_change(number)} for uuid, number in numbers.items())
        found = connection.execute(_build_load_orders(connection.dialect.name), pass_rows(connection, kinds))
        orders = {}
        for uuid, kind, changes, token, expires_at, known in found:
            with suppress(SealBroken):
                orders[uuid] = SealedOrder(
                    changes=_read_changes(self.open(uuid, kind, changes)),
                    token=_read_token(self.open(uuid, TOKEN, token), expires_at),
                    known=read_config(self.open(uuid, CONFIG, known) if known else None) or {},
                )
        return orders

    def save_configs(self, connection: sa.Connection, configs: Mapping[str, Mapping[str, str]]) -> None:
        """Store all that Heroku has been told of resources."""
        texts = {uuid: msgspec.json.encode(config).decode() for uuid, config in configs.items()}
        self.save_all(connection, [Sealing(uuid, CONFIG, text) for uuid, text in texts.items()])

    def delete_orders(self, connection: sa.Connection, numbers: Mapping[str, int]) -> None:
        """Forget the values of orders, one of each resource."""
        kinds = ({"uuid": uuid, "kind": name_config_change(number)} for uuid, number in numbers.items())
        connection.execute(_build_delete_all(connection.dialect.name), pass_rows(connection, kinds))

    def find_config_change(self, connection: sa.Connection, uuid: str, number: int) -> dict[str, str | None] | None:
        """Return what an order sets and, being None, removes; None once that is done."""
        text = self.find(connection, uuid, name_config_change(number))
        return None if text is None else _read_changes(text)

    def rotate(self, connection: sa.Connection, *, limit: int) -> int:
        """Seal up to `limit` values again that an older key sealed; return how many that were.

        What a running service is just writing is passed over: it would be sealed back to what it was before.
        """
        query = sa.select(secret).where(self._is_old()).limit(limit).with_for_update(skip_locked=True)
        rows = connection.execute(query).all()
        for row in rows:
            name = name_row(row.resource_uuid, row.kind)
            resealed = self._keys.seal(self._keys.open(row.sealed, row=name), row=name)
            connection.execute(
                sa.update(secret)
                .where(secret.c.resource_uuid == row.resource_uuid, secret.c.kind == row.kind)
                .values(sealed=resealed)
            )
        return len(rows)

    def count_old(self, connection: sa.Connection) -> int:
        """Return how many values an older key sealed."""
        count: int = connection.execute(
            sa.select(sa.func.count()).select_from(secret).where(self._is_old())
        ).scalar_one()
        return count

    def count_lost(self, connection: sa.Connection) -> int:
        """Return how many values no configured key can open."""
        is_lost = sa.func.substr(secret.c.sealed, 2, 4).not_in(self._keys.ids)
        count: int = connection.execute(sa.select(sa.func.count()).select_from(secret).where(is_lost)).scalar_one()
        return count

    def _find(self, connection: sa.Connection, uuid: str, kind: str) -> tuple[str | None, datetime | None]:
        """Return a text and until when it is good; neither when there is none."""
        row = connection.execute(_FIND, {"uuid": uuid, "kind": kind}).one_or_none()
        return (None, None) if row is None else (self.open(uuid, kind, row.sealed), row.expires_at)

    def _is_old(self) -> sa.ColumnElement[bool]:
        return sa.not_(sa.func.substr(secret.c.sealed, 2, 4) == self._keys.current_id)


@cache
def _build_find_tokens(dialect: str) -> sa.Select[tuple[str]]:
    query = sa.select(secret.c.resource_uuid, secret.c.sealed, secret.c.expires_at).where(
        secret.c.resource_uuid.in_(select_batch(sa.bindparam("b_batch"))),
        secret.c.kind == TOKEN,
        secret.c.expires_at.is_not(None),
    )
    return as_one_value(dialect, query)


@cache
def _build_lock_states(dialect: str) -> sa.Select[Any]:
    query = sa.select(resource.c.uuid, resource.c.state).where(resource.c.uuid.in_(select_uuids(dialect)))
    return query.order_by(resource.c.uuid).with_for_update()


@cache
def _build_load_orders(dialect: str) -> sa.Select[Any]:
    rows = rows_as_table(dialect, uuid=sa.Text(), kind=sa.Text())
    token, known = secret.alias("token"), secret.alias("known")
    is_token = sa.and_(token.c.resource_uuid == rows.c.uuid, token.c.kind == TOKEN, token.c.expires_at.is_not(None))
    is_known = sa.and_(known.c.resource_uuid == rows.c.uuid, known.c.kind == CONFIG)
    return (
        sa.select(rows.c.uuid, rows.c.kind, secret.c.sealed, token.c.sealed, token.c.expires_at, known.c.sealed)
        .select_from(rows)
        .join(secret, sa.and_(secret.c.resource_uuid == rows.c.uuid, secret.c.kind == rows.c.kind))
        .join(token, is_token)
        .outerjoin(known, is_known)
    )


@cache
def _build_delete_all(dialect: str) -> sa.Delete:
    rows = rows_as_table(dialect, uuid=sa.Text(), kind=sa.Text())
    key = sa.tuple_(secret.c.resource_uuid, secret.c.kind)
    return sa.delete(secret).where(key.in_(sa.select(rows.c.uuid, rows.c.kind)))


def merge(known: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return config vars as they are once these are changed; None removes."""
    merged = {**known, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _read_changes(text: str) -> dict[str, str | None]:
    return msgspec.json.decode(text, type=dict[str, str | None])


def _spell_token(uuid: str, token: Token) -> Sealing:
    text = msgspec.json.encode([token.access.reveal(), token.refresh.reveal()]).decode()
    return Sealing(uuid, TOKEN, text, expires_at=token.expires_at)


def _read_token(text: str, expires_at: datetime) -> Token:
    access, refresh = _PAIR.decode(text)
    return Token(access=Secret(access), refresh=Secret(refresh), expires_at=expires_at)


def read_token(text: str | None, expires_at: datetime | None) -> Token | None:
    """Return a token out of the text that it is kept as, and its end."""
    return None if text is None or expires_at is None else _read_token(text, expires_at)


def read_grant(code: str | None, expires_at: datetime | None) -> Grant | None:
    return Grant(code=Secret(code), expires_at=expires_at) if code and expires_at else None


def write_config(config: Mapping[str, str]) -> str:
    """Return config vars as the text that they are kept as."""
    return msgspec.json.encode(config).decode()


def read_config(text: str | None) -> dict[str, str] | None:
    """Return config vars out of the text that they are kept as."""
    return None if text is None else msgspec.json.decode(text, type=dict[str, str])


def name_part(scope: str, step: str) -> str:
    """The kind of secret under which a step's result is kept; `scope` is what its hook was called for."""
    return f"{HOOK_PART}/{scope}/{step}"


def name_config_change(number: int) -> str:
    """The kind of secret under which the values of an order are kept until they are set."""
    return f"{CONFIG_CHANGE}/{number}"


def seal_config_change(uuid: str, number: int, config: Mapping[str, str | None]) -> Sealing:
    """Return the values of an order as a secret that is to be stored."""
    return Sealing(uuid, name_config_change(number), msgspec.json.encode(config).decode())


def name_row(uuid: str, kind: str) -> str:
    return f"secret/{uuid}/{kind}"
