"""What the emulator answers to its own machine only: the control API and the console."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from headrace.emulator.console import FORM_PREFIX, show_console, submit_form
from headrace.emulator.control import Control, answer_control, answer_json, build_controls
from headrace.emulator.emulator import Emulator
from headrace.emulator.errors import Declined, forbidden
from headrace.emulator.paths import PathTree
from headrace.emulator.web import LOCAL_PREFIX

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


def build_local(emulator: Emulator) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers everything under `LOCAL_PREFIX`."""
    controls = build_controls()

    async def answer(request: Request) -> Response:
        try:
            check_caller(request)
            response = await _answer(controls, emulator, request)
        except Declined as declined:
            response = answer_json(declined.to_body(), status=declined.status)
        response.headers.update(HEADERS)
        return response

    return answer


def check_caller(request: Request) -> None:
    """Let in who is on this machine, except for a browser that acts for another site.

    The Host tells of a name that somebody has pointed at this machine; Origin and Sec-Fetch-Site tell which
    page a browser acts for.

    Raises:
        Declined: it is somebody else.

    """
    headers, host = request.headers, request.headers.get("host", "")
    if request.client is None or not _is_loopback(request.client.host):
        raise forbidden("The emulator is controlled from its own machine only.")
    if not _is_loopback(_read_hostname(host)):
        raise forbidden("The emulator is controlled under a loopback address only; use 127.0.0.1 or localhost.")
    is_foreign = headers.get("origin", f"http://{host}") != f"http://{host}"
    if is_foreign or headers.get("sec-fetch-site") == "cross-site":
        raise forbidden("The emulator is controlled by its own pages only; this came from another site's.")


async def _answer(controls: PathTree[Control], emulator: Emulator, request: Request) -> Response:
    path = request.scope["raw_path"].decode("latin-1").removeprefix(LOCAL_PREFIX)
    if request.method == "POST" and path.startswith(FORM_PREFIX):
        return await submit_form(controls, emulator, request, path)
    if request.method in {"GET", "HEAD"} and path in {"", "/"}:
        return await show_console(emulator, request)
    if request.method in {"GET", "HEAD"} and path in STATIC:
        return Response(files("headrace").joinpath("static", path[1:]).read_bytes(), media_type=STATIC[path])
    return await answer_control(controls, emulator, request, path)


def _read_hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
