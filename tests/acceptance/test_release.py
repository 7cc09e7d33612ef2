"""What is released is the same whoever builds it, and is what is committed."""

from pathlib import Path

import pytest

from lab.kit.releases import build_twice, find_differing, list_missing

pytestmark = pytest.mark.acceptance


def test_two_builds_are_the_same_to_the_byte_and_have_all_that_is_committed(tmp_path: Path) -> None:
    """Other folders, times and file modes; `./dev release` has others' checkers look at them too."""
    builds = build_twice(tmp_path)
    (wheel,) = (name for name in builds[0] if name.endswith(".whl"))

    assert [] == find_differing(builds)
    assert set() == list_missing(builds[0][wheel])
    assert 2 == len(builds[0])
    builds[1][wheel].write_bytes(b"another")
    assert [wheel] == find_differing(builds)
