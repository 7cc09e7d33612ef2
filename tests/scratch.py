"""What tests leave beside themselves: files to be thrown away, in memory if there is room; bytecode, to be kept."""

import os
import sys
import tempfile
from pathlib import Path

# What Linux has in memory. A database that lives for a second costs a disk more than the test does.
IN_MEMORY = Path("/dev/shm")
# A whole run takes less than half of it.
NEEDED_BYTES = 4 * 2**30


def use_memory() -> None:
    """Have this process, and those it starts, put their temporary files where they are quick.

    Whoever has set TMPDIR is obeyed. To be called before anything is put anywhere.
    """
    if "TMPDIR" not in os.environ and _is_fit(IN_MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(IN_MEMORY)


def keep_bytecode() -> None:
    """Have this process, and those it starts, keep what they compile, where a machine forbids that.

    Otherwise each of some hundred processes would compile all of its libraries anew.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def _is_fit(folder: Path) -> bool:
    """Tell whether everybody may write here, programs can be run, and there is room."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize >= NEEDED_BYTES
