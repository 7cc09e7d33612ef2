"""Debian's PgBouncer in front of a PostgreSQL, as hosts and buildpacks put it there."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from acceptance.installs import install_packages, leave_out, lock
from lab.kit.processes import PATIENCE_SECONDS, find_free_port

CONFIG = """
[databases]
{name} = host={host} port=5432 user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
"""


def find_pgbouncer() -> Path:
    """Return the system's own, installed by the first who asks."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    with lock("pgbouncer"):
        if shutil.which("pgbouncer", path=places) is None:
            install_packages("pgbouncer")
    found = shutil.which("pgbouncer", path=places)
    return Path(found) if found else leave_out("no pgbouncer on this machine")


@contextmanager
def pooling(url: str, *, mode: str, size: int) -> Iterator[str]:
    """Yield the address of a database on a socket behind a PgBouncer of this mode, which keeps so many sessions."""
    program, port, direct = find_pgbouncer(), find_free_port(), sa.make_url(url)
    sockets = str(direct.query["host"])
    with tempfile.TemporaryDirectory(prefix="headrace-pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "users").write_text(f'"{direct.username}" ""\n', encoding="utf-8")
        settings = CONFIG.format(
            name=direct.database, host=sockets, user=direct.username, port=port, folder=folder, mode=mode, size=size
        )
        (folder / "pgbouncer.ini").write_text(settings, encoding="utf-8")
        # It refuses to be root, and root's PostgreSQL is somebody else, whose sockets nobody else may touch.
        user = Path(sockets).stat().st_uid if os.geteuid() == 0 else None
        with subprocess.Popen([program, "-q", folder / "pgbouncer.ini"], user=user) as process:
            try:
                yield f"postgresql+psycopg://{direct.username}@127.0.0.1:{_wait_for(port)}/{direct.database}"
            finally:
                process.terminate()


def _wait_for(port: int) -> int:
    """Return the port once somebody listens there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return port
