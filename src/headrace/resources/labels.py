"""What a resource is now, at hand for whatever tells of it: read behind whoever asks, who never waits for it."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from headrace.errors import Malformed
from headrace.models import NOT_TOLD, State
from headrace.protocol.partner import parse_uuid
from headrace.store.reports.figures.placed import Known, find_known
from headrace.store.sql.database import Database
from headrace.store.sql.outage import DATABASE_ERRORS
from headrace.workflows.lifecycle.core import Core

# A move is heard of within this time, of resources that are asked for.
FRESH_SECONDS = 30.0
# So many resources are remembered, those that were asked for last: about 10 MB.
MOST = 10_000
# So many are read with one query, and after one that failed none is tried for so long.
BATCH = 500
PAUSE_SECONDS = 1.0
# The words where no stage can be: gone by now, or never heard of. `docs/enrich.md` has them too.
GONE, UNSEEN = "gone", "unseen"
ENDED = (State.DEPROVISIONED, State.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLabels:
    """What a resource was `age` ago; None: nothing was read of it yet.

    `stage` is Heroku's word or one of ours: `none` (in no pipeline), `unknown` (not told, or not read yet), `gone`, or
    `unseen` where there is no such resource. Whatever is not known is None.
    """

    uuid: str
    stage: str = NOT_TOLD
    plan: str | None = None
    app_id: str | None = None
    app_name: str | None = None
    pipeline_id: str | None = None
    pipeline_name: str | None = None
    age: timedelta | None = None

    def attributes(self) -> dict[str, str]:
        """Return OpenTelemetry's attributes of a span or a record about this resource, without what is not known.

        The app is the customer's, so `heroku.app.id` is no attribute of your own process's resource, and
        `deployment.environment.name`, which says where the sender runs, is none of them.
        """
        known = {
            "headrace.resource": self.uuid,
            "headrace.stage": self.stage,
            "headrace.plan": self.plan,
            "headrace.pipeline": self.pipeline_id,
            "headrace.pipeline.name": self.pipeline_name,
            "heroku.app.id": self.app_id,
            "headrace.app.name": self.app_name,
        }
        return {name: value for name, value in known.items() if value is not None}


class LabelCache:
    """Labels of the resources that were asked for last; a thread reads what is missing or old, one at a time."""

    def __init__(self, find_core: Callable[[], Core], *, stopwatch: Callable[[], float] = monotonic) -> None:
        self._find_core = find_core
        self._stopwatch = stopwatch
        self._lock = threading.Lock()
        self._remembered: OrderedDict[str, tuple[Known | None, float]] = OrderedDict()
        self._wanted: dict[str, None] = {}
        self._is_reading = False
        self._rests_until = 0.0

    def find(self, text: str) -> ResourceLabels:
        """Return the labels of a resource as they are remembered, and have them read where they are old."""
        database = self._find_core().database
        try:
            uuid = parse_uuid(text)
        except Malformed:
            return ResourceLabels(uuid=text)
        now = self._stopwatch()
        with self._lock:
            found = self._remembered.get(uuid)
            if found is None or now - found[1] >= FRESH_SECONDS:
                self._want(uuid, database, now)
            if found is None:
                return ResourceLabels(uuid=uuid)
            self._remembered.move_to_end(uuid)
        return _describe(uuid, found[0], age=timedelta(seconds=now - found[1]))

    def _want(self, uuid: str, database: Database, now: float) -> None:
        if len(self._wanted) < MOST:
            self._wanted[uuid] = None
        if not self._is_reading and now >= self._rests_until and not database.is_closed:
            self._is_reading = True
            # Nobody waits for its end, the process neither.
            threading.Thread(target=self._read, args=(database,), name="headrace-labels", daemon=True).start()

    def _read(self, database: Database) -> None:
        """Read what is wanted until nothing is; what cannot be read is wanted again by whoever asks next."""
        while uuids := self._take():
            try:
                with database.reads.connect() as connection:
                    known = find_known(connection, uuids)
            except DATABASE_ERRORS:
                with self._lock:
                    self._wanted.clear()
                    self._is_reading = False
                    self._rests_until = self._stopwatch() + PAUSE_SECONDS
                return
            self._remember(uuids, known)

    def _take(self) -> list[str]:
        with self._lock:
            uuids = [*self._wanted][:BATCH]
            for uuid in uuids:
                del self._wanted[uuid]
            self._is_reading = bool(uuids)
            return uuids

    def _remember(self, uuids: list[str], known: dict[str, Known]) -> None:
        now = self._stopwatch()
        with self._lock:
            for uuid in uuids:
                self._remembered[uuid] = known.get(uuid), now
                self._remembered.move_to_end(uuid)
            while len(self._remembered) > MOST:
                self._remembered.popitem(last=False)


def _describe(uuid: str, known: Known | None, *, age: timedelta) -> ResourceLabels:
    if known is None:
        return ResourceLabels(uuid=uuid, stage=UNSEEN, age=age)
    return ResourceLabels(
        uuid=uuid,
        stage=GONE if known.state in ENDED else known.stage,
        plan=known.plan,
        app_id=known.app_id,
        app_name=known.app_name,
        pipeline_id=known.pipeline_id,
        pipeline_name=known.pipeline_name,
        age=age,
    )
