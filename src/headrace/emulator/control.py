"""The control API: everything that can be done to an emulator, in one table."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headrace.emulator import control_heroku, control_settings
from headrace.emulator.emulator import Emulator
from headrace.emulator.errors import Declined
from headrace.emulator.order import Order, parse_members
from headrace.emulator.paths import PathTree


@dataclass(frozen=True, slots=True)
class Control:
    """One operation; what `carry_out` returns, or what it waits for, is the answer."""

    method: str
    path: str
    carry_out: Callable[[Order], Any]


CONTROLS = (
    Control("GET", "/state", control_settings.show_state),
    Control("GET", "/clock", control_settings.show_clock),
    Control("POST", "/clock/freeze", control_settings.freeze_clock),
    Control("POST", "/clock/run", control_settings.run_clock),
    Control("POST", "/clock/advance", control_settings.advance_clock),
    Control("POST", "/clock/set", control_settings.set_clock),
    Control("GET", "/faults", control_settings.list_faults),
    Control("POST", "/faults", control_settings.add_fault),
    Control("DELETE", "/faults", control_settings.clear_faults),
    Control("DELETE", "/faults/{fault}", control_settings.remove_fault),
    Control("GET", "/switches", control_settings.show_switches),
    Control("PATCH", "/switches", control_settings.change_switches),
    Control("GET", "/traffic", control_settings.list_traffic),
    Control("DELETE", "/traffic", control_settings.clear_traffic),
    Control("POST", "/settle", control_heroku.settle),
    Control("POST", "/pipelines", control_heroku.create_pipeline),
    Control("POST", "/apps", control_heroku.create_app),
    Control("GET", "/apps/{app}", control_heroku.show_app),
    Control("PATCH", "/apps/{app}", control_heroku.rename_app),
    Control("DELETE", "/apps/{app}", control_heroku.destroy_app),
    Control("POST", "/apps/{app}/coupling", control_heroku.couple_app),
    Control("PATCH", "/apps/{app}/coupling", control_heroku.move_app),
    Control("DELETE", "/apps/{app}/coupling", control_heroku.uncouple_app),
    Control("POST", "/apps/{app}/promote", control_heroku.promote_app),
    Control("POST", "/addons", control_heroku.create_addon),
    Control("GET", "/addons/{addon}", control_heroku.show_addon),
    Control("PATCH", "/addons/{addon}", control_heroku.change_plan),
    Control("DELETE", "/addons/{addon}", control_heroku.deprovision),
    Control("POST", "/addons/{addon}/provision", control_heroku.repeat_provision),
    Control("GET", "/addons/{addon}/sso", control_heroku.build_login),
    Control("POST", "/addons/{addon}/expire-tokens", control_heroku.expire_tokens),
    Control("POST", "/addons/{addon}/revoke-tokens", control_heroku.revoke_tokens),
    Control("POST", "/addons/{addon}/attachments", control_heroku.attach),
    Control("DELETE", "/attachments/{attachment}", control_heroku.detach),
    Control("POST", "/addon-services/{service}/reset-secret", control_heroku.reset_secret),
)


def build_controls() -> PathTree[Control]:
    controls: PathTree[Control] = PathTree()
    for control in CONTROLS:
        controls.add(control.method, control.path, control)
    return controls


async def answer_control(controls: PathTree[Control], emulator: Emulator, request: Request, path: str) -> Response:
    """Carry out the operation that `path` names, its input being a JSON object or, of a GET, the query."""
    members = dict(request.query_params) if request.method == "GET" else parse_members(await request.body())
    result = await carry_out(controls, emulator, request.method, path, members)
    return Response(status_code=204) if result is None else answer_json(result)


async def carry_out(
    controls: PathTree[Control], emulator: Emulator, method: str, path: str, members: dict[str, Any]
) -> Any:
    """Return what an operation results in.

    Raises:
        Declined: there is no such operation, its input is wrong, or Heroku would say no.

    """
    found = controls.find(method, path)
    if found is None:
        raise Declined(404, "not_found", f"The control API has no {method} {path}; docs/emulator.md has its list.")
    control, parts = found
    result = control.carry_out(Order(emulator=emulator, parts=parts, members=members))
    return await result if inspect.isawaitable(result) else result


def answer_json(value: Any, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
