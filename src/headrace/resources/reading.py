"""Finding resources: one, a page, or one after the other. All of it comes from the store; Heroku is asked nothing."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Unpack

import sqlalchemy as sa

from headrace.errors import MisuseError, SeveralResources, UnknownResource
from headrace.hooks.arguments import KnownResource
from headrace.models import Secret, State
from headrace.protocol.partner import parse_uuid
from headrace.resources.known import ResourceFilters, ResourcePage, read_cursor, read_filters, write_cursor
from headrace.store.reports.known_resources import KnownRow, MadeKey, Wanted, list_known
from headrace.store.state.resources import find_resource
from headrace.store.state.secrets import LOG_DRAIN_URL
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.siblings import describe_known

PAGE = 100
LONGEST_PAGE = 1_000
# Of one name, or on one app: more than anybody has.
MOST_ALIKE = 1_000
ENDED = (State.DEPROVISIONED, State.FAILED)


class Resources:
    """The resources of a service, wherever its code runs: inside it, or in a process that is `connected`."""

    def __init__(self, find_core: Callable[[], Core]) -> None:
        self._find_core = find_core

    async def get(
        self,
        uuid: str | None = None,
        *,
        name: str | None = None,
        app: str | None = None,
        as_of: datetime | None = None,
    ) -> KnownResource:
        """Return one resource, by its uuid, by the add-on's name, or by its app's id or name.

        Of several of a name or on an app it is the one that lives. With `as_of` it is as it was then.

        Raises:
            UnknownResource: there is none, or was none yet.
            SeveralResources: several that live are on the app; the text names them.
            Malformed: the uuid is none.
            MisuseError: not exactly one of uuid, name and app was given, or no service runs and none is connected.
        """
        if sum(each is not None for each in (uuid, name, app)) != 1:
            raise MisuseError("Say which resource: by uuid, by name=… or by app=…, one of them.")
        wanted = Wanted(
            uuids=[parse_uuid(uuid)] if uuid is not None else (),
            names=[name] if name is not None else (),
            apps=[app] if app is not None else (),
            as_of=as_of,
        )
        core = self._find_core()
        rows = await core.database.read(list_known, wanted, after=None, limit=MOST_ALIKE)
        return describe_known(core, _pick(rows, str(uuid or name or f"on app {app}")))

    async def list(
        self, *, after: str | None = None, limit: int = PAGE, **filters: Unpack[ResourceFilters]
    ) -> ResourcePage:
        """Return a page of the resources that are wanted, up to 1,000, the oldest first; see `ResourceFilters`.

        `after` is the `next` of the page before. A page costs the same however many came before it.

        Raises:
            MisuseError: a filter, the cursor or the limit is none, or no service runs and none is connected.
            Malformed: a uuid is none.
        """
        if not 1 <= limit <= LONGEST_PAGE:
            raise MisuseError(f"A page has 1 to {LONGEST_PAGE:,} resources, not {limit}.")
        wanted = read_filters(filters)
        key = None if after is None else read_cursor(after)
        core = self._find_core()
        rows = [] if wanted is None else await core.database.read(list_known, wanted, after=key, limit=limit + 1)
        shown = rows[:limit]
        is_more = len(rows) > limit
        last = MadeKey(shown[-1].created_at, shown[-1].uuid) if is_more else None
        resources = tuple(describe_known(core, row) for row in shown)
        return ResourcePage(resources=resources, next=write_cursor(last) if last else None)

    async def iterate(self, **filters: Unpack[ResourceFilters]) -> AsyncIterator[KnownResource]:
        """Go through all resources that are wanted, the oldest first; see `ResourceFilters`.

        They are read a page at a time, so that what is made meanwhile comes too, and what has gone does not.

        Raises:
            MisuseError: a filter is none, or no service runs and none is connected.
            Malformed: a uuid is none.
        """
        after: str | None = None
        while True:
            page = await self.list(after=after, limit=LONGEST_PAGE, **filters)
            for resource in page.resources:
                yield resource
            if page.next is None:
                return
            after = page.next

    async def find_config(self, uuid: str) -> Mapping[str, Secret]:
        """Return the config vars that Heroku was last told, by name; none where none was.

        Raises:
            UnknownResource: there is no such resource.
            Malformed: the uuid is none.
            MisuseError: no service runs and none is connected.
        """
        core = self._find_core()
        found = await core.database.read(_load_config, core, parse_uuid(uuid))
        return {name: Secret(value) for name, value in found.items()}

    async def find_log_drain(self, uuid: str) -> Secret | None:
        """Return where Heroku was last told to send the log of a resource's app; None where it was told nothing.

        It is a secret because such an address often holds one.

        Raises:
            UnknownResource: there is no such resource.
            Malformed: the uuid is none.
            MisuseError: no service runs and none is connected.
        """
        core = self._find_core()
        url = await core.database.read(_load_log_drain, core, parse_uuid(uuid))
        return None if url is None else Secret(url)


def _load_log_drain(connection: sa.Connection, core: Core, uuid: str) -> str | None:
    if find_resource(connection, uuid) is None:
        raise UnknownResource(uuid)
    return core.secrets.find(connection, uuid, LOG_DRAIN_URL)


def _load_config(connection: sa.Connection, core: Core, uuid: str) -> dict[str, str]:
    if find_resource(connection, uuid) is None:
        raise UnknownResource(uuid)
    return core.secrets.find_config(connection, uuid) or {}


def _pick(rows: list[KnownRow], what: str) -> KnownRow:
    """Of what is alike, the one that lives; of those that have gone, the last."""
    live = [row for row in rows if row.state not in ENDED]
    if len(live) > 1:
        raise SeveralResources(what, sorted(row.name for row in live))
    if not rows:
        raise UnknownResource(what)
    return (live or rows)[-1]
