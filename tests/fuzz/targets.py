"""Every parser of what others send, as a function of bytes: only the errors that it documents may come out of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.requests import Request as HttpRequest

from headrace.emulator import load_world
from headrace.encryption import KeyRing
from headrace.errors import ConfigurationError, HeadraceError, PlatformError, Rejected, SealBroken
from headrace.models import Collaborator, Grant, Secret, Token
from headrace.protocol import oauth, platform
from headrace.protocol.manifest import parse_manifest
from headrace.protocol.partner import (
    build_basic_auth,
    parse_grant,
    parse_plan_change,
    parse_provision,
    parse_uuid,
    verify_basic_auth,
)
from headrace.protocol.sso import sign_resource, verify_sso
from headrace.protocol.webhooks import parse_event, sign_delivery, verify_delivery
from headrace.protocol.wire import Response, read_number
from headrace.settings import read_settings
from headrace.store.sql.database import Database
from headrace.web.ground.sessions import keep_customers

SECRET = Secret("planted-secret-3f8b")
NOON = datetime(2026, 9, 8, 12, 0, tzinfo=UTC)
UUID = "01234567-89ab-4def-8123-456789abcdef"
KEYS = KeyRing([bytes(range(32))])
# What a cookie says is read without a database: none is opened there.
SESSIONS = keep_customers(KEYS, database=Database("sqlite:////nowhere/headrace.db"), clock=lambda: NOON)
GRANT = Grant(code=SECRET, expires_at=NOON)
TOKEN = Token(access=SECRET, refresh=SECRET, expires_at=NOON)
ADDON = platform.build_addon_info(UUID)
EXCHANGE = oauth.build_exchange(GRANT, client_secret=SECRET)
STATUSES = (200, 201, 206, 400, 401, 403, 404, 422, 429, 500, 503)


@contextmanager
def allowing(*documented: type[HeadraceError]) -> Iterator[None]:
    """Let the documented errors pass, if their text tells no secret."""
    told = ""
    try:
        yield
    except documented as error:
        told = f"{error!s} {error!r}"
    assert SECRET.reveal() not in told


def partner(data: bytes) -> None:
    for parse in (parse_provision, parse_plan_change, parse_grant):
        with allowing(Rejected):
            parse(data)
    with allowing(Rejected):
        assert len(UUID) == len(parse_uuid(_text(data)))


def basic_auth(data: bytes) -> None:
    given = _text(data)
    with allowing(Rejected):
        verify_basic_auth(given, user="acme-search", passwords=[SECRET])
        scheme, _, encoded = given.partition(" ")
        expected = build_basic_auth("acme-search", SECRET).partition(" ")[2]
        assert ("basic", expected) == (scheme.lower(), encoded.strip())


def sso(data: bytes) -> None:
    """Fields of any kind are refused; signed ones are at least read to their end."""
    form = dict(parse_qsl(_text(data), keep_blank_values=True, max_num_fields=None))
    with allowing(Rejected):
        verify_sso(form, salt=SECRET, now=NOON)
    form |= {"resource_id": UUID, "timestamp": form.get("timestamp", _text(data))}
    form["resource_token"] = sign_resource(UUID, salt=SECRET, timestamp=form["timestamp"])
    with allowing(Rejected):
        verify_sso(form, salt=SECRET, now=NOON)


def webhooks(data: bytes) -> None:
    verify_delivery(data, signature=sign_delivery(data, secret=SECRET), secret=SECRET)
    with allowing(Rejected):
        verify_delivery(b"another body", signature=_text(data), secret=SECRET)
        raise AssertionError("A signature of something else was taken.")
    with allowing(Rejected):
        assert parse_event(data).entity


def oauth_answers(data: bytes) -> None:
    for status in STATUSES:
        response = Response(status=status, headers={}, body=data)
        with allowing(HeadraceError):
            oauth.read_exchange(response, EXCHANGE, grant=GRANT, now=NOON)
        with allowing(HeadraceError):
            oauth.read_refresh(response, EXCHANGE, token=TOKEN, now=NOON)
        with allowing(PlatformError):
            oauth.read_backfill(response, EXCHANGE)


def platform_answers(data: bytes) -> None:
    readers: tuple[Callable[..., object], ...] = (
        platform.read_addon,
        platform.read_app,
        platform.read_pipeline,
        platform.read_coupling,
        platform.read_config,
    )
    header = {"retry-after": _text(data), "ratelimit-remaining": _text(data)}
    for status in STATUSES:
        response = Response(status=status, headers=header, body=data)
        platform.read_rate_remaining(response)
        for read in readers:
            with allowing(PlatformError):
                read(response, ADDON)
        pages = platform.read_pages(ADDON, Collaborator)
        next(pages)
        with allowing(PlatformError):
            _send_last(pages.send, response)


def headers(data: bytes) -> None:
    text = _text(data)
    found = platform.parse_range(text)
    assert found is None or platform.parse_range(str(found)) is not None
    number = read_number(text)
    assert number is None or number >= 0


def manifest(data: bytes) -> None:
    with allowing(ConfigurationError):
        parse_manifest(data)


def world(data: bytes) -> None:
    with allowing(ConfigurationError):
        load_world(_text(data))


def settings(data: bytes) -> None:
    # No environment can hold a NUL, and a manifest's path is the operator's own.
    value = _text(data).replace("\0", "")
    names = (
        "HEADRACE_KEYS",
        "HEADRACE_CLIENT_SECRET",
        "DATABASE_URL",
        "HEROKU_API_URL",
        "HEADRACE_ANSWER_SECONDS",
    )
    good = {"HEADRACE_CLIENT_SECRET": SECRET.reveal()}
    for name in names:
        with allowing(ConfigurationError):
            read_settings({**good, name: value})


def sealed_secrets(data: bytes) -> None:
    with allowing(SealBroken):
        KEYS.open(data, row="token")
        raise AssertionError("What headrace never sealed was opened.")


def session_cookies(data: bytes) -> None:
    headers = [(b"host", b"127.0.0.1"), (b"cookie", b"headrace_session=" + data)]
    scope = {"type": "http", "scheme": "http", "path": "/board", "query_string": b"", "headers": headers}
    assert SESSIONS.read(HttpRequest(scope)) is None


def _send_last(send: Callable[[Response], object], response: Response) -> None:
    try:
        send(response)
    except StopIteration:
        return


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        partner,
        basic_auth,
        sso,
        webhooks,
        oauth_answers,
        platform_answers,
        headers,
        manifest,
        world,
        settings,
        sealed_secrets,
        session_cookies,
    )
}
