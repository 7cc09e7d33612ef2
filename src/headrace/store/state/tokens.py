"""Where the client's tokens live between requests: in the store, sealed."""

import asyncio
from datetime import datetime, timedelta

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
        # What this process claims, or has claimed, and until when.
        self._claims: set[tuple[str, datetime]] = set()
        self._claiming: set[asyncio.Task[bool]] = set()

    async def find_token(self, uuid: str) -> Token | None:
        # Asked for before each call of Heroku: a workflow that was taken over makes none.
        return await self._database.read_behind_fence(self._secrets.find_token, uuid)

    async def save_token(self, uuid: str, token: Token) -> None:
        await self._database.write(self._save_token, uuid, token)

    def _save_token(self, connection: sa.Connection, uuid: str, token: Token) -> None:
        self._secrets.save_token(connection, uuid, token)
        settle_notices(connection, uuid, by="headrace", now=self._clock(), kinds=[NoticeKind.TOKEN_REFUSED])

    async def claim_refresh(self, uuid: str, stale: Token) -> bool:
        now = self._clock()
        claim = (uuid, now + REFRESH_LEASE)
        # Noted before: whoever is stopped while it is written may have it.
        self._claims.add(claim)
        write = self._database.write(self._secrets.claim_refresh, uuid, stale, now=now, until=claim[1])
        claiming = asyncio.create_task(write)
        self._claiming.add(claiming)
        claiming.add_done_callback(self._claiming.discard)
        is_claimed = await asyncio.shield(claiming)
        if not is_claimed:
            self._claims.discard(claim)
        return is_claimed

    async def release_refresh(self, uuid: str) -> None:
        await self._database.write(self._secrets.release_refresh, uuid)
        self._claims = {claim for claim in self._claims if claim[0] != uuid}

    async def give_back(self) -> None:
        """Release what is claimed still, when nobody in this process refreshes any more.

        A workflow that a stop has caught in a refresh would else wait for the lease's end, wherever it goes on.
        """
        # What is written although nobody waits for it may else be written after this.
        here = asyncio.get_running_loop()
        await asyncio.gather(*(each for each in self._claiming if each.get_loop() is here), return_exceptions=True)
        if self._claims:
            await self._database.write(self._secrets.give_back_refreshes, self._claims)
