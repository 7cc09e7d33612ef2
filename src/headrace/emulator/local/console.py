"""The console: a page that shows the emulator, and forms that are instructions to its control API."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec
from starlette.responses import HTMLResponse, RedirectResponse, Response

from headrace.emulator.front.app import LOCAL_PREFIX
from headrace.emulator.kit.errors import Declined, invalid
from headrace.emulator.kit.faults import Direction, Kind
from headrace.emulator.kit.paths import PathTree
from headrace.emulator.kit.whole_request import WholeRequest
from headrace.emulator.local import console_view
from headrace.emulator.local.console_view import Calls, Look
from headrace.emulator.local.control import carry_out
from headrace.emulator.local.control_flow import ShownWeek
from headrace.emulator.local.control_heroku import ShownAddon, ShownApp
from headrace.emulator.local.emulated import EmulatedHeroku
from headrace.emulator.local.instruction import Control
from headrace.emulator.local.scenario import PULL_REQUESTS
from headrace.models import Stage

if TYPE_CHECKING:
    from jinja2 import Environment

# A form is sent here; then follow the method and the path of an operation of the control API.
FORM_PREFIX = "/form/"
SPEEDS = (1, 60, 3600)
JUMPS = {
    "+5 min": (timedelta(minutes=5), "a grant expires"),
    "+8 h": (timedelta(hours=8), "an access token expires"),
    "+12 h": (timedelta(hours=12), "a provision that is not marked ends"),
    "+72 h": (timedelta(hours=72), "a webhook is given up"),
}
DIRECTIONS: dict[Calls, str] = {
    "all": "all",
    "to partner": "Heroku → service",
    "to Heroku": "service → Heroku",
    "failed": "4xx, 5xx, dropped",
}
# Where on the page one sees what a form has done.
ANCHORS = {"apps": "selected", "addons": "selected", "attachments": "selected", "addon-services": "services"}


async def show_console(emulator: EmulatedHeroku, request: WholeRequest) -> Response:
    return HTMLResponse(_render(emulator, _read_look(request)))


async def submit_form(
    controls: PathTree[Control], emulator: EmulatedHeroku, request: WholeRequest, path: str
) -> Response:
    """Carry out the operation that a form stands for, and go back to where it was sent from.

    A refusal is shown on the page instead, and so is what can be seen nowhere else.
    """
    look = _read_look(request)
    method, _, rest = path.removeprefix(FORM_PREFIX).partition("/")
    try:
        result = await carry_out(controls, emulator, method, f"/{rest}", _read_fields(request.raw))
    except Declined as declined:
        note = f"{declined.message} {declined.detail}" if declined.detail else declined.message
        return HTMLResponse(_render(emulator, look, note=note), status_code=declined.status)
    note = _tell(result)
    if note:
        return HTMLResponse(_render(emulator, look, note=note))
    anchor = rest.partition("/")[0]
    return RedirectResponse(f"{_link(_follow(look, result))}#{ANCHORS.get(anchor, anchor)}", status_code=303)


def _read_look(request: WholeRequest) -> Look:
    try:
        return msgspec.convert(request.query_params, Look, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(f"The console has no such page: {error}.") from None


def _read_fields(raw: bytes) -> dict[str, str]:
    """Return what was filled in; an empty field is one that was left out."""
    return dict(parse_qsl(raw.decode("utf-8", "replace")))


def _tell(result: Any) -> str:
    """Return what is said of a result that is shown once; nothing of one that the page shows by itself."""
    if isinstance(result, ShownWeek):
        return console_view.tell_week(result)
    if isinstance(result, dict) and "client_secret" in result:
        return f"The new client secret, shown once: {result['client_secret']}"
    return ""


def _follow(look: Look, result: Any) -> Look:
    """Look at the app that a form was about."""
    if isinstance(result, ShownApp):
        return msgspec.structs.replace(look, app=result.id, pipeline="")
    if isinstance(result, ShownAddon):
        return msgspec.structs.replace(look, app=result.app)
    return look


def _link(look: Look, **changes: Any) -> str:
    """Return the address of the console for another look at it."""
    return f"{LOCAL_PREFIX}?{_encode(msgspec.structs.replace(look, **changes))}"


def _post_to(look: Look, method: str, *segments: str) -> str:
    """Return where a form is sent that stands for an operation of the control API."""
    path = "/".join(quote(segment, safe="") for segment in segments)
    return f"{LOCAL_PREFIX}{FORM_PREFIX}{method}/{path}?{_encode(look)}"


def _encode(look: Look) -> str:
    query: Mapping[str, Any] = msgspec.to_builtins(look)
    return urlencode(query)


def _render(emulator: EmulatedHeroku, look: Look, *, note: str = "") -> str:
    state = emulator.state
    return (
        _environment()
        .get_template("console.html")
        .render(
            look=look,
            note=note,
            state=state,
            host=urlsplit(emulator.url).netloc,
            now=emulator.clock.now(),
            real_now=datetime.now(UTC),
            speed=emulator.clock.speed,
            page=console_view.list_apps(state, look),
            selected=state.apps.find(look.app),
            plans=console_view.list_plans(state),
            owners=console_view.list_owners(emulator),
            quick_faults=console_view.list_quick_faults(emulator.faults),
            rules=list(emulator.faults),
            switches=console_view.list_switches(emulator.switches),
            traffic=console_view.list_traffic(emulator.traffic, look),
        )
    )


@cache
def _environment() -> "Environment":
    # The emulator starts without it: most runs never show a page.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("headrace.emulator.local"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.globals |= {
        "DIRECTIONS": DIRECTIONS,
        "FAULT_DIRECTIONS": get_args(Direction),
        "JUMPS": JUMPS,
        "KINDS": get_args(Kind),
        "PULL_REQUESTS": PULL_REQUESTS,
        "SHOWN_CHOICES": console_view.SHOWN_CHOICES,
        "SPEEDS": SPEEDS,
        "STAGES": list(Stage),
        "link": _link,
        "list_people": console_view.list_people,
        "list_members": _list_members,
        "post_to": _post_to,
    }
    pages.filters |= {"iso": _spell_iso, "exact": _spell_exact, "millis": _spell_millis}
    return pages


def _list_members(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the members of a Struct that a form has to send."""
    return {name: value for name, value in msgspec.structs.asdict(struct).items() if value is not None}


def _spell_iso(moment: datetime) -> str:
    """Return `2026-11-23T18:30:02Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _spell_exact(moment: datetime) -> str:
    """Return `2026-11-23 18:30:02 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _spell_millis(moment: datetime) -> str:
    """Return `18:30:02.117`."""
    return f"{moment.astimezone(UTC):%H:%M:%S.%f}"[:-3]
