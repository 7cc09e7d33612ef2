"""Bodies as a report may show them: as they were sent, but for secrets, and cut to what a person reads."""

from collections.abc import Iterable

import msgspec

from headrace.emulator.world.traffic import MASK, USER_INFO, mask_body
from headrace.models import Secret

SHOWN_LENGTH = 300
FORM_TYPE = "application/x-www-form-urlencoded"


def show_body(body: bytes, content_type: str, secrets: Iterable[Secret] = ()) -> str:
    """Return a body without its secrets: by name in JSON and forms, elsewhere those that are known by their text."""
    is_named = content_type.startswith(FORM_TYPE) or _is_json(body)
    shown = mask_body(body, is_config=False) if is_named else USER_INFO.sub(MASK, body.decode("utf-8", "replace"))
    for text in filter(None, (secret.reveal() for secret in secrets)):
        shown = shown.replace(text, MASK)
    return cut(shown)


def cut(text: str) -> str:
    """Return a text on one line, its end left out when it is long."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_LENGTH else f"{line[:SHOWN_LENGTH]}… ({len(text)} characters)"


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
