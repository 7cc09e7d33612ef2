"""Who may see what: a person sees a resource only if Heroku says that they have access to its app.

A person arrives by SSO for one resource, or the partner's own programs name both. Every other resource is shown only
after its own app's collaborators have been read, with its own token, within the last minutes. What may not be seen is
not counted or hinted at.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from headrace.client import Clock
from headrace.inspector.board import PlacedResource
from headrace.inspector.placements import ACCESS_GOOD_FOR, Inspector
from headrace.models import Ref, read_stage
from headrace.store.board import BoardRow, list_board_rows, list_candidates
from headrace.store.database import Database
from headrace.store.placements import list_freshly_checked_apps

# Heroku's router gives a request up after 30 seconds. What has not been answered by now is shown at a later look.
ANSWERS_WITHIN_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A person, and the resource that they look from.

    `is_proven` tells whether it is certain who they are: Heroku's signature covers it, or the partner vouches for it.
    `is_let_in` tells whether Heroku itself has let them in to the resource, by a login of its own.
    """

    resource_uuid: str
    user_id: str
    email: str
    is_proven: bool
    is_let_in: bool = True

    @property
    def people(self) -> list[str]:
        """The keys under which access is stored for this person; none when it is not certain who they are."""
        if not self.is_proven:
            return []
        keys = [f"id:{self.user_id}"] if self.user_id else []
        return [*keys, f"email:{self.email}"] if self.email else keys


class Visibility:
    """Answers which resources a person may see, asking Heroku where the last answer is too old."""

    def __init__(self, database: Database, inspector: Inspector, *, clock: Clock) -> None:
        self._database = database
        self._inspector = inspector
        self._clock = clock
        # By app, the asking that will tell who may see it.
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def list_visible(self, viewer: Viewer) -> list[PlacedResource] | None:
        """Return what this person may see, or None when they have no access to the resource they look from.

        Whoever Heroku let in to that resource sees it where Heroku does not answer about its app; nobody sees
        anything else on less than such an answer.
        """
        sight = await self._database.watch(self._look, viewer)
        if sight.stale:
            await self._ask(sight.stale)
            sight = await self._database.watch(self._look, viewer)
        return None if sight.rows is None else list_placed(sight.rows)

    async def _ask(self, stale: dict[str, str]) -> None:
        """Ask Heroku who may see these apps, and wait, but not for ever: a very large board has thousands of them.

        The asking goes on meanwhile, and whoever looks before it is done waits for the same one.
        """
        new = {app_id: uuid for app_id, uuid in stale.items() if app_id not in self._asking}
        if new:
            task = asyncio.create_task(self._refresh(new))
            self._asking |= dict.fromkeys(new, task)
        done, _ = await asyncio.wait({self._asking[app_id] for app_id in stale}, timeout=ANSWERS_WITHIN_SECONDS)
        for task in done:
            task.result()

    async def _refresh(self, apps: dict[str, str]) -> None:
        try:
            await self._inspector.refresh_access(apps)
        finally:
            for app_id in apps:
                del self._asking[app_id]

    def _look(self, connection: sa.Connection, viewer: Viewer) -> "_Sight":
        """Read at once, by one query, all that a look needs: open boards look all the time."""
        uuid, people, after = viewer.resource_uuid, viewer.people, self._clock() - ACCESS_GOOD_FOR
        candidates = list_candidates(connection, uuid, people=people, checked_after=after) if people else []
        own = next((each.row.app_id for each in candidates if each.row.uuid == uuid), None)
        if own is None:
            # Who they are is not certain, or nobody knows yet which app it is on.
            opened = list_board_rows(connection, [uuid])
            return _Sight(rows=opened if opened and viewer.is_let_in else None, stale={})
        # One resource's token speaks for its app: one that still has a token, if there is any.
        by_app = {each.row.app_id: each.row.uuid for each in sorted(candidates, key=lambda each: each.has_token)}
        answered = {each.row.app_id for each in candidates if each.is_answered}
        visible = {each.row.app_id for each in candidates if each.is_granted}
        if viewer.is_let_in and own not in answered:
            visible |= {own}
        return _Sight(
            rows=[each.row for each in candidates if each.row.app_id in visible] if own in visible else None,
            # The one they look from first: without it they see nothing.
            stale={each: by_app[each] for each in sorted(by_app, key=lambda each: each != own) if each not in answered},
        )

    async def is_told(self, resource_uuid: str) -> bool:
        """Whether Heroku's last answer about who may see a resource's app is recent enough to be believed."""
        rows = await self._database.read(list_board_rows, [resource_uuid])
        apps = [row.app_id for row in rows if row.app_id]
        after = self._clock() - ACCESS_GOOD_FOR
        return bool(await self._database.read(list_freshly_checked_apps, apps, after=after))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """What a person may see by what is stored; `stale` are the apps to ask Heroku about, by a resource on each."""

    rows: list[BoardRow] | None
    stale: dict[str, str]


def list_placed(rows: Iterable[BoardRow]) -> list[PlacedResource]:
    """Return stored rows as the board's values."""
    return [_place(row) for row in rows]


def _place(row: BoardRow) -> PlacedResource:
    return PlacedResource(
        uuid=row.uuid,
        name=row.name,
        plan=row.plan,
        region=row.region,
        state=row.state,
        app=Ref(id=row.app_id, name=row.app_name or (None if row.app_id else row.name)),
        pipeline=Ref(id=row.pipeline_id, name=row.pipeline_name) if row.pipeline_id else None,
        stage=read_stage(row.stage) if row.stage else None,
        since=row.since,
        checked_at=row.checked_at,
        outcome=row.outcome,
        moved_from=read_stage(row.moved_from) if row.moved_from else None,
        moved_at=row.moved_at,
        next_check_at=row.next_check_at,
        has_failed=row.has_failed,
    )
