"""Who may see what: a person sees a resource only if Heroku says that they have access to its app.

A person arrives by SSO for one resource. Every other resource is shown only after its own app's collaborators
have been read, with its own token, within the last minutes. What may not be seen is not counted or hinted at.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from headrace.client import Clock
from headrace.inspector.board import PlacedResource
from headrace.inspector.placements import ACCESS_GOOD_FOR, Inspector
from headrace.models import Ref, read_stage
from headrace.store.board import BoardRow, list_board_rows, list_candidates
from headrace.store.database import Database
from headrace.store.placements import list_freshly_checked_apps, list_visible_apps


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A person who came by SSO. `is_proven` tells whether Heroku's signature covers who they are."""

    resource_uuid: str
    user_id: str
    email: str
    is_proven: bool

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

    async def list_visible(self, viewer: Viewer) -> list[PlacedResource] | None:
        """Return what this person may see, or None when they lost access to the resource they came for.

        The resource they came for is shown on the strength of the login where Heroku does not answer about its
        app; nothing else is.
        """
        opened = await self._database.read(list_board_rows, [viewer.resource_uuid])
        if not opened or not viewer.people or not opened[0].app_id:
            return list_placed(opened) if opened else None
        app_id = opened[0].app_id
        candidates = await self._database.read(list_candidates, viewer.resource_uuid, people=viewer.people)
        # One resource's token speaks for its app: one that still has a token, if there is any.
        by_app = {each.app_id: each.uuid for each in sorted(candidates, key=lambda each: each.has_token)}
        await self._inspector.refresh_access(by_app)
        visible = await self._find_visible_apps(viewer, {*by_app}, own=app_id)
        if app_id not in visible:
            return None
        uuids = [each.uuid for each in candidates if each.app_id in visible]
        return list_placed(await self._database.read(list_board_rows, uuids))

    async def _find_visible_apps(self, viewer: Viewer, apps: set[str], *, own: str) -> set[str]:
        after = self._clock() - ACCESS_GOOD_FOR
        visible = await self._database.read(list_visible_apps, apps, people=viewer.people, checked_after=after)
        answered = await self._database.read(list_freshly_checked_apps, [own], after=after)
        return visible if answered else visible | {own}


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
