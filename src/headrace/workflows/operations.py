"""What an operator can do about a resource that is stuck: try again, or give it up."""

import sqlalchemy as sa

from headrace.client import Clock
from headrace.errors import NothingToDo, UnknownResource
from headrace.models import State
from headrace.protocol.retries import PROVISION_LIMIT
from headrace.store.database import Database
from headrace.store.notices import settle_notices
from headrace.store.placements import close_placement
from headrace.store.resources import (
    ResourceRow,
    add_event,
    add_plan_change,
    find_last_event,
    find_last_plan_change,
    lock_resource,
    update_resource,
)
from headrace.store.secrets import SecretStore
from headrace.workflows.calls import start_due
from headrace.workflows.engine import Engine

ENDINGS = ("provision.failed", "provision.expired", "deprovision.failed")


class Operations:
    """An operator's two orders. Each is one transaction; `by` says in the timeline who gave it."""

    def __init__(self, database: Database, secrets: SecretStore, engine: Engine, *, clock: Clock) -> None:
        self._database = database
        self._secrets = secrets
        self._engine = engine
        self._clock = clock

    async def retry(self, uuid: str, *, by: str = "operator") -> str:
        """Try again what failed, and return what that is: a provision, a deprovision or a plan change.

        Raises:
            UnknownResource: there is no such resource.
            NothingToDo: nothing failed, or trying again cannot help; the text says which.
        """
        return await self._database.write(self._retry, uuid, by)

    async def abandon(self, uuid: str, *, by: str = "operator") -> None:
        """Give a failed resource up: it counts as deprovisioned and its secrets are forgotten. No hook is called.

        Raises:
            UnknownResource: there is no such resource.
            NothingToDo: it has not failed.
        """
        await self._database.write(self._abandon, uuid, by)

    def _retry(self, connection: sa.Connection, uuid: str, by: str) -> str:
        row = _lock(connection, uuid)
        what = self._decide(connection, row)
        now = self._clock()
        if what == "plan change":
            last = find_last_plan_change(connection, uuid)
            if last is not None:
                add_plan_change(connection, row, new_plan=last.new_plan, now=now)
        else:
            state = State.PROVISIONING if what == "provision" else State.DEPROVISIONING
            update_resource(connection, uuid, state=state, message=None)
        if what == "provision":
            # What the first attempt made was removed when it gave up.
            self._secrets.delete_made_by_hooks(connection, uuid)
        settle_notices(connection, uuid, by=by, now=now)
        add_event(connection, uuid, "operator.retried", now=now, what=what, by=by)
        start_due(connection, self._engine, _lock(connection, uuid))
        return what

    def _decide(self, connection: sa.Connection, row: ResourceRow) -> str:
        if row.state is State.PROVISIONED:
            last = find_last_plan_change(connection, row.uuid)
            if last is None or last.outcome != "failed":
                raise NothingToDo(f"{row.name} is provisioned, and its last plan change did not fail.")
            return "plan change"
        if row.state is not State.FAILED:
            raise NothingToDo(f"{row.name} is {row.state}: nothing of it has failed.")
        ending = find_last_event(connection, row.uuid, ENDINGS)
        if ending is not None and ending.name == "deprovision.failed":
            return "deprovision"
        if find_last_event(connection, row.uuid, ["heroku.told"]) is not None:
            raise NothingToDo(f"Heroku was told that {row.name} failed and has removed it; abandon it.")
        if self._clock() - row.created_at >= PROVISION_LIMIT:
            raise NothingToDo(f"Heroku has given {row.name} up by now; abandon it. The customer can add it again.")
        return "provision"

    def _abandon(self, connection: sa.Connection, uuid: str, by: str) -> None:
        row = _lock(connection, uuid)
        if row.state is not State.FAILED:
            raise NothingToDo(f"{row.name} is {row.state}: only what has failed can be given up.")
        now = self._clock()
        self._secrets.delete_all(connection, uuid)
        close_placement(connection, uuid, now=now)
        update_resource(connection, uuid, state=State.DEPROVISIONED, deprovisioned_at=now)
        settle_notices(connection, uuid, by=by, now=now)
        add_event(connection, uuid, "operator.abandoned", now=now, by=by)


def _lock(connection: sa.Connection, uuid: str) -> ResourceRow:
    row = lock_resource(connection, uuid)
    if row is None:
        raise UnknownResource(uuid)
    return row
