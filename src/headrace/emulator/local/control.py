"""The control API: everything that can be done to an emulator, and how it is carried out."""

import inspect
from typing import Any

import msgspec
from starlette.responses import Response

from headrace.emulator.kit.errors import Declined
from headrace.emulator.kit.paths import PathTree
from headrace.emulator.kit.whole_request import WholeRequest
from headrace.emulator.local import control_flow, control_heroku, control_settings
from headrace.emulator.local.emulated import EmulatedHeroku
from headrace.emulator.local.instruction import Control, Instruction, parse_members

CONTROLS = (*control_settings.CONTROLS, *control_heroku.CONTROLS, *control_flow.CONTROLS)


def build_controls() -> PathTree[Control]:
    controls: PathTree[Control] = PathTree()
    for control in CONTROLS:
        controls.add(control.method, control.path, control)
    return controls


async def answer_control(
    controls: PathTree[Control], emulator: EmulatedHeroku, request: WholeRequest, path: str
) -> Response:
    """Carry out the operation that `path` names, its input being a JSON object or, of a GET, the query."""
    members = request.query_params if request.method == "GET" else parse_members(request.raw)
    result = await carry_out(controls, emulator, request.method, path, members)
    return Response(status_code=204) if result is None else answer_json(result)


async def carry_out(
    controls: PathTree[Control], emulator: EmulatedHeroku, method: str, path: str, members: dict[str, Any]
) -> Any:
    """Return what an operation results in.

    Raises:
        Declined: there is no such operation, its input is wrong, or Heroku would say no.

    """
    found = controls.find(method, path)
    if found is None:
        raise Declined(404, "not_found", f"The control API has no {method} {path}; docs/emulator.md has its list.")
    control, parts = found
    result = control.carry_out(Instruction(emulator=emulator, parts=parts, members=members))
    return await result if inspect.isawaitable(result) else result


def answer_json(value: Any, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
