"""The Platform API: every endpoint, and the way a request takes to it (contract §6, §9, §10.1)."""

import re
from functools import lru_cache

from starlette.responses import Response

from headrace.emulator.api import (
    account,
    addons,
    apps,
    builds,
    catalogue,
    collaborators,
    dynos,
    logs,
    oauth,
    pipelines,
    promotions,
    teams,
    webhooks,
)
from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner
from headrace.emulator.api.responses import build_response, require_match
from headrace.emulator.flow.endpoints import ENDPOINTS as FLOW_ENDPOINTS
from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.headers import allow_cross_origin
from headrace.emulator.heroku.scopes import find_scope
from headrace.emulator.kit.errors import Declined, forbidden
from headrace.emulator.kit.whole_request import WholeRequest
from headrace.emulator.world.change_feed import acting

VERSION_3 = re.compile(r"application/vnd\.heroku\+json; *version=3(\.|$|,)")

# Each module has the rows of its own endpoints.
ENDPOINTS: tuple[Endpoint, ...] = (
    *account.ENDPOINTS,
    *catalogue.ENDPOINTS,
    *oauth.ENDPOINTS,
    *apps.ENDPOINTS,
    *collaborators.ENDPOINTS,
    *teams.ENDPOINTS,
    *builds.ENDPOINTS,
    *dynos.ENDPOINTS,
    *logs.ENDPOINTS,
    *pipelines.ENDPOINTS,
    *promotions.ENDPOINTS,
    *FLOW_ENDPOINTS,
    *addons.ENDPOINTS,
    *webhooks.ENDPOINTS,
)

# What shows a thing, by its path.
READS = {endpoint.path: endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"}


async def answer_api(endpoint: Endpoint, heroku: Heroku, request: WholeRequest) -> Response:
    """Answer a request to the Platform API.

    Heroku's own tools send half a dozen variants of version 3, and all of them are taken (contract §9).

    Raises:
        Declined: the token, its scope, the pool or the endpoint says no.

    """
    allow_cross_origin(request)
    scope = find_scope(heroku, request.headers.get("authorization", ""))
    request.addon_id = scope.addon.id if scope.addon else ""
    # The answer shows what is left, a refusal too; one that the pool itself refuses finds it empty.
    request.pool_left = 0
    request.pool_left = (heroku.rates.remaining if endpoint.is_free else heroku.rates.spend)(scope.owner_id)
    if heroku.switches.needs_accept and not _accepts_version_3(request.headers.get("accept", "")):
        raise Declined(406, "not_acceptable", "Ask for application/vnd.heroku+json; version=3.")
    if scope.addon is not None:
        _check_partner(heroku, endpoint.partner)
    call = Call(heroku=heroku, scope=scope, request=request, raw=request.raw)
    if "if-match" in request.headers and endpoint.path in READS:
        require_match(request, await _ask(READS[endpoint.path], call))
    if endpoint.method == "GET":
        return build_response(request, await _ask(endpoint, call))
    with acting(scope.actor):
        answer = await _ask(endpoint, call)
    return build_response(request, answer)


# Every request is asked about: the same few headers again and again.
@lru_cache
def _accepts_version_3(accept: str) -> bool:
    return VERSION_3.match(accept) is not None


async def _ask(endpoint: Endpoint, call: Call) -> ApiAnswer:
    outcome = endpoint.answer(call)
    return outcome if isinstance(outcome, ApiAnswer) else await outcome


def _check_partner(heroku: Heroku, partner: Partner) -> None:
    switches = heroku.switches
    match partner:
        case Partner.YES:
            is_allowed = True
        case Partner.PIPELINES:
            is_allowed = not switches.pipelines_forbidden
        case Partner.EXTRA:
            is_allowed = switches.extras_allowed
        case Partner.NO:
            is_allowed = False
    if not is_allowed:
        raise forbidden("Add-on tokens may not use this endpoint.")
