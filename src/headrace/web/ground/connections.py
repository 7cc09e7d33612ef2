"""The connections of a server, bounded in every state, in memory and in number: uvicorn bounds none of these."""

import asyncio
import logging
import resource
import socket
import struct
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from headrace.logs import LogName
from headrace.web.ground.access_log import find_shown_path
from headrace.web.ground.pauses import PAUSES, Pauses

log = logging.getLogger(__name__)

# Of the descriptors that a process may have. The rest is for the database, for calls of Heroku, and for files.
SHARE_OF_DESCRIPTORS = 0.75
# However many descriptors there are: a connection holds up to a hundred kilobytes.
MOST_CONNECTIONS = 4096
# A reader who takes less than this within the time for it is none.
READ_BYTES = 16 * 1024
TOLD_EVERY_SECONDS = 60.0
RESET = struct.pack("ii", 1, 0)


def count_allowed_connections() -> int:
    """Return how many connections leave enough descriptors for everything else."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if allowed < 0 else min(int(allowed * SHARE_OF_DESCRIPTORS), MOST_CONNECTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a connection may be in each of its states, in seconds; how much a head may hold; how many there are."""

    head: float = 20.0
    body: float = 20.0
    # Until an answer begins; Heroku gives up after 30.
    answer: float = 60.0
    # For what still comes of a body that was not waited for: a client that is cut off may not see its answer.
    rest: float = 5.0
    # For the reader of an answer to take some of it.
    unread: float = 20.0
    # Heroku's router keeps a connection for 90 seconds, and one that is closed earlier fails the next request on it.
    kept: int = 95
    # For a client that is waited for when the server stops.
    stopping: float = 5.0
    look_every: float = 2.0
    head_bytes: int = 64 * 1024
    connections: int = field(default_factory=count_allowed_connections)


def bound_connections(limits: Limits) -> type[asyncio.Protocol]:
    """Return the protocol of one server, for uvicorn's `http`."""

    class Bounded(BoundedHttp):
        pass

    Bounded.limits, Bounded.crowd = limits, _Crowd(limits)
    return Bounded


class _State(Enum):
    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"
    REST = "rest"
    KEPT = "kept"


class _Crowd:
    """The connections of a server, and of these whose client is waited for, who has kept us waiting longest first.

    All are looked at by one timer: with one of its own, to look at a connection takes three times as long.
    """

    def __init__(self, limits: Limits) -> None:
        # A connection whose request waits cannot be spared, so the other half is others'.
        self.pauses = Pauses(limits.connections // 2)
        self._all: set[BoundedHttp] = set()
        self._waited_for: dict[BoundedHttp, None] = {}
        self._told_at = float("-inf")
        self._is_watched = False

    def join(self, connection: "BoundedHttp") -> None:
        self._all.add(connection)
        if not self._is_watched:
            self._watch(connection)

    def quit(self, connection: "BoundedHttp") -> None:
        self._all.discard(connection)
        self.leave(connection)

    def wait_for(self, connection: "BoundedHttp") -> None:
        self._waited_for.pop(connection, None)
        self._waited_for[connection] = None

    def leave(self, connection: "BoundedHttp") -> None:
        self._waited_for.pop(connection, None)

    def make_room(self, newest: "BoundedHttp") -> None:
        """End the connection that can be spared best: the newest if all others are being answered."""
        spared = next(iter(self._waited_for), newest)
        self.leave(spared)
        spared.transport.abort()
        if newest.loop.time() - self._told_at >= TOLD_EVERY_SECONDS:
            self._told_at = newest.loop.time()
            log.warning(LogName.CONNECTIONS_FULL, extra={"count": newest.limits.connections})

    def _watch(self, one: "BoundedHttp") -> None:
        self._is_watched = True
        loop = one.loop
        loop.call_later(one.limits.look_every, self._look_at_all, loop)

    def _look_at_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Every few seconds, for as long as there is any: end the connections that have had their time."""
        self._is_watched = False
        now = loop.time()
        for each in list(self._all):
            each.look(now)
        if self._all:
            self._watch(next(iter(self._all)))


class BoundedHttp(HttpToolsProtocol):
    """Ends a connection that is too long in any state, and has one request of it at a time.

    A second request that comes before the first is answered is thrown away, and the connection ends with the answer:
    its sender has to send it again (RFC 9112, 9.3.2). What ends is aborted: `close` waits for a reader that may never
    read.
    """

    limits: ClassVar[Limits]
    crowd: ClassVar[_Crowd]

    _state = _State.HEAD
    _since = 0.0
    _head_bytes = 0
    _is_last = False
    _is_stopping = False
    # What has been written and not read, when its reader last took some of it.
    _unread_bytes = 0
    _read_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._enter(_State.HEAD)
        self._read_at = self._since
        self.crowd.join(self)
        if len(self.connections) > self.limits.connections:
            self.crowd.make_room(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.crowd.quit(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Do what uvicorn does with data, but for what comes after the request that is the last one."""
        if self._is_last or self.transport.is_closing():
            return
        was_head = self._state is _State.HEAD
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._be_the_last()
        except httptools.HttpParserError:
            if not self._is_last:
                self._refuse("Invalid HTTP request received.")
        else:
            self._head_bytes += len(data)
            if was_head and self._state is _State.HEAD and self._head_bytes > self.limits.head_bytes:
                self._refuse("The head of the request is too large.")

    def on_message_begin(self) -> None:
        if self._is_unanswered:
            self._be_the_last()
            raise _TooEarlyError
        super().on_message_begin()
        cast(dict[str, Any], self.scope)[PAUSES] = self.crowd.pauses
        self._head_bytes = 0
        self._enter(_State.HEAD)

    def on_headers_complete(self) -> Any:
        super().on_headers_complete()
        self._enter(_State.BODY)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._enter(_State.KEPT if self.cycle.response_complete else _State.ANSWER)

    def on_response_complete(self) -> None:
        """Do what uvicorn does, but for a timer for each request, and for a next one that has come already."""
        self._enter(_State.REST if self._state is _State.BODY else _State.KEPT)
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.crowd.wait_for(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_bytes, self._read_at = self.transport.get_write_buffer_size(), self.loop.time()
        if self._state is _State.ANSWER:
            self.crowd.leave(self)

    def shutdown(self) -> None:
        self._is_stopping = True
        self._since = self._read_at = self.loop.time()
        self.crowd.pauses.end()
        super().shutdown()

    @property
    def _is_unanswered(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, why: str) -> None:
        """Say what is wrong with what came, unless an answer has begun that this would become a part of."""
        self.logger.warning(why)
        if self._state is _State.ANSWER:
            self._be_the_last()
        elif self._state is _State.REST or (self._is_unanswered and self.cycle.response_started):
            self.transport.abort()
        else:
            if self._is_unanswered:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self.send_400_response(why)

    def _be_the_last(self) -> None:
        """Let the request that is being answered be the last one here."""
        self._is_last = True
        self.cycle.keep_alive = False

    def _enter(self, state: _State) -> None:
        self._state, self._since = state, self.loop.time()
        if state is _State.ANSWER:
            self.crowd.leave(self)
        else:
            self.crowd.wait_for(self)

    def look(self, now: float) -> None:
        """End the connection if it has had its time."""
        unread = self.transport.get_write_buffer_size()
        if self._is_unread(unread, now):
            # Otherwise the kernel goes on offering what it holds of the answer, for minutes.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()
        elif self._is_late(unread, now):
            self.transport.abort()

    def _is_unread(self, unread: int, now: float) -> bool:
        if not unread or unread <= self._unread_bytes - READ_BYTES:
            self._unread_bytes, self._read_at = unread, now
        self._unread_bytes = max(self._unread_bytes, unread)
        return now - self._read_at >= self._shorten(self.limits.unread)

    def _is_late(self, unread: int, now: float) -> bool:
        if unread and self._state in (_State.KEPT, _State.REST):
            # Its answer has been given, and is still being read.
            self._since = now
            return False
        waited = now - self._since
        if self._state is not _State.ANSWER:
            return bool(waited >= self._shorten(getattr(self.limits, self._state.value)))
        if self.cycle.response_started or waited < self.limits.answer:
            return False
        about = {"method": self.scope["method"], "path": find_shown_path(self.scope)}
        log.error(LogName.REQUEST_UNANSWERED, extra=about)
        return True

    def _shorten(self, limit: float) -> float:
        """Return how long a client is waited for: not as long when the server stops."""
        return min(limit, self.limits.stopping) if self._is_stopping else limit


class _TooEarlyError(Exception):
    """A request came before the answer to the one before."""
