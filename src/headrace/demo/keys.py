"""Keys in the terminal, each as it is pressed; where nobody sits at one, there are none."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def has_keys() -> bool:
    """Whether standard input is a terminal that this process may read from."""
    if not sys.stdin.isatty():
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        # One that controls no processes keeps none in the background from it.
        return True


@contextmanager
def listening_for_keys(press: Callable[[str], None]) -> Iterator[None]:
    """Call `press` with every key until the block ends; Ctrl-C stays what it is."""
    if not has_keys():
        yield
        return
    terminal, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)

    def read() -> None:
        keys = os.read(terminal, 64)
        if not keys:
            # A terminal that was closed would be at its end for ever.
            loop.remove_reader(terminal)
        for key in keys.decode(errors="replace"):
            press(key)

    loop.add_reader(terminal, read)
    try:
        yield
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
