"""What the emulator answers to its own machine only: the control API and the console."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.responses import Response

from headrace.emulator.front.app import LOCAL_PREFIX
from headrace.emulator.kit.callers import comes_from_foreign_page, is_loopback, read_hostname
from headrace.emulator.kit.errors import Declined, forbidden
from headrace.emulator.kit.paths import PathTree
from headrace.emulator.kit.whole_request import WholeRequest
from headrace.emulator.local.console import FORM_PREFIX, show_console, submit_form
from headrace.emulator.local.control import answer_control, answer_json, build_controls
from headrace.emulator.local.emulated import EmulatedHeroku
from headrace.emulator.local.instruction import Control

# No script, and no style but our own. Without a referrer a browser would not say which page a form is from.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
# The sheet of the service's pages is the console's too.
STATIC = {"/style.css": "text/css", "/icon.svg": "image/svg+xml"}


def build_local(emulator: EmulatedHeroku) -> Callable[[WholeRequest], Awaitable[Response]]:
    """Return what answers everything under `LOCAL_PREFIX`."""
    controls = build_controls()

    async def answer(request: WholeRequest) -> Response:
        try:
            check_caller(request)
            response = await _answer(controls, emulator, request)
        except Declined as declined:
            response = answer_json(declined.to_body(), status=declined.status)
        response.headers.update(HEADERS)
        return response

    return answer


def check_caller(request: WholeRequest) -> None:
    """Let in who is on this machine, except for a browser that acts for another site.

    The Host tells of a name that somebody has pointed at this machine; Origin and Sec-Fetch-Site tell which
    page a browser acts for.

    Raises:
        Declined: it is somebody else.

    """
    host = request.headers.get("host", "")
    client = request.scope.get("client")
    if client is None or not is_loopback(client[0]):
        raise forbidden("The emulator is controlled from its own machine only.")
    if not is_loopback(read_hostname(host)):
        raise forbidden("The emulator is controlled under a loopback address only; use 127.0.0.1 or localhost.")
    if comes_from_foreign_page(request, f"http://{host}"):
        raise forbidden("The emulator is controlled by its own pages only; this came from another site's.")


async def _answer(controls: PathTree[Control], emulator: EmulatedHeroku, request: WholeRequest) -> Response:
    path = request.raw_path.removeprefix(LOCAL_PREFIX)
    if request.method == "POST" and path.startswith(FORM_PREFIX):
        return await submit_form(controls, emulator, request, path)
    if request.method in {"GET", "HEAD"} and path in {"", "/"}:
        return await show_console(emulator, request)
    if request.method in {"GET", "HEAD"} and path in STATIC:
        return Response(files("headrace").joinpath("static", path[1:]).read_bytes(), media_type=STATIC[path])
    return await answer_control(controls, emulator, request, path)
