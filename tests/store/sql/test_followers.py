"""A follower, as hosts sell them for reading: up to date in every row, and nothing can be written to it."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from cli.running import WHOLE_ACME, invoke, run
from headrace.database_urls import read_database_url
from lab.kit.databases import prepare, start_postgres
from settings.test_settings import GOOD
from store.sql.test_outage import CLOSED

SAID = "DATABASE_URL: it leads to a follower, which takes no writes; set it to the address of the one that it follows."


@pytest.fixture(scope="module")
def follower() -> Iterator[str]:
    """The address of a hot standby that streams from a PostgreSQL with our tables in it.

    Not below pytest's own folder: each pytest that begins, also one that a test runs, closes that to a server's user.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-test-followers-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        leader = start_postgres(folder / "leader", cleanup_mode="delete")
        url = read_database_url(leader.get_uri())
        prepare(url)
        _copy(leader.bin_path / "pg_basebackup", sa.make_url(url), folder / "follower")
        server = start_postgres(folder / "follower", cleanup_mode="delete")
        yield read_database_url(server.get_uri())
        server.cleanup()
        leader.cleanup()


@pytest.mark.parametrize("command", [("serve", "acme:service"), ("worker", "acme:service"), ("migrate",)], ids=" ".join)
async def test_nothing_is_started_on_a_follower(follower: str, tmp_path: Path, command: tuple[str, ...]) -> None:
    """One line at the start, and exit 2; its tables are those of this release, so that nothing else is wrong."""
    (tmp_path / "acme.py").write_text(WHOLE_ACME, encoding="utf-8")
    done = await run(*command, environment={**GOOD, "DATABASE_URL": follower}, cwd=tmp_path)

    assert (2, "") == (done.status, done.out)
    undone = "`headrace migrate` cannot be done" if command == ("migrate",) else "headrace cannot start"
    assert [f"{undone}: 1 thing to put right.", "", f"  - {SAID}"] == done.err.splitlines()


def test_the_doctor_knows_a_follower(follower: str) -> None:
    """It says the same of it."""
    result = invoke("doctor", **{**GOOD, "DATABASE_URL": follower, **CLOSED})

    assert 1 == result.exit_code
    assert f"fail  database    {SAID}" in result.output


def _copy(program: Path, url: sa.URL, folder: Path) -> None:
    """Copy a server, so that the copy follows it; whoever runs the one has to own the other."""
    sockets = str(url.query["host"])
    folder.mkdir(mode=0o700)
    owner = Path(sockets).stat() if os.geteuid() == 0 else None
    if owner is not None:
        os.chown(folder, owner.st_uid, owner.st_gid)
    of = ["--host", sockets, "--username", url.username or "", "--write-recovery-conf", "--checkpoint=fast"]
    subprocess.run([program, "--pgdata", folder, *of], check=True, capture_output=True, user=owner and owner.st_uid)
    # What lies beside the data is of the process that runs there.
    for beside in (*folder.glob(".s.PGSQL.*"), folder / ".handle_pids.json", folder / "log"):
        beside.unlink(missing_ok=True)
