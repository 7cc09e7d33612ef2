"""The Platform API for Partners: `build_…` makes a request, `read_…` turns its response into a value or an error.

Sources: the article "Inspecting Heroku Pipelines as an Add-on Partner"; contract §6 to §9.
"""

import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from headrace.errors import (
    Forbidden,
    HerokuBroken,
    NotFound,
    PlatformError,
    RateLimited,
    TokenRejected,
    UnexpectedAnswer,
    Unprocessable,
)
from headrace.models import Addon, App, ConfigVar, Pipeline, PipelineCoupling
from headrace.protocol.answers import convert_answer, decode_answer, decode_list
from headrace.protocol.wire import Request, Response, Unreadable, build_path, decode_json, read_number

ACCEPT = "application/vnd.heroku+json; version=3"
HEADERS = {"Accept": ACCEPT}

# The pool refills at about 75 requests a minute (contract §9), so a minute is worth waiting when no header says more.
DEFAULT_RETRY_AFTER = timedelta(seconds=60)
# An empty pool is full again within an hour; a longer wait is a mistake, and would give a provision up or leave a
# placement unseen for years.
LONGEST_RETRY_AFTER = timedelta(hours=1)
# A page has 200 things, and a token 4,500 requests an hour.
MOST_PAGES = 500

_COUPLING: Any = PipelineCoupling | list[PipelineCoupling] | None

T = TypeVar("T")


def build_addon_info(uuid: str) -> Request:
    """Ask which app an add-on is on: the article's first step."""
    return _get("/addons/{}", "/addons/{addon}", uuid)


def build_coupling_by_app(app_id: str) -> Request:
    """Ask in which pipeline and at which stage an app is: the article's second step."""
    return _get("/apps/{}/pipeline-couplings", "/apps/{app}/pipeline-couplings", app_id)


def build_couplings_by_pipeline(pipeline_id: str) -> Request:
    """Ask which apps are in a pipeline, and at which stage: one answer about all of them."""
    return _get("/pipelines/{}/pipeline-couplings", "/pipelines/{pipeline}/pipeline-couplings", pipeline_id)


def build_pipeline_info(pipeline_id: str) -> Request:
    """Ask what a pipeline is called: the article's third step."""
    return _get("/pipelines/{}", "/pipelines/{pipeline}", pipeline_id)


def build_app_info(app_id: str) -> Request:
    return _get("/apps/{}", "/apps/{app}", app_id)


def build_collaborators(app_id: str) -> Request:
    return _get("/apps/{}/collaborators", "/apps/{app}/collaborators", app_id)


def build_team_members(team: str) -> Request:
    return _get("/teams/{}/members", "/teams/{team}/members", team)


def build_config_update(uuid: str, config: Mapping[str, str | None]) -> Request:
    """Set config vars; a None removes one (contract §6.4). While provisioning this restarts nothing (§3)."""
    config_vars = [ConfigVar(name=name, value=value) for name, value in config.items()]
    return Request(
        method="PATCH",
        path=build_path("/addons/{}/config", uuid),
        endpoint="/addons/{addon}/config",
        headers={**HEADERS, "Content-Type": "application/json"},
        body=msgspec.json.encode({"config": config_vars}),
    )


def build_config(uuid: str) -> Request:
    """Ask which config vars an add-on has (contract §6.4)."""
    return _get("/addons/{}/config", "/addons/{addon}/config", uuid)


def build_log_drain_update(uuid: str, drain: str, url: str) -> Request:
    """Point a log drain of an add-on, named by its token, id or URL; the provision's token makes it (contract §6.2)."""
    return Request(
        method="PUT",
        path=build_path("/addons/{}/log-drains/{}", uuid, drain),
        endpoint="/addons/{addon}/log-drains/{drain}",
        headers={**HEADERS, "Content-Type": "application/json"},
        body=msgspec.json.encode({"url": url}),
    )


def build_provision_action(uuid: str) -> Request:
    """Mark the add-on provisioned; this is when its apps restart (contract §3)."""
    return _action(uuid, "provision")


def build_deprovision_action(uuid: str) -> Request:
    """Give up on a provision: Heroku removes the add-on and charges nobody (contract §3).

    After a deprovision that was answered 202 it says that there is nothing any more (contract §1.4).
    """
    return _action(uuid, "deprovision")


def read_addon(response: Response, request: Request) -> Addon:
    return _read(response, request, Addon)


def read_app(response: Response, request: Request) -> App:
    return _read(response, request, App)


def read_pipeline(response: Response, request: Request) -> Pipeline:
    return _read(response, request, Pipeline)


def read_coupling(response: Response, request: Request) -> PipelineCoupling | None:
    """Return the app's coupling, or None when it has none.

    The article documents an array of at most one, Heroku's schema one object, and `[]`, `{}` and
    404 all mean that there is none (contract §7.3, §7.4). A 404 is raised as NotFound, because only
    the caller can find out whether the app itself is gone.
    """
    raise_for_status(response, request)
    try:
        return _decode_coupling(response.body)
    except Unreadable as error:
        raise _unexpected(response, request, error) from None


def read_config(response: Response, request: Request) -> list[ConfigVar]:
    return _read(response, request, list[ConfigVar])


def has_config(found: Iterable[ConfigVar], config: Mapping[str, str | None]) -> bool:
    """Whether config vars are as they were to be set; one that is not there is as good as one that is null."""
    values = {each.name: each.value for each in found}
    return all(values.get(name) == value for name, value in config.items())


def read_pages(request: Request, item: type[T]) -> Generator[Request, Response, list[T]]:
    """Read a list to its end: a 206 names the next page in `Next-Range`, to be echoed as it is (contract §9).

    An item that cannot be read is left out, unless no item of its page can.

    Raises:
        UnexpectedAnswer: a page is none, or there is always another one.

    """
    items: list[T] = []
    for _ in range(MOST_PAGES):
        response = yield request
        items += _read_items(response, request, item)
        next_range = response.headers.get("next-range")
        if response.status != 206 or not next_range:
            return items
        if not _can_be_sent(next_range):
            raise UnexpectedAnswer("no header can carry its Next-Range", request=str(request), status=206)
        request = request.with_header("Range", next_range)
    raise UnexpectedAnswer(f"its list has more than {MOST_PAGES} pages", request=str(request), status=206)


def with_etag(request: Request, etag: str | None) -> Request:
    """Make a read conditional: an unchanged thing costs a 304 without a body (contract §9)."""
    return request.with_header("If-None-Match", etag) if etag else request


def read_etag(response: Response) -> str | None:
    """Return what proves an answer, to be sent back as it is; None when there is none that a request could carry."""
    etag = response.headers.get("etag")
    return etag if etag and _can_be_sent(etag) else None


def is_unchanged(response: Response) -> bool:
    return response.status == 304


def read_rate_remaining(response: Response) -> int | None:
    """How many requests are left in this token's pool, if Heroku said so (contract §9)."""
    return read_number(response.headers.get("ratelimit-remaining"))


def read_date(response: Response) -> datetime | None:
    """When Heroku answered, by its clock and to the second; None where it did not say so."""
    try:
        moment = parsedate_to_datetime(response.headers.get("date") or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


_RANGE = re.compile(
    r"""^\s*(?P<attribute>[a-z_]+)\s+
        (?P<after>\]?)\s*(?P<start>[^\s;\[\]]*?)\s*\.\.\s*(?P<end>[^\s;\[\]]*?)\s*(?P<before>\[?)\s*
        (?:;(?P<options>.*))?$""",
    re.VERBOSE,
)
# Far longer than any real one; the pattern's work grows with the square of the length.
LONGEST_RANGE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """One `Range` header: which slice of a list, in which order (contract §9).

    `exclusive_start` is `]` before the start, `exclusive_end` is `[` after the end.
    """

    attribute: str
    start: str = ""
    end: str = ""
    exclusive_start: bool = False
    exclusive_end: bool = False
    max: int | None = None
    order: str = "asc"

    def __str__(self) -> str:
        start = f"{']' if self.exclusive_start else ''}{self.start}"
        end = f"{self.end}{'[' if self.exclusive_end else ''}"
        options = [f"max={self.max}"] if self.max is not None else []
        options += ["order=desc"] if self.order == "desc" else []
        return f"{self.attribute} {start}..{end}" + (f"; {', '.join(options)}" if options else "")


def parse_range(text: str) -> Range | None:
    """Return the range that a header names, or None when it is not one.

    Options may stand in either order, parted by `,` or `;`, and the header may end in `;`:
    real clients send all of these.
    """
    match = _RANGE.match(text) if len(text) <= LONGEST_RANGE else None
    if match is None:
        return None
    options = {
        name.strip(): value.strip()
        for name, _, value in (part.partition("=") for part in re.split("[,;]", match["options"] or ""))
    }
    return Range(
        attribute=match["attribute"],
        start=match["start"],
        end=match["end"],
        exclusive_start=bool(match["after"]),
        exclusive_end=bool(match["before"]),
        max=read_number(options.get("max")),
        order="desc" if options.get("order") == "desc" else "asc",
    )


def raise_for_status(response: Response, request: Request) -> None:
    """Raise the error that a non-2xx response means (contract §9); say nothing of a 2xx."""
    status = response.status
    if 200 <= status < 300:
        return
    error = _read_error(response)
    message = error.message or "no message"
    request_id = response.headers.get("request-id", "")
    if status == 429:
        raise RateLimited(message, request=str(request), retry_after=_read_retry_after(response), request_id=request_id)
    raise _error_class(status)(
        message, request=str(request), status=status, error_id=error.id or "", request_id=request_id
    )


class ErrorBody(msgspec.Struct, kw_only=True):
    """The body of every error of the Platform API and of the id host (contract §2.3, §9)."""

    id: str | None = None
    message: str | None = None


def _error_class(status: int) -> type[PlatformError]:
    by_status: dict[int, type[PlatformError]] = {401: TokenRejected, 403: Forbidden, 404: NotFound}
    if status in by_status:
        return by_status[status]
    if status >= 500:
        return HerokuBroken
    return Unprocessable if 400 <= status < 500 else UnexpectedAnswer


def _read_error(response: Response) -> ErrorBody:
    try:
        return decode_answer(response.body, ErrorBody)
    except Unreadable:
        return ErrorBody(message=f"no readable message, {len(response.body)} bytes")


def _read_retry_after(response: Response) -> timedelta:
    seconds = read_number(response.headers.get("retry-after"))
    return DEFAULT_RETRY_AFTER if seconds is None else min(timedelta(seconds=seconds), LONGEST_RETRY_AFTER)


def _can_be_sent(text: str) -> bool:
    """Whether a text that came in a header can be sent back in one."""
    return text.isascii() and text.isprintable()


def _get(template: str, endpoint: str, part: str) -> Request:
    return Request(method="GET", path=build_path(template, part), endpoint=endpoint, headers=HEADERS)


def _action(uuid: str, action: str) -> Request:
    return Request(
        method="POST",
        path=build_path("/addons/{}/actions/{}", uuid, action),
        endpoint=f"/addons/{{addon}}/actions/{action}",
        headers=HEADERS,
    )


def _read(response: Response, request: Request, shape: type[T]) -> T:
    raise_for_status(response, request)
    try:
        return decode_answer(response.body, shape)
    except Unreadable as error:
        raise _unexpected(response, request, error) from None


def _decode_coupling(text: bytes) -> PipelineCoupling | None:
    """Read the answer of many shapes: at once where all of it can be read, and else as much of the first as can."""
    try:
        told = decode_json(text, _COUPLING)
    except Unreadable:
        answer: Any = decode_json(text, object)
        first = answer[0] if isinstance(answer, list) and answer else answer
        return None if first in (None, {}, []) else convert_answer(first, PipelineCoupling)
    return told[0] if isinstance(told, list) and told else told or None


def _read_items(response: Response, request: Request, item: type[T]) -> list[T]:
    raise_for_status(response, request)
    try:
        return decode_list(response.body, item)
    except Unreadable as error:
        raise _unexpected(response, request, error) from None


def _unexpected(response: Response, request: Request, error: Exception) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"the answer cannot be read: {error}",
        request=str(request),
        status=response.status,
        request_id=response.headers.get("request-id", ""),
    )
