"""What a reconciliation changes, one transaction a resource: each looks first whether it is still as it was judged."""

import sqlalchemy as sa

from headrace.models import State
from headrace.protocol.reconciliation import Known
from headrace.store.reports.figures.kept_count import forget_kept
from headrace.store.state.notices import settle_notices
from headrace.store.state.placements import make_first_due
from headrace.store.state.plan_changes import add_plan_change, find_last_plan_change
from headrace.store.state.resources import ResourceRow, lock_resource, update_resource
from headrace.store.state.timeline import TimelineName, add_event
from headrace.workflows.lifecycle.calls import find_wanted_plan
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.deprovisions import begin_deprovision
from headrace.workflows.lifecycle.handover import start_due

BY = "reconcile"


class Mending:
    """Brings resources to where Heroku has them; each returns False where somebody else has changed it meanwhile."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def finish(self, known: Known, *, plan: str) -> bool:
        """Take a provision for done that Heroku shows as done: what is left of its workflow stops at its next step."""
        return await self._core.database.write(self._finish, known, plan)

    async def change_plan(self, known: Known, *, plan: str) -> bool:
        """Have a resource moved to Heroku's plan by the hook."""
        return await self._core.database.write(self._change_plan, known, plan)

    async def deprovision(self, known: Known) -> bool:
        """Have a resource removed by the hook."""
        return await self._core.database.write(self._deprovision, known)

    def _finish(self, connection: sa.Connection, known: Known, plan: str) -> bool:
        row = self._lock(connection, known)
        if row is None:
            return False
        now = self._core.clock()
        update_resource(
            connection, row.uuid, state=State.PROVISIONED, plan=plan, message=None, provisioned_at=row.created_at
        )
        forget_kept(connection)
        settle_notices(connection, row.uuid, by=BY, now=now)
        make_first_due(connection, row.uuid, now=now)
        add_event(connection, row.uuid, TimelineName.PROVISION_RECONCILED, now=now, plan=plan)
        return True

    def _change_plan(self, connection: sa.Connection, known: Known, plan: str) -> bool:
        row = self._lock(connection, known)
        if row is None:
            return False
        now = self._core.clock()
        number = add_plan_change(connection, row.uuid, old_plan=row.plan, new_plan=plan, now=now)
        add_event(connection, row.uuid, TimelineName.PLAN_CHANGE_RECONCILED, now=now, old_plan=row.plan, plan=plan)
        # Heroku shows it already, so a hook that refuses is for an operator.
        add_event(connection, row.uuid, TimelineName.PLAN_CHANGE_PROMISED, now=now, number=number)
        start_due(connection, self._core.engine, row)
        return True

    def _deprovision(self, connection: sa.Connection, known: Known) -> bool:
        row = self._lock(connection, known)
        if row is None:
            return False
        begin_deprovision(connection, self._core, row, event=TimelineName.DEPROVISION_RECONCILED)
        return True

    def _lock(self, connection: sa.Connection, known: Known) -> ResourceRow | None:
        row = lock_resource(connection, known.uuid)
        if row is None or row.state is not known.state:
            return None
        wanted = find_wanted_plan(row, find_last_plan_change(connection, row.uuid))
        return row if wanted == known.wanted_plan else None
