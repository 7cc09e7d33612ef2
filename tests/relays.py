"""Relays before a PostgreSQL: one falls silent, and passes no answer on; one ends with the answer to a commit."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa


@contextmanager
def relaying(url: str) -> Iterator[tuple[str, threading.Event]]:
    """Yield another address of a database, and an event: once it is set, nothing the server says comes through."""
    is_silent = threading.Event()

    def relay(client: socket.socket, upstream: socket.socket) -> None:
        down = threading.Thread(target=_pump, args=(upstream, client, is_silent), daemon=True)
        down.start()
        _pump(client, upstream, None)
        down.join()

    with _serving(url, relay) as address:
        yield address, is_silent


class Losses:
    """Commits whose answers were lost: as many more as are `left`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.left = 0

    def take(self, data: bytes) -> bool:
        """Whether what a client sends is a commit, and its answer is to be lost."""
        with self._lock:
            is_lost = self.left > 0 and b"COMMIT\0" in data
            self.left -= is_lost
            return is_lost


@contextmanager
def losing(url: str) -> Iterator[tuple[str, Losses]]:
    """Yield another address of a database; a connection ends once the server has done a commit that is to be lost."""
    losses = Losses()

    def relay(client: socket.socket, upstream: socket.socket) -> None:
        is_lost = threading.Event()
        down = threading.Thread(target=_pump, args=(upstream, client, is_lost), daemon=True)
        down.start()
        with suppress(OSError):
            while data := client.recv(65536):
                if losses.take(data):
                    is_lost.set()
                    upstream.sendall(data)
                    break
                upstream.sendall(data)
        # The server ends a session behind whatever it was asked before.
        with suppress(OSError):
            upstream.shutdown(socket.SHUT_WR)
        down.join()

    with _serving(url, relay) as address:
        yield address, losses


@contextmanager
def _serving(url: str, relay: Callable[[socket.socket, socket.socket], None]) -> Iterator[str]:
    direct = sa.make_url(url)
    path = f"{direct.query['host']}/.s.PGSQL.{direct.port or 5432}"

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as upstream:
                upstream.connect(path)
                relay(self.request, upstream)

    with _Server(("127.0.0.1", 0), Relay) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        port = server.server_address[1]
        try:
            yield direct.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
        finally:
            server.shutdown()
            serving.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 50


def _pump(source: socket.socket, sink: socket.socket, is_silent: threading.Event | None) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if is_silent is None or not is_silent.is_set():
                sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
