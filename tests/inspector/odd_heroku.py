"""A Heroku that answers oddly at some addresses, and looks that are made at it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import sqlalchemy as sa

from headrace.client import HerokuClient
from headrace.inspector.batch_state import Tally
from headrace.inspector.batches import BatchInspector
from headrace.inspector.freshness import SPREAD
from headrace.protocol.wire import Request, Response
from headrace.store.state.due import claim_batch
from headrace.store.state.placements import PlacementRow
from headrace.store.state.tokens import StoredTokens
from headrace.transport import AiohttpTransport
from headrace.workflows.chores.sweep import LEASE
from pair import Pair

RECHECK = timedelta(minutes=5) * (1 + SPREAD)
BATCH = "01234567-89ab-cdef-0123-456789abcdef"
Answers = Mapping[str, Response | Exception]


class OddHeroku(AiohttpTransport):
    """Heroku, but for what it answers at these paths, or what reading its answer comes to."""

    def __init__(self, pair: Pair, answers: Answers) -> None:
        super().__init__(api_url=pair.parts.settings.api_url, id_url=pair.parts.settings.id_url)
        self._answers = answers

    async def send(self, request: Request) -> Response:
        answer = self._answers.get(request.path)
        if isinstance(answer, Exception):
            raise answer
        return answer or await super().send(request)


async def inspect_batch(pair: Pair, answers: Answers, *, spoilt: str = "", after: timedelta = RECHECK) -> Tally:
    """Have inspected what is due `after` that time, by a Heroku that answers so; a move of `spoilt` is not recorded."""

    def on_move(_connection: sa.Connection, uuid: str, _old: PlacementRow, _new: PlacementRow) -> None:
        if uuid == spoilt:
            raise ValueError("not to be recorded")

    parts, now = pair.parts, pair.parts.clock() + after
    await parts.database.write(claim_batch, BATCH, now=now, limit=20, lease=LEASE)
    async with open_client(pair, answers) as client:
        inspector = BatchInspector(
            parts.database,
            client,
            find_tokens=parts.secrets.find_tokens,
            clock=lambda: now,
            every=RECHECK,
            on_move=on_move,
        )
        return await inspector.inspect(BATCH)


@asynccontextmanager
async def open_client(pair: Pair, answers: Answers) -> AsyncIterator[HerokuClient]:
    parts = pair.parts
    client = HerokuClient(
        OddHeroku(pair, answers),
        tokens=StoredTokens(parts.database, parts.secrets, clock=parts.clock),
        client_secrets=parts.settings.client_secrets,
        clock=parts.clock,
    )
    yield client
    await client.close()
