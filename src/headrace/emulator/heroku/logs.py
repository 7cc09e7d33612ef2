"""Log drains, through which an app's log leaves, and log input, through which an add-on writes to it (contract §1.2).

Nothing runs here that would log: lines come from whoever drives the emulator, and from add-ons.
"""

import hmac
from collections.abc import Iterable
from dataclasses import replace
from uuid import uuid4

from starlette.responses import Response

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.draining import write_log
from headrace.emulator.heroku.identity import read_basic
from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.errors import bad_request, invalid, not_found, unauthorized
from headrace.emulator.kit.whole_request import WholeRequest
from headrace.emulator.world.records import Addon, App, LogDrain
from headrace.errors import Malformed
from headrace.models import Secret
from headrace.protocol.logplex import read_log_input
from headrace.protocol.manifest import is_drain_url


def add_drain(clock: Clock, app: App, url: str, *, addon: Addon | None = None, token: Secret | None = None) -> LogDrain:
    """Drain an app's log to a URL, which is the add-on's when one is given.

    Raises:
        Declined: the app is of the Fir generation, or the URL is none of a drain or there already.

    """
    require_cedar(app)
    _require_url(url)
    if any(drain.url == url and drain.addon is addon for drain in app.log_drains.values()):
        raise invalid("Url has already been taken.")
    at = clock.now()
    drain = LogDrain(
        id=str(uuid4()),
        token=token or Secret(f"d.{uuid4()}"),
        url=url,
        app=app,
        addon=addon,
        created_at=at,
        updated_at=at,
    )
    app.log_drains[drain.id] = drain
    return drain


def put_drain(clock: Clock, addon: Addon, key: str, url: str) -> LogDrain:
    """Point a drain of an add-on elsewhere; the token of the provision makes it when it is not there yet."""
    require_cedar(addon.app)
    _require_url(url)
    drain = find_drain(list_drains(addon), key)
    if drain is None and is_drain_token(addon, key):
        return add_drain(clock, addon.app, url, addon=addon, token=addon.log_drain_token)
    if drain is None:
        raise not_found("log drain")
    drain.url, drain.updated_at = url, clock.now()
    return drain


def list_drains(addon: Addon) -> list[LogDrain]:
    """The drains that an add-on has on its own app and on those that it is attached to."""
    apps = {addon.app.id: addon.app} | {link.app.id: link.app for link in addon.attachments.values()}
    return [drain for app in apps.values() for drain in app.log_drains.values() if drain.addon is addon]


def find_drain(drains: Iterable[LogDrain], key: str) -> LogDrain | None:
    """By id, URL or token."""
    return next((drain for drain in drains if key in {drain.id, drain.url, drain.token.reveal()}), None)


def is_drain_token(addon: Addon, text: str) -> bool:
    return addon.log_drain_token is not None and addon.log_drain_token.reveal() == text


def require_cedar(app: App) -> None:
    """Fir has telemetry drains instead; how Heroku refuses is not documented (contract §11)."""
    if app.generation == "fir":
        raise invalid(f"Log drains are not supported for Fir-generation apps, such as {app.name}.")


async def take_log(heroku: Heroku, request: WholeRequest) -> Response:
    """Take what an add-on writes to its app's log, at the address that its provision request named."""
    addon = heroku.registry.addons.get(request.path_params["addon"])
    _, password = read_basic(request.headers.get("authorization", ""))
    token = addon.log_input_token if addon else None
    if token is None or not hmac.compare_digest(token.reveal().encode(), password.encode()):
        raise unauthorized()
    assert addon is not None
    try:
        lines = read_log_input(request.headers, request.raw)
    except Malformed as error:
        raise bad_request(str(error)) from None
    write_log(heroku, addon.app, [replace(line, source="app", hostname="host") for line in lines])
    return Response(status_code=204)


def _require_url(url: str) -> None:
    """Plain http goes no further than this machine (contract §1.1, §1.2)."""
    if not is_drain_url(url, or_local=True):
        raise invalid("Url has to begin with https:// or syslog://.")
