"""Debian's heroku-go, whose types are made of Heroku's schema, as a Go program uses it, against the emulator."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from acceptance.installs import build_with_heroku_go
from emulator.partner import RawPartner
from emulator.wire import ADA
from headrace.emulator import Emulator

pytestmark = pytest.mark.acceptance

PROGRAM = Path(__file__).with_name("ask_heroku.go")
ASK_SECONDS = 120.0


@pytest.fixture(scope="session")
def program() -> Path:
    return build_with_heroku_go(PROGRAM)


async def test_its_types_take_every_answer(program: Path, heroku: Emulator, acme: RawPartner) -> None:
    """An app, a pipeline, an add-on with all that hangs on it, and its end."""
    ran = await asyncio.to_thread(
        subprocess.run,
        [str(program), heroku.url, ADA],
        capture_output=True,
        text=True,
        timeout=ASK_SECONDS,
        check=False,
    )
    assert 0 == ran.returncode, ran.stderr
    told = json.loads(ran.stdout)

    assert told.pop("gone").endswith("Couldn't find that add on.")
    assert {
        "email": "ada@lumen.example",
        "coupling": [True, True, "staging"],
        "addon": ["kiosk-search", "provisioned", "acme-search:basic", ["ACME_SEARCH_URL"]],
        "config": "ACME_SEARCH_URL",
        "attachment": [1, "kiosk", "ACME_SEARCH"],
        "release": [1, 2, "Attach ACME_SEARCH (@kiosk-search)"],
        "members": 2,
    } == told
    assert ["POST", "DELETE"] == [received.method for received in acme.received]
