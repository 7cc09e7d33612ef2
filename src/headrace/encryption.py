"""Secrets at rest: AES-256-GCM, bound to the row they stand in, with keys that can be rotated.

A sealed value is `version (1 byte) | key id (4) | nonce (12) | ciphertext and tag`. The row's name is the additional
data, so a value copied to another row does not open. What encrypts is imported when something is first sealed or
opened: it is a tenth of a process's memory, and many have nothing to seal yet.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Self

from headrace.errors import SealBroken

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_VERSION = b"\x01"
_ID_END = 5
_NONCE_END = _ID_END + 12


def make_key() -> str:
    """Return a new random key as text, fit for HEADRACE_KEYS."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def derive_key(secret: bytes, purpose: str) -> bytes:
    """Derive one key from another (HKDF-SHA-256, RFC 5869), so that no key serves two purposes."""
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), secret, hashlib.sha256)
    # A key is as long as a digest, so the first block is all of it.
    return hmac.digest(extracted, f"headrace {purpose}".encode() + b"\x01", hashlib.sha256)


class KeyRing:
    """The configured keys: the first seals and signs, all of them open and verify."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)
        self._current = _key_id(keys[0])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the ring that HEADRACE_KEYS names.

        Raises:
            ValueError: a key is not 32 bytes in base64.
        """
        return cls([_parse_key(part.strip(), number) for number, part in enumerate(text.split(","), start=1)])

    def derive_all(self, purpose: str) -> list[bytes]:
        """Return a derived key per configured key, the current one first."""
        return [derive_key(key, purpose) for key in self._keys]

    def seal(self, text: str, *, row: str) -> bytes:
        nonce = os.urandom(12)
        return _VERSION + self._current + nonce + self._ciphers[self._current].encrypt(nonce, text.encode(), _bind(row))

    def open(self, sealed: bytes, *, row: str) -> str:
        """Return the text, or raise SealBroken."""
        cipher = self._ciphers.get(sealed[1:_ID_END])
        if sealed[:1] != _VERSION or len(sealed) <= _NONCE_END:
            raise SealBroken(f"The secret of {row} is not one that headrace sealed.")
        if cipher is None:
            raise SealBroken(f"The secret of {row} was sealed with a key that is not in HEADRACE_KEYS. Add it there.")
        try:
            return cipher.decrypt(sealed[_ID_END:_NONCE_END], sealed[_NONCE_END:], _bind(row)).decode()
        except _find_invalid_tag():
            raise SealBroken(f"The secret of {row} was altered, or belongs to another row.") from None

    @cached_property
    def _ciphers(self) -> "dict[bytes, AESGCM]":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return {_key_id(key): AESGCM(derive_key(key, "seal")) for key in self._keys}

    @property
    def current_id(self) -> bytes:
        """The id of the key that seals now: bytes 2 to 5 of every value it sealed."""
        return self._current

    @property
    def ids(self) -> list[bytes]:
        """The ids of all keys, the current one among them."""
        return list(dict.fromkeys(map(_key_id, self._keys)))

    def __repr__(self) -> str:
        return f"KeyRing({len(self._keys)} keys)"


def _find_invalid_tag() -> type[Exception]:
    """What a cipher raises; Python asks for it only where something is raised."""
    from cryptography.exceptions import InvalidTag

    return InvalidTag


def _bind(row: str) -> bytes:
    return row.encode()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"headrace key id" + key).digest()[:4]


def _parse_key(text: str, number: int) -> bytes:
    try:
        key = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"key {number} is not 32 bytes in base64; make one with `headrace secrets new-key`.")
    return key
