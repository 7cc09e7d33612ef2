"""The port that a server is to have."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from headrace.errors import ConfigurationError

HIGHEST = 65_535


@contextmanager
def bind(host: str, port: int) -> Iterator[socket.socket]:
    """Bind before anything starts, so that the address is known; whoever serves on the socket listens.

    Raises:
        ConfigurationError: the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where it sees the protocol; with it each answer takes 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                [f"Port {port} on {host} cannot be had: {error.strerror}. Choose another."]
            ) from None
        yield bound


@contextmanager
def take_socket(descriptor: int) -> Iterator[socket.socket]:
    """Take a socket that another process has bound and left to this one."""
    with socket.socket(fileno=descriptor) as taken:
        taken.set_inheritable(False)
        yield taken


def read_port(text: str) -> int:
    """Return the port that PORT names.

    Raises:
        ConfigurationError: it names none.
    """
    if text.isascii() and text.isdecimal() and len(text) <= len(str(HIGHEST)) and int(text) <= HIGHEST:
        return int(text)
    raise ConfigurationError([f"PORT: {text[:20]} is not a number from 0 to {HIGHEST}."])
