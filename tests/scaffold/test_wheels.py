"""The wheel of the headrace that runs: of a checkout here; tests/acceptance/test_stranger.py has an installed one."""

import zipfile
from io import BytesIO

from headrace.scaffold.wheels import make_wheel


def test_a_checkout_builds_its_wheel() -> None:
    """With what the next one is made of in it."""
    wheel = make_wheel()
    with zipfile.ZipFile(BytesIO(wheel.content)) as archive:
        names = archive.namelist()

    assert wheel.name.startswith("headrace-")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert {"headrace/scaffold/locked.txt", "headrace/scaffold/templates/addon.py.in"} <= set(names)
