"""The token that a form of ours brings back, so that nobody else's page can send one in a person's name.

Pages are compressed, and how well tells what repeats in them. So the token stands in each page under a mask of its
own, as Django does it: two pages have no secret in common that a guess in an address could be compared with (BREACH).
"""

import binascii
import hmac
import secrets
from base64 import b64decode, urlsafe_b64encode


def make_csrf() -> str:
    """Return a new token: text that nobody can guess."""
    return secrets.token_urlsafe(16)


def mask_csrf(token: str) -> str:
    """Return a token as a page shows it, another text each time."""
    plain = token.encode()
    mask = secrets.token_bytes(len(plain))
    return urlsafe_b64encode(mask + _combine(plain, mask)).decode()


def is_token(shown: str, token: str) -> bool:
    """Whether what a form brought back is this token under any mask; takes as long for every wrong one."""
    try:
        both = b64decode(shown.encode(), altchars=b"-_", validate=True)
    except binascii.Error:
        return False
    mask, masked = both[: len(both) // 2], both[len(both) // 2 :]
    return len(mask) == len(masked) and hmac.compare_digest(_combine(masked, mask), token.encode())


def _combine(text: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(text, mask, strict=True))
