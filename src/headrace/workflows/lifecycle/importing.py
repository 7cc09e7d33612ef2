"""Importing resources that another provider provisions: pipelines, board and figures without rewriting it."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

import sqlalchemy as sa

from headrace.models import State
from headrace.protocol.import_lines import Imported
from headrace.store.reports.figures.kept_count import forget_kept
from headrace.store.state.notices import settle_notices
from headrace.store.state.placements import close_placement, make_first_due
from headrace.store.state.resources import ResourceRow, insert_imported, lock_resource, remove_resource, update_resource
from headrace.store.state.timeline import TimelineName, add_event
from headrace.store.state.webhooks import retire_credentials
from headrace.workflows.lifecycle.core import Core

# Who says so, where nobody is named.
BY = "import"


class Change(StrEnum):
    """What importing a resource came to. `KEPT`: it is ours, and we know better."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    KEPT = "kept"


class Imports:
    """Imports resources, once or again: what is there already changes only where the import says something new.

    A resource that this service provisioned is never changed by an import: its lifecycle is between Heroku and us.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    async def take(self, resource: Imported, *, by: str = BY) -> Change:
        """Import one resource; `by` says in its timeline who ordered it."""
        [change] = await self.take_all([resource], by=by)
        return change

    async def take_all(
        self, resources: Iterable[Imported], *, by: str = BY, is_rehearsal: bool = False
    ) -> Counter[Change]:
        """Import many, in one transaction; a rehearsal only tells what would come of it."""
        return await self._core.database.write(self._take_all, resources, by, is_rehearsal)

    def _take_all(
        self,
        connection: sa.Connection,
        resources: Iterable[Imported],
        by: str,
        is_rehearsal: bool,  # noqa: FBT001
    ) -> Counter[Change]:
        # A savepoint, because the transaction may be others' too (store/sql/group_commit.py).
        with connection.begin_nested() as savepoint:
            changes = Counter(self._take(connection, resource, by) for resource in resources)
            if changes[Change.CHANGED]:
                # Nobody knows since when it is so. Last: whoever imports writes the same row, and none may wait for it
                # with a resource that another one wants.
                forget_kept(connection)
            if is_rehearsal:
                savepoint.rollback()
        return changes

    def _take(self, connection: sa.Connection, resource: Imported, by: str) -> Change:
        known = lock_resource(connection, resource.uuid)
        if known is None:
            return self._add(connection, resource, by)
        if known.imported_at is None or known.state is State.DEPROVISIONED:
            is_said_again = known.imported_at is not None and resource.state is known.state
            return Change.SAME if is_said_again else Change.KEPT
        return self._change(connection, resource, known, by)

    def _add(self, connection: sa.Connection, resource: Imported, by: str) -> Change:
        now = self._core.clock()
        insert_imported(connection, resource, now=now)
        detail = {"plan": resource.plan, "region": resource.region, "token": resource.token is not None, "by": by}
        add_event(connection, resource.uuid, TimelineName.RESOURCE_IMPORTED, now=now, **detail)
        if resource.state is State.PROVISIONED:
            self._keep_token(connection, resource)
            make_first_due(connection, resource.uuid, now=now)
        return Change.NEW

    def _change(self, connection: sa.Connection, resource: Imported, known: ResourceRow, by: str) -> Change:
        now = self._core.clock()
        if resource.state is State.DEPROVISIONED:
            retire_credentials(connection, self._core.secrets, resource.uuid)
            self._core.secrets.delete_all(connection, resource.uuid)
            close_placement(connection, resource.uuid, now=now)
            remove_resource(connection, known, now=now)
            settle_notices(connection, resource.uuid, by=by, now=now)
            add_event(connection, resource.uuid, TimelineName.DEPROVISION_IMPORTED, now=now, by=by)
            return Change.CHANGED
        has_new_plan = resource.plan != known.plan
        if has_new_plan:
            update_resource(connection, resource.uuid, plan=resource.plan)
            add_event(
                connection,
                resource.uuid,
                TimelineName.PLAN_CHANGE_IMPORTED,
                now=now,
                old_plan=known.plan,
                plan=resource.plan,
                by=by,
            )
        has_new_token = self._keep_token(connection, resource)
        if has_new_token:
            make_first_due(connection, resource.uuid, now=now)
        return Change.CHANGED if has_new_plan or has_new_token else Change.SAME

    def _keep_token(self, connection: sa.Connection, resource: Imported) -> bool:
        """Keep a token that says more than the one we have: that one may have been refreshed since the import."""
        if resource.token is None:
            return False
        known = self._core.secrets.find_token(connection, resource.uuid)
        if known is not None:
            is_same = known.refresh == resource.token.refresh
            if is_same or known.expires_at > resource.token.expires_at:
                return False
        self._core.secrets.save_token(connection, resource.uuid, resource.token)
        return True
