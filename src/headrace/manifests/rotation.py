"""Giving a manifest another password, so that no call of Heroku's is refused meanwhile.

The manifest carries the password before for as long as that is good, in a member `$before` that a service of headrace's
reads. First the service gets this manifest, and takes both; then it is pushed, and Heroku calls with the new one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from headrace.manifests.files import BadManifest
from headrace.protocol.manifest import BEFORE


def begin_rotation(contents: Mapping[str, Any], *, password: str, until: datetime, now: datetime) -> dict[str, Any]:
    """Return a manifest with a new password, beside the one that is good until a moment.

    Raises:
        BadManifest: it has no password, or one is being rotated: a third cannot be good at once.
    """
    if (ends := find_end(contents, now)) is not None:
        raise BadManifest([f"A rotation lasts until {ends:%Y-%m-%d %H:%M} UTC. Wait for its end."])
    api = contents.get("api")
    if not isinstance(api, dict) or not isinstance(api.get("password"), str) or not api["password"]:
        raise BadManifest(["api.password: missing. There is nothing to rotate."])
    before = {"password": api["password"], "until": until.isoformat(timespec="seconds")}
    return {**contents, "api": {**api, "password": password}, BEFORE: before}


def strip_before(contents: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is Heroku's business."""
    return {name: value for name, value in contents.items() if name != BEFORE}


def keep_before(theirs: Mapping[str, Any], ours: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return Heroku's manifest with the password before that ours has, while that is good."""
    return {**theirs, BEFORE: ours[BEFORE]} if find_end(ours, now) is not None else dict(theirs)


def find_end(contents: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return until when the password before is good, or None where there is none, or it is no more."""
    try:
        until = datetime.fromisoformat(contents[BEFORE]["until"])
        is_over = until <= now
    except (KeyError, TypeError, ValueError):
        return None
    return None if is_over else until
