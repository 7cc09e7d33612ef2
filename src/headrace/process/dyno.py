"""A dyno of Heroku's, and what its build sets that must not be believed.

The classic buildpack for Python sets `FORWARDED_ALLOW_IPS=*` over any config var, with which uvicorn takes what a
client writes for its address, and `WEB_CONCURRENCY` above one, with which a server starts as many services.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from headrace.errors import MisuseError

# Heroku's router reaches a dyno from a private address, which nobody on the Internet has. Of X-Forwarded-For the last
# address that is not a router's is believed: what a client wrote there itself stands before it.
ROUTERS = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"


def is_dyno(environment: Mapping[str, str] = os.environ) -> bool:
    return bool(environment.get("DYNO"))


def read_proxies(environment: Mapping[str, str] = os.environ) -> str:
    """Return whose word about a client's address is taken, as uvicorn wants it."""
    return ROUTERS if is_dyno(environment) else environment.get("FORWARDED_ALLOW_IPS", ROUTERS)


@contextmanager
def alone(database_url: str, *, folder: Path | None = None) -> Iterator[None]:
    """Be the only web process of a service on this machine.

    Raises:
        MisuseError: another one is there.
    """
    digest = hashlib.sha256(database_url.encode()).hexdigest()[:16]
    path = (folder or Path(tempfile.gettempdir())) / f"headrace-{digest}.lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise MisuseError(
            "This dyno serves already. Heroku's build sets WEB_CONCURRENCY, so a server starts several processes, "
            "and each would be a service with connections of its own: start `headrace serve`, or `uvicorn --workers 1`."
        ) from None
