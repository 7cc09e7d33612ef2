"""Single sign-on: the signed form with which Heroku logs a customer in (contract §4)."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from headrace.errors import Malformed, SsoRejected
from headrace.models import Secret
from headrace.protocol.wire import find_flaw, read_number

GOOD_FOR = timedelta(minutes=5)
# Undocumented by Heroku; a minute of clock skew is what a production partner allows (contract §4.3).
SKEW = timedelta(minutes=1)


SsoForm = TypedDict(
    "SsoForm",
    {
        "resource_id": str,
        "timestamp": str,
        "resource_token": str,
        "user_scoped_resource_token": str,
        "user_id": str,
        "email": str,
        "app": str,
        "context_app": str,
        "nav-data": str,
        "id": str,
        "token": str,
    },
    total=False,
)
"""The fields of Heroku's form, old and new; which of them have to be there depends on its age (contract §4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SsoLogin:
    """A verified login: this person, for this one resource.

    `is_user_proven` tells whether `user_id` and `email` were covered by the hash, which only the
    user-scoped token does. `resource_id` is the resource's uuid, or our provider_id in the oldest form.
    `digests` has one for each token of the form, the strongest first: by them a used form is known again, also
    when some of its tokens were left out.
    """

    resource_id: str
    user_id: str
    email: str
    app: str
    nav_data: str
    signed_at: datetime
    is_user_proven: bool
    digests: tuple[str, ...]

    @property
    def forgotten_at(self) -> datetime:
        """When the form is too old for every process whose clock is right."""
        return self.signed_at + GOOD_FOR + SKEW


def sign_resource(resource_id: str, *, salt: Secret, timestamp: str) -> str:
    """SHA-1 over `resource_id:salt:timestamp`; the oldest form signs `id` the same way."""
    return hashlib.sha1(f"{resource_id}:{salt.reveal()}:{timestamp}".encode(), usedforsecurity=False).hexdigest()


def sign_user(resource_id: str, *, salt: Secret, timestamp: str, user_id: str, email: str) -> str:
    """SHA-256 over `resource_id:salt:timestamp:user_id:email`, the one that Heroku recommends."""
    return hashlib.sha256(f"{resource_id}:{salt.reveal()}:{timestamp}:{user_id}:{email}".encode()).hexdigest()


def verify_sso(form: Mapping[str, str], *, salt: Secret, now: datetime) -> SsoLogin:
    """Return who logs in to what, or raise SsoRejected.

    Every token that is present has to be right, and at least one has to be there; the user-scoped
    one is what makes the person certain. A form is good for five minutes (contract §4.3).

    Raises:
        SsoRejected: `reason` is bad_token, stale or from_future.
        Malformed: a field that every login carries is missing.

    """
    resource_id = form.get("resource_id") or form.get("id") or ""
    timestamp = form.get("timestamp", "")
    for name, value in (("resource_id", resource_id), ("timestamp", timestamp)):
        if not value:
            raise Malformed(f"{name} is missing.", field=name)
    user_id, email = form.get("user_id", ""), form.get("email", "")
    tokens = _verify_tokens(form, salt=salt, resource_id=resource_id, timestamp=timestamp)
    for name, value in (("user_id", user_id), ("email", email)):
        if flaw := find_flaw(value):
            raise Malformed(f"{name} {flaw}.", field=name)
    signed_at = _read_timestamp(timestamp)
    if now - signed_at > GOOD_FOR:
        raise SsoRejected(reason="stale")
    if signed_at - now > SKEW:
        raise SsoRejected(reason="from_future")
    return SsoLogin(
        resource_id=resource_id,
        user_id=user_id,
        email=email,
        app=form.get("context_app") or form.get("app") or "",
        nav_data=form.get("nav-data", ""),
        signed_at=signed_at,
        is_user_proven=bool(form.get("user_scoped_resource_token")) and bool(user_id),
        digests=tuple(hashlib.sha256(token.encode()).hexdigest() for token in tokens),
    )


def _verify_tokens(form: Mapping[str, str], *, salt: Secret, resource_id: str, timestamp: str) -> list[str]:
    """Return the tokens that the form has, each of them right, the strongest first."""
    expected = {
        "user_scoped_resource_token": sign_user(
            resource_id,
            salt=salt,
            timestamp=timestamp,
            user_id=form.get("user_id", ""),
            email=form.get("email", ""),
        ),
        "resource_token": sign_resource(resource_id, salt=salt, timestamp=timestamp),
        "token": sign_resource(form.get("id", ""), salt=salt, timestamp=timestamp),
    }
    # The legacy token signs `id`; without the form's resource_id signed too it may only name that `id`.
    present = [name for name in expected if form.get(name)]
    if "token" in present and len(present) == 1 and form.get("id") != resource_id:
        raise SsoRejected(reason="bad_token")
    if not present or not all(_is_same(form[name], expected[name]) for name in present):
        raise SsoRejected(reason="bad_token")
    return [form[name] for name in present]


def _read_timestamp(text: str) -> datetime:
    # Eleven digits reach the year 5138; many more would overflow a datetime.
    seconds = read_number(text, most_digits=11)
    if seconds is None:
        raise Malformed("timestamp is not a number of seconds since 1970.", field="timestamp")
    return datetime.fromtimestamp(seconds, UTC)


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
