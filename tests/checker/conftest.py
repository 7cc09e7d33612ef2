import pytest

from checker.skipping import SkippingLoop


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """The checker, its Heroku and the provider are in one process here, so nobody has to wait in earnest."""
    return "asyncio", {"loop_factory": SkippingLoop}
