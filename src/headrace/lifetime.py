"""A service's parts for as long as they are needed: while it runs in this process, or while somebody is connected."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field

from headrace.assembly import Parts, assemble
from headrace.clock import Clock, read_clock
from headrace.errors import ConfigurationError, MisuseError
from headrace.hooks.registry import Hooks
from headrace.logs import LogName, speak_up
from headrace.protocol.retries import TABLE, Policy
from headrace.running import beating, close, prepare, working
from headrace.settings import Settings
from headrace.store.sql.migrate import require_migrated
from headrace.store.sql.usable import explained
from headrace.store.state.pulses import read_database_clock
from headrace.telemetry.tracing import begin as begin_tracing
from headrace.workflows.chores.heartbeat import DatabaseClock

log = logging.getLogger(__name__)

# The services of this process. A database has no column that says whose a resource is.
_running: list["Assembly"] = []


@dataclass(kw_only=True, eq=False)
class Assembly:
    """What a service is put together of, and its parts once they are; tests give it another time, other retries."""

    settings: Settings
    hooks: Hooks = field(default_factory=Hooks)
    clock: Clock = read_clock
    database_clock: DatabaseClock = read_database_clock
    retries: dict[type[BaseException], Policy] = field(default_factory=lambda: TABLE)
    parts: Parts | None = None
    is_running: bool = False
    _connected: Parts | None = None
    _connections: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def assemble(self) -> Parts:
        """Return the service's parts, put together but not running; the same ones until they have ended.

        Raises:
            ConfigurationError: a hook is missing.
        """
        if missing := self.hooks.find_missing():
            raise ConfigurationError(missing)
        if self.parts is None or self.parts.database.is_closed:
            self.parts = assemble(
                self.settings,
                self.hooks,
                clock=self.clock,
                database_clock=self.database_clock,
                retries=self.retries,
            )
        return self.parts

    def find_parts(self) -> Parts:
        """Return the parts of the service that runs in this process, or is connected.

        Raises:
            MisuseError: none does.
        """
        parts = self.parts if self.is_running else self._connected
        if parts is None:
            raise MisuseError(
                "No service runs in this process: call this from a hook or inside asgi()'s lifespan, or in a block of "
                "`async with service.connected():`."
            )
        return parts

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Have parts to ask and to order with until the context ends: those that run, or some that nothing runs on.

        Raises:
            ConfigurationError: the database cannot be used, or has other tables.
        """
        if self.is_running:
            yield
            return
        parts = self._join()
        try:
            with explained(parts.database):
                await parts.database.read(require_migrated)
            yield
        finally:
            if self._leave():
                await close(parts)

    def _join(self) -> Parts:
        """Whoever connects while another thread is connected shares what is there."""
        with self._lock:
            if self._connected is None:
                # No hook is called here, so it has none.
                self._connected = assemble(
                    self.settings,
                    Hooks(),
                    clock=self.clock,
                    database_clock=self.database_clock,
                    retries=self.retries,
                )
            self._connections += 1
            return self._connected

    def _leave(self) -> bool:
        with self._lock:
            self._connections -= 1
            if self._connections == 0:
                self._connected = None
            return self._connected is None

    @asynccontextmanager
    async def running(self, parts: Parts, *, has_worker: bool) -> AsyncIterator[None]:
        """Bring the database up to date and run, as a worker or not, until the context ends.

        Raises:
            MisuseError: another service has the database, or its worker is in this process.
        """
        speak_up()
        begin_tracing()
        try:
            self._require_own_database()
            newer = await asyncio.to_thread(prepare, parts.database)
            if newer is not None and not has_worker:
                log.error(LogName.DATABASE_NEWER, extra={"problem": newer})
            await parts.hooks.begin()
            self.is_running = True
            _running.append(self)
            async with working(parts) if has_worker else nullcontext(), beating(parts):
                yield
        finally:
            self.is_running = False
            if self in _running:
                _running.remove(self)
            await close(parts)

    def _require_own_database(self) -> None:
        mine = self.settings.manifest
        for other in _running:
            theirs = other.settings.manifest
            is_same = (theirs.id, theirs.base_url) == (mine.id, mine.base_url)
            if _find_place(other.settings) == _find_place(self.settings) and not is_same:
                raise MisuseError(
                    f"{theirs.id} at {theirs.base_url} has this database already, and {mine.id} at {mine.base_url} is "
                    "another service: give it a DATABASE_URL or a HEADRACE_DATABASE_SCHEMA of its own, as in "
                    '`AddonService.from_env({**os.environ, "DATABASE_URL": "…"})`.'
                )


def _find_place(settings: Settings) -> tuple[str, str]:
    return settings.database.url, settings.database.schema
