"""The fuzzer's targets on what hypothesis makes: seeds of the right shape, and bytes of none."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS, UUID

# Members that the parsers know, so that many a text is nearly right.
NAMES = (
    *("uuid", "id", "name", "plan", "region", "callback_url", "options", "oauth_grant", "code", "expires_at"),
    *("access_token", "expires_in", "refresh_token", "app", "pipeline", "stage", "api", "password", "sso_salt"),
    *("config_vars", "regions", "requires", "message", "url", "user", "email"),
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([UUID, "2026-09-08T12:00:00Z", "0001-01-01T00:00:00+14:00", "basic", "\0", "production"])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=8),
    max_leaves=12,
)
TEXTS = st.sampled_from(
    [
        b"Basic YWNtZQ==",
        b"id ..; max=10, order=desc",
        b"timestamp=99999999999&resource_id=1&token=x",
        b"[" * 5000,
        b"users = [{ email = 1 }]",
        b"\x01" + bytes(60),
    ]
)
INPUTS = st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | JSON.map(msgspec.json.encode) | TEXTS


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=150, deadline=5000, derandomize=True, database=None)
@given(data=INPUTS)
def test_a_parser_lets_out_the_errors_it_documents_and_no_other(name: str, data: bytes) -> None:
    """Whatever bytes come in, nothing else comes out, and no text of an error tells a secret."""
    TARGETS[name](data)
