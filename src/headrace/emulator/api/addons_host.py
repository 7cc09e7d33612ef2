"""The add-ons host: the list of installs, and manifests (contract §5, §6.3). It shares the emulator's one port.

Its errors read `{"error": "…"}`, or `{"error": {"base": ["…"]}}` for a manifest that cannot be.
"""

import hmac
import re
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import msgspec
from starlette.responses import JSONResponse

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.identity import read_basic
from headrace.emulator.heroku.partner import render_grant
from headrace.emulator.heroku.scopes import find_scope
from headrace.emulator.kit.errors import Declined, forbidden, invalid, not_found, unauthorized
from headrace.emulator.kit.whole_request import WholeRequest
from headrace.emulator.render.values import render_ref, render_time
from headrace.emulator.world.manifests import current_revision, push_manifest
from headrace.emulator.world.records import Addon, AddonService, ManifestRevision
from headrace.errors import ConfigurationError

# What the dead list of legacy apps had on a page (contract §6.3).
PAGE_SIZE = 4000
PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,5}")


async def answer_addons_host(
    answer: Callable[[Heroku, WholeRequest], JSONResponse], heroku: Heroku, request: WholeRequest
) -> JSONResponse:
    try:
        return answer(heroku, request)
    except Declined as declined:
        return JSONResponse({"error": declined.message}, declined.status)
    except ConfigurationError as error:
        return JSONResponse({"error": {"base": list(error.problems)}}, 422)


def list_installs(heroku: Heroku, request: WholeRequest) -> JSONResponse:
    """Every add-on of the service whose manifest's credentials these are.

    Heroku's shape and paging are not known: this is that of the list it replaced, and `app` besides.
    """
    service = authenticate_service(heroku, request)
    page = _read_page(request)
    found = (addon for addon in heroku.registry.addons if addon.service is service)
    shown = list(islice(found, (page - 1) * PAGE_SIZE, page * PAGE_SIZE + 1))
    address = f"{heroku.url}{request.path}?page={page + 1}"
    headers = {"Link": f'<{address}>; rel="next"'} if len(shown) > PAGE_SIZE else {}
    return JSONResponse([_render_install(heroku, addon) for addon in shown[:PAGE_SIZE]], headers=headers)


def show_current_manifest(heroku: Heroku, request: WholeRequest) -> JSONResponse:
    return JSONResponse(_render_revision(current_revision(_find_service(heroku, request))))


def list_manifests(heroku: Heroku, request: WholeRequest) -> JSONResponse:
    """The latest first."""
    service = _find_service(heroku, request)
    return JSONResponse([_render_revision(revision) for revision in reversed(service.revisions.values())])


def show_manifest(heroku: Heroku, request: WholeRequest) -> JSONResponse:
    revision = _find_service(heroku, request).revisions.get(request.path_params["manifest"])
    if revision is None:
        raise not_found("manifest")
    return JSONResponse(_render_revision(revision))


def create_manifest(heroku: Heroku, request: WholeRequest) -> JSONResponse:
    service = _find_service(heroku, request)
    revision = push_manifest(service, _read_contents(request.raw), at=heroku.clock.now())
    return JSONResponse(_render_revision(revision), 201)


async def show_grant(heroku: Heroku, request: WholeRequest) -> JSONResponse:
    """Issue a grant for an add-on that was made before there were any; on the API host (contract §2.4)."""
    service = authenticate_service(heroku, request)
    if not heroku.switches.grant_backfill:
        raise forbidden("The back-fill of grants is not open to this add-on service.")
    addon = heroku.registry.addons.get(request.path_params["addon"])
    if addon is None or addon.service is not service:
        raise not_found("resource")
    return JSONResponse(render_grant(heroku.tokens.issue_grant(addon)))


def authenticate_service(heroku: Heroku, request: WholeRequest) -> AddonService:
    """Tell the add-on service by the Basic credentials of its manifest."""
    slug, password = read_basic(request.headers.get("authorization", ""))
    found = heroku.registry.addon_services.named(slug)
    if not found or not hmac.compare_digest(found[0].manifest.password.reveal().encode(), password.encode()):
        raise unauthorized()
    return found[0]


# Method, path, what answers.
ADDONS_HOST = tuple(
    (method, path, partial(answer_addons_host, answer))
    for method, path, answer in (
        ("GET", "/api/v3/apps", list_installs),
        ("GET", "/api/v3/addons/{service}/current_manifest", show_current_manifest),
        ("GET", "/api/v3/addons/{service}/manifests", list_manifests),
        ("POST", "/api/v3/addons/{service}/manifests", create_manifest),
        ("GET", "/api/v3/addons/{service}/manifests/{manifest}", show_manifest),
    )
)


def _find_service(heroku: Heroku, request: WholeRequest) -> AddonService:
    """Whose service it is, the world does not say: every user may see and push its manifest."""
    if find_scope(heroku, request.headers.get("authorization", "")).addon is not None:
        raise forbidden()
    service = heroku.registry.addon_services.find(request.path_params["service"])
    if service is None:
        raise not_found("add-on service")
    return service


def _read_page(request: WholeRequest) -> int:
    text = request.query_params.get("page", "1")
    if not PAGE_NUMBER.fullmatch(text):
        raise invalid("page has to be a number from 1.")
    return int(text)


def _read_contents(raw: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise invalid("Unable to parse the JSON of the request body.") from None
    contents = body.get("contents")
    if not isinstance(contents, dict):
        raise ConfigurationError(["contents is required."])
    return contents


def _render_install(heroku: Heroku, addon: Addon) -> dict[str, Any]:
    return {
        "app": render_ref(addon.app),
        "callback_url": f"{heroku.url}/addons/{addon.id}",
        "heroku_id": addon.app.heroku_id,
        "plan": addon.plan.name,
        "provider_id": addon.provider_id,
        "resource": {"name": addon.name, "uuid": addon.id},
    }


def _render_revision(revision: ManifestRevision) -> dict[str, Any]:
    return {"contents": revision.contents, "created_at": render_time(revision.created_at), "id": revision.id}
