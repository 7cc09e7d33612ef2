"""What opens a shared board: nothing but what one of the service's own keys has signed."""

from headrace.encryption import KeyRing
from headrace.web.customers.share_tokens import make_key, read_key, sign

OLD, NEW = b"o" * 32, b"n" * 32


def test_a_token_is_good_until_no_key_of_the_service_has_signed_it() -> None:
    """A key that was rotated still opens what it signed; one that was dropped does not."""
    key = make_key()
    token = sign(KeyRing([OLD]), key)

    assert [key, key, None] == [read_key(KeyRing(keys), token) for keys in ([OLD], [NEW, OLD], [NEW])]
    assert (16, 32) == (len(key), len(token))


def test_no_other_text_is_a_token() -> None:
    """Another key or signature, a part, more, or letters that no token has."""
    keys, key = KeyRing([OLD]), make_key()
    token = sign(keys, key)
    wrong = [make_key() + token[16:], key + make_key(), token[:31], token + "A", "", "ä" * 32, "/" * 32]

    assert [None] * len(wrong) == [read_key(keys, text) for text in wrong]
