"""Where the client's tokens live between requests: in the store, sealed."""

from datetime import timedelta

import sqlalchemy as sa

from headrace.clock import Clock
from headrace.models import Token
from headrace.store.sql.database import Database
from headrace.store.state.notices import NoticeKind, settle_notices
from headrace.store.state.secrets import SecretStore

# Longer than a refresh can take: a process that dies in one gives the claim back after this.
REFRESH_LEASE = timedelta(minutes=1)


class StoredTokens:
    """The client's token keeper, on the store."""

    def __init__(self, database: Database, secrets: SecretStore, *, clock: Clock) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock

    async def find_token(self, uuid: str) -> Token | None:
        # Asked for before each call of Heroku: a workflow that was taken over makes none.
        return await self._database.read_behind_fence(self._secrets.find_token, uuid)

    async def save_token(self, uuid: str, token: Token) -> None:
        await self._database.write(self._save_token, uuid, token)

    def _save_token(self, connection: sa.Connection, uuid: str, token: Token) -> None:
        self._secrets.save_token(connection, uuid, token)
        settle_notices(connection, uuid, by="headrace", now=self._clock(), kinds=[NoticeKind.TOKEN_REFUSED])

    async def claim_refresh(self, uuid: str, stale: Token) -> bool:
        return await self._database.write(
            self._secrets.claim_refresh, uuid, stale, now=self._clock(), lease=REFRESH_LEASE
        )

    async def release_refresh(self, uuid: str) -> None:
        await self._database.write(self._secrets.release_refresh, uuid)
