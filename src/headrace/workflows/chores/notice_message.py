"""What is sent out of a notice, in two forms: JSON that is signed, and what chat tools take."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec

from headrace.models import Secret
from headrace.settings.notices import NoticeForm
from headrace.store.state.notice_sending import NoticeNews, Unsent
from headrace.store.state.notices import MEANINGS, NoticeKind

SIGNATURE = "Headrace-Signature"
# The event of a message that is about no notice.
PING = "ping"


def name_message(unsent: Unsent) -> str:
    """Return by what a receiver knows that it has had something before."""
    return f"notice-{unsent.notice.id}-{unsent.news}"


def build_body(unsent: Unsent, *, form: NoticeForm, service: str, now: datetime) -> bytes:
    """Return what is sent. What a notice tells holds no secret: it is what operators are shown."""
    if form is NoticeForm.CHAT:
        return msgspec.json.encode({"text": spell_news(unsent, service=service)})
    row = unsent.notice
    told = {
        "id": name_message(unsent),
        "event": unsent.news,
        "sent_at": now,
        "service": service,
        "resource": None if row.is_of_service else {"uuid": row.resource_uuid, "name": row.resource_name},
        "notice": {
            "id": row.id,
            "kind": row.kind,
            **_find_meaning(row.kind),
            "detail": row.detail,
            "raised_at": row.raised_at,
            "settled_at": row.settled_at if unsent.news is NoticeNews.SETTLED else None,
            "settled_by": row.settled_by if unsent.news is NoticeNews.SETTLED else None,
        },
    }
    return msgspec.json.encode(told)


def build_ping(*, form: NoticeForm, service: str, now: datetime) -> bytes:
    """Return what is sent to see whether it is taken; it is about nothing."""
    if form is NoticeForm.CHAT:
        return msgspec.json.encode(
            {"text": f"{service}: `headrace doctor` looks whether notices arrive here. One did."}
        )
    told = {"id": f"ping-{uuid4()}", "event": PING, "sent_at": now, "service": service}
    return msgspec.json.encode({**told, "resource": None, "notice": None})


def spell_news(unsent: Unsent, *, service: str) -> str:
    """Return a notice as a person reads it, in one line or two."""
    row, meaning = unsent.notice, _find_meaning(unsent.notice.kind)
    whose = "" if row.is_of_service else f" of {row.resource_name} ({row.resource_uuid})"
    what = f"{service}: {row.kind}{whose}"
    if unsent.news is NoticeNews.SETTLED:
        return f"{what} is settled, by {row.settled_by}."
    named = (f"{name} {value}" for name, value in row.detail.items() if value is not None)
    detail = row.detail["text"] if row.is_of_service else ", ".join(named)
    return f"{what}{f', {detail}' if detail else ''}.\n{meaning.get('means', '')} {meaning.get('to_do', '')}".strip()


def build_headers(body: bytes, *, secret: Secret | None) -> Mapping[str, str]:
    """Return the headers of a message; with a secret, what proves that it comes from whoever has it too."""
    headers = {"Content-Type": "application/json", "User-Agent": "headrace"}
    if secret is not None:
        signed = hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()
        headers[SIGNATURE] = f"sha256={signed}"
    return headers


def _find_meaning(kind: str) -> Mapping[str, Any]:
    """An older or a later release may have written a kind that this one does not know."""
    meaning = MEANINGS[NoticeKind(kind)] if kind in list(NoticeKind) else None
    return {} if meaning is None else {"means": meaning.means, "to_do": meaning.do}
