"""The texts that open a shared board: a key that is stored, and a signature that is not.

Whoever reads the database cannot make one, and whoever guesses has 2^96 signatures to try for each key.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256

from headrace.encryption import KeyRing

KEY_BYTES = 12
KEY_LENGTH = 16
TOKEN_LENGTH = 32


def make_key() -> str:
    """Return a new key: text that nobody can guess."""
    return secrets.token_urlsafe(KEY_BYTES)


def sign(keys: KeyRing, key: str) -> str:
    """Return what opens the link of a key, signed with the current one of the service's."""
    return key + _list_signatures(keys, key)[0]


def read_key(keys: KeyRing, token: str) -> str | None:
    """Return the key of a token that any of the service's keys has signed, or None."""
    key, signature = token[:KEY_LENGTH], token[KEY_LENGTH:]
    if len(token) != TOKEN_LENGTH or not token.isascii():
        return None
    return key if any([hmac.compare_digest(signature, each) for each in _list_signatures(keys, key)]) else None  # noqa: C419 - as long for each


def _list_signatures(keys: KeyRing, key: str) -> list[str]:
    """Return a signature per key of the service's, the current one first."""
    digests = [hmac.digest(each, key.encode(), sha256)[:KEY_BYTES] for each in keys.derive_all("share link")]
    return [urlsafe_b64encode(digest).decode() for digest in digests]
