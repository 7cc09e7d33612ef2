"""Bodies as a report may show them: secrets masked, and cut to what a person reads."""

from collections.abc import Iterable

from headrace.emulator.traffic import MASK, mask_body
from headrace.models import Secret

SHOWN_LENGTH = 300


def show_body(body: bytes, secrets: Iterable[Secret] = ()) -> str:
    """Return a body without its secrets: by name in JSON and forms, elsewhere those that are known by their text."""
    masked = mask_body(body, is_config=False)
    if masked.endswith(" bytes)"):
        masked = body.decode("utf-8", "replace")
    for secret in secrets:
        masked = masked.replace(secret.reveal(), MASK)
    return cut(masked)


def cut(text: str) -> str:
    """Return a text on one line, its end left out when it is long."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_LENGTH else f"{line[:SHOWN_LENGTH]}… ({len(text)} characters)"
