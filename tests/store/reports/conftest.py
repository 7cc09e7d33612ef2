"""Reports are read on a PostgreSQL that sorts as a language does as well, because hosts have such ones."""

import pytest

from acceptance.installs import EN_US


@pytest.fixture(params=["sqlite", "postgresql", EN_US])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)
