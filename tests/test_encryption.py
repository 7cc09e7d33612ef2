"""Sealing: what is stored opens only with a configured key and only in its own row."""

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from headrace.encryption import KEY_BYTES, KeyRing, derive_key, make_key
from headrace.errors import SealBroken

ROW = "secret/0e2bd1d9/token"
KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


@given(st.text(), st.text())
def test_any_text_comes_back_as_it_was(text: str, row: str) -> None:
    """Sealing and opening is a round trip for every text, the empty one included."""
    ring = KeyRing([b"k" * KEY_BYTES])

    assert text == ring.open(ring.seal(text, row=row), row=row)


def test_the_same_text_never_looks_the_same_twice() -> None:
    """A fresh nonce each time: equal secrets cannot be told from their sealed values."""
    ring = KeyRing.parse(make_key())

    assert ring.seal("hello", row=ROW) != ring.seal("hello", row=ROW)


def test_a_value_moved_to_another_row_does_not_open() -> None:
    """A sealed value belongs to its row: nobody can give one resource the token of another."""
    ring = KeyRing.parse(make_key())
    sealed = ring.seal("hello", row=ROW)

    with pytest.raises(SealBroken, match="secret/other/token was altered, or belongs to another row"):
        ring.open(sealed, row="secret/other/token")


def test_a_change_of_any_byte_is_noticed() -> None:
    """Version, key id, nonce, text and tag: none of them can be altered."""
    ring = KeyRing.parse(make_key())
    sealed = ring.seal("hello", row=ROW)
    for position in range(len(sealed)):
        tampered = bytearray(sealed)
        tampered[position] ^= 1

        with pytest.raises(SealBroken):
            ring.open(bytes(tampered), row=ROW)


@pytest.mark.parametrize("length", [0, 1, 4, 5, 16, 17, 20])
def test_a_value_cut_short_is_broken_and_nothing_else(length: int) -> None:
    """A truncated column raises our own error, whatever the cipher thinks of it."""
    ring = KeyRing.parse(make_key())
    sealed = ring.seal("hello", row=ROW)

    with pytest.raises(SealBroken):
        ring.open(sealed[:length], row=ROW)


def test_a_value_of_an_unknown_key_says_where_the_key_belongs() -> None:
    """The operator who dropped a key too early reads which setting to put it back into."""
    sealed = KeyRing.parse(make_key()).seal("hello", row=ROW)

    with pytest.raises(SealBroken, match=f"{ROW} was sealed with a key that is not in HEADRACE_KEYS"):
        KeyRing.parse(make_key()).open(sealed, row=ROW)


def test_with_two_keys_the_old_one_opens_and_the_new_one_seals() -> None:
    """To rotate, put the new key in front: both open, and only the new one is used."""
    old, new = make_key(), make_key()
    sealed_before = KeyRing.parse(old).seal("before", row=ROW)
    both = KeyRing.parse(f"{new}, {old}")
    sealed_after = both.seal("after", row=ROW)

    assert "before" == both.open(sealed_before, row=ROW)
    assert "after" == KeyRing.parse(new).open(sealed_after, row=ROW)
    assert KeyRing.parse(new).current_id == both.current_id == sealed_after[1:5]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 1),
        ("not base64!", 1),
        ("c2hvcnQ=", 1),
        ("ключ", 1),
        (f"{KEY},", 2),
        (f"{KEY},c2hvcnQ=", 2),
    ],
)
def test_a_bad_key_is_named_by_its_place_and_not_shown(text: str, number: int) -> None:
    """The text says which of the keys is wrong and how to make one; it does not print a key."""
    with pytest.raises(ValueError, match=f"^key {number} is not 32 bytes.* `headrace secrets new-key`") as caught:
        KeyRing.parse(text)

    assert "c2hvcnQ" not in str(caught.value)


def test_a_key_ring_does_not_show_its_keys() -> None:
    """Settings are printed in a traceback one day; no key is in them."""
    key = make_key()

    assert "KeyRing(2 keys)" == repr(KeyRing.parse(f"{key},{make_key()}"))
    assert key not in str(KeyRing.parse(key))


def test_no_key_serves_two_purposes() -> None:
    """Keys for sessions are derived: none equals a configured key, or the one that seals."""
    ring = KeyRing([b"a" * KEY_BYTES, b"b" * KEY_BYTES])
    session = ring.derive_all("session")

    assert 2 == len(set(session))
    assert [derive_key(b"a" * KEY_BYTES, "session"), derive_key(b"b" * KEY_BYTES, "session")] == session
    assert not {derive_key(b"a" * KEY_BYTES, "seal"), b"a" * KEY_BYTES} & set(session)


@given(st.binary(min_size=1, max_size=80), st.text(max_size=80))
def test_keys_are_derived_as_the_rfc_says(secret: bytes, purpose: str) -> None:
    """HKDF-SHA-256 without a salt (RFC 5869), as cryptography has it: what releases before have sealed still opens."""
    info = f"headrace {purpose}".encode()
    expected = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(secret)

    assert expected == derive_key(secret, purpose)
