"""A port that cannot be had is said in a line, before anything else is done."""

import pytest

from headrace.errors import ConfigurationError
from headrace.process.ports import bind, read_port


def test_a_port_that_is_used_is_named() -> None:
    """With what to do about it."""
    with bind("127.0.0.1", 0) as bound:
        bound.listen()
        port = bound.getsockname()[1]
        said = rf"Port {port} on 127\.0\.0\.1 cannot be had: .*Choose another\."
        with pytest.raises(ConfigurationError, match=said), bind("127.0.0.1", port):
            pass


@pytest.mark.parametrize("text", ["abc", "-1", "65536", "5050.0", "\u0665", "1" * 5000])
def test_a_port_is_a_number_that_there_is(text: str) -> None:
    with pytest.raises(ConfigurationError, match="PORT: "):
        read_port(text)


def test_ports_that_there_are() -> None:
    assert [0, 5050, 65535] == [read_port(text) for text in ("0", "5050", "65535")]
