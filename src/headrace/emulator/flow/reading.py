"""What several calls of the flow read from a request: yes or no, and the app.json of a source."""

from typing import Any
from urllib.parse import urlsplit

from headrace.emulator.api.call import Call
from headrace.emulator.flow.app_json import AppJsonError, find_app_json
from headrace.emulator.kit.errors import invalid
from headrace.emulator.world.flow import Source

SOURCES = "/sources/"


def read_flag(body: dict[str, Any], name: str, *, default: bool = False) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} has to be true or false.")
    return default if value is None else value


def read_number(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise invalid(f"{name} has to be a whole number.")
    return value


def find_source(call: Call, url: str) -> Source | None:
    """Return the source that was uploaded to the emulator and has this URL."""
    path = urlsplit(url).path
    is_own = url.startswith(f"{call.heroku.url}{SOURCES}")
    return call.heroku.flow.sources.get(path.removeprefix(SOURCES)) if is_own else None


def read_source(call: Call, url: str) -> dict[str, Any] | None:
    """Return the app.json of a source that was uploaded; None of one elsewhere, which the emulator never fetches.

    Raises:
        Declined: the upload is no archive with an app.json in it.

    """
    source = find_source(call, url)
    if source is None:
        return None
    try:
        return find_app_json(source.archive)
    except AppJsonError as error:
        raise invalid(str(error)) from None


def read_blob_url(body: dict[str, Any]) -> str:
    blob = body.get("source_blob")
    url = blob.get("url") if isinstance(blob, dict) else None
    if not isinstance(url, str) or not url:
        raise invalid("source_blob.url is required.")
    return url
