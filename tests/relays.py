"""A relay before a PostgreSQL that can fall silent: it goes on taking what is sent, and passes no answer on."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa


@contextmanager
def relaying(url: str) -> Iterator[tuple[str, threading.Event]]:
    """Yield another address of a database, and an event: once it is set, nothing the server says comes through."""
    direct, is_silent = sa.make_url(url), threading.Event()
    path = f"{direct.query['host']}/.s.PGSQL.{direct.port or 5432}"

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as upstream:
                upstream.connect(path)
                down = threading.Thread(target=_pump, args=(upstream, self.request, is_silent), daemon=True)
                down.start()
                _pump(self.request, upstream, None)
                down.join()

    with _Server(("127.0.0.1", 0), Relay) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        port = server.server_address[1]
        try:
            yield direct.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False), is_silent
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
