"""The Platform API: every endpoint in one table, and the way a request takes to it (contract §6, §9, §10.1)."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

from starlette.requests import Request
from starlette.responses import Response

from headrace.emulator import (
    api_account,
    api_addons,
    api_apps,
    api_catalogue,
    api_logs,
    api_oauth,
    api_pipelines,
    api_promotions,
    api_runtime,
    api_webhooks,
)
from headrace.emulator.call import Answer, Call
from headrace.emulator.changes import acting
from headrace.emulator.errors import Declined, forbidden, unauthorized
from headrace.emulator.headers import allow_cross_origin
from headrace.emulator.heroku import Heroku
from headrace.emulator.identity import read_token
from headrace.emulator.remarks import remarks_on
from headrace.emulator.responses import build_response, require_match
from headrace.emulator.scopes import AddonScope, Scope, UserScope

VERSION_3 = re.compile(r"application/vnd\.heroku\+json; *version=3(\.|$|,)")


class Partner(Enum):
    """Whether an add-on's token may use an endpoint (contract §6.2)."""

    NO = auto()
    YES = auto()
    # Open by default; Heroku's documents disagree.
    PIPELINES = auto()
    # Opened only on request.
    EXTRA = auto()


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: str
    path: str
    answer: Callable[[Call], Answer | Awaitable[Answer]]
    partner: Partner = Partner.NO
    is_free: bool = False


def _list_webhook_endpoints(owner: str, partner: Partner) -> tuple[Endpoint, ...]:
    """Apps and add-ons have the same ones."""
    return (
        Endpoint("GET", f"{owner}/webhooks", api_webhooks.list_webhooks, partner),
        Endpoint("POST", f"{owner}/webhooks", api_webhooks.create_webhook, partner),
        Endpoint("GET", f"{owner}/webhooks/{{webhook}}", api_webhooks.show_webhook, partner),
        Endpoint("PATCH", f"{owner}/webhooks/{{webhook}}", api_webhooks.update_webhook, partner),
        Endpoint("DELETE", f"{owner}/webhooks/{{webhook}}", api_webhooks.delete_webhook, partner),
        Endpoint("GET", f"{owner}/webhook-deliveries", api_webhooks.list_deliveries, partner),
        Endpoint("GET", f"{owner}/webhook-deliveries/{{delivery}}", api_webhooks.show_delivery, partner),
        Endpoint("GET", f"{owner}/webhook-events", api_webhooks.list_events, partner),
        Endpoint("GET", f"{owner}/webhook-events/{{event}}", api_webhooks.show_event, partner),
    )


ENDPOINTS = (
    Endpoint("GET", "/account", api_account.show_account),
    Endpoint("GET", "/account/rate-limits", api_account.show_rate_limit, Partner.YES, is_free=True),
    Endpoint("GET", "/account/keys", api_catalogue.list_nothing),
    Endpoint("GET", "/account/features", api_catalogue.list_nothing),
    Endpoint("GET", "/regions", api_catalogue.list_regions, Partner.YES),
    Endpoint("GET", "/regions/{region}", api_catalogue.show_region, Partner.YES),
    Endpoint("GET", "/stacks", api_catalogue.list_stacks, Partner.YES),
    Endpoint("GET", "/stacks/{stack}", api_catalogue.show_stack, Partner.YES),
    Endpoint("GET", "/oauth/authorizations", api_oauth.list_authorizations),
    Endpoint("POST", "/oauth/authorizations", api_oauth.create_authorization),
    Endpoint("GET", "/oauth/authorizations/{authorization}", api_oauth.show_authorization),
    Endpoint("PATCH", "/oauth/authorizations/{authorization}", api_oauth.update_authorization),
    Endpoint("DELETE", "/oauth/authorizations/{authorization}", api_oauth.delete_authorization),
    Endpoint("POST", "/oauth/authorizations/{authorization}/actions/regenerate-tokens", api_oauth.regenerate_tokens),
    Endpoint("GET", "/oauth/clients", api_oauth.list_clients),
    Endpoint("POST", "/oauth/clients", api_oauth.create_client),
    Endpoint("GET", "/oauth/clients/{client}", api_oauth.show_client),
    Endpoint("PATCH", "/oauth/clients/{client}", api_oauth.update_client),
    Endpoint("DELETE", "/oauth/clients/{client}", api_oauth.delete_client),
    Endpoint("POST", "/oauth/clients/{client}/actions/rotate-credentials", api_oauth.rotate_credentials),
    Endpoint("GET", "/teams", api_account.list_teams),
    Endpoint("GET", "/teams/permissions", api_account.list_permissions),
    Endpoint("POST", "/teams/apps", api_apps.create_team_app),
    Endpoint("GET", "/teams/{team}", api_account.show_team),
    Endpoint("GET", "/teams/{team}/members", api_account.list_members, Partner.YES),
    Endpoint("GET", "/teams/{team}/apps", api_apps.list_team_apps),
    Endpoint("GET", "/teams/{team}/addons", api_addons.list_team_addons),
    Endpoint("GET", "/teams/{team}/pipeline-couplings", api_pipelines.list_team_couplings),
    Endpoint("GET", "/users/~/pipeline-couplings", api_pipelines.list_couplings),
    Endpoint("GET", "/users/{user}", api_account.show_user),
    Endpoint("GET", "/users/{user}/apps", api_apps.list_user_apps, Partner.YES),
    Endpoint("GET", "/users/{user}/addons", api_addons.list_user_addons, Partner.YES),
    Endpoint("GET", "/apps", api_apps.list_apps, Partner.YES),
    Endpoint("POST", "/apps", api_apps.create_app),
    Endpoint("POST", "/filters/apps", api_apps.filter_apps, Partner.YES),
    Endpoint("GET", "/apps/{app}", api_apps.show_app, Partner.YES),
    Endpoint("PATCH", "/apps/{app}", api_apps.update_app),
    Endpoint("DELETE", "/apps/{app}", api_apps.delete_app),
    Endpoint("GET", "/apps/{app}/config-vars", api_apps.show_config),
    Endpoint("PATCH", "/apps/{app}/config-vars", api_apps.update_config),
    Endpoint("GET", "/apps/{app}/releases", api_apps.list_releases, Partner.EXTRA),
    Endpoint("GET", "/apps/{app}/releases/{release}", api_apps.show_release, Partner.EXTRA),
    Endpoint("GET", "/apps/{app}/releases/{release}/config-vars", api_apps.show_release_config),
    Endpoint("GET", "/apps/{app}/collaborators", api_apps.list_collaborators, Partner.YES),
    Endpoint("POST", "/apps/{app}/collaborators", api_apps.add_collaborator),
    Endpoint("GET", "/apps/{app}/collaborators/{collaborator}", api_apps.show_collaborator),
    Endpoint("DELETE", "/apps/{app}/collaborators/{collaborator}", api_apps.remove_collaborator),
    Endpoint("GET", "/apps/{app}/dynos", api_runtime.show_dynos, Partner.EXTRA),
    Endpoint("DELETE", "/apps/{app}/dynos", api_runtime.restart_dynos),
    Endpoint("GET", "/apps/{app}/dynos/{dyno}", api_runtime.show_dyno, Partner.EXTRA),
    Endpoint("DELETE", "/apps/{app}/dynos/{dyno}", api_runtime.restart_dyno),
    Endpoint("POST", "/apps/{app}/dynos/{dyno}/actions/stop", api_runtime.restart_dyno, Partner.EXTRA),
    Endpoint("GET", "/apps/{app}/formation", api_runtime.list_formation, Partner.EXTRA),
    Endpoint("PATCH", "/apps/{app}/formation", api_runtime.update_formation),
    Endpoint("GET", "/apps/{app}/formation/{process}", api_runtime.show_process, Partner.EXTRA),
    Endpoint("PATCH", "/apps/{app}/formation/{process}", api_runtime.update_process),
    Endpoint("GET", "/apps/{app}/domains", api_runtime.list_domains, Partner.YES),
    Endpoint("POST", "/apps/{app}/domains", api_runtime.create_domain),
    Endpoint("GET", "/apps/{app}/domains/{domain}", api_runtime.show_domain, Partner.YES),
    Endpoint("DELETE", "/apps/{app}/domains/{domain}", api_runtime.delete_domain),
    Endpoint("GET", "/apps/{app}/log-drains", api_logs.list_app_drains),
    Endpoint("POST", "/apps/{app}/log-drains", api_logs.create_drain, Partner.YES),
    Endpoint("GET", "/apps/{app}/log-drains/{drain}", api_logs.show_drain),
    Endpoint("DELETE", "/apps/{app}/log-drains/{drain}", api_logs.delete_drain, Partner.YES),
    Endpoint("GET", "/apps/{app}/builds", api_catalogue.list_nothing_of_app, Partner.EXTRA),
    Endpoint("GET", "/apps/{app}/features", api_catalogue.list_nothing_of_app),
    Endpoint("GET", "/apps/{app}/sni-endpoints", api_catalogue.list_nothing_of_app),
    Endpoint("GET", "/pipelines", api_pipelines.list_pipelines, Partner.PIPELINES),
    Endpoint("POST", "/pipelines", api_pipelines.create_pipeline),
    Endpoint("POST", "/pipeline-transfers", api_pipelines.transfer_pipeline),
    Endpoint("GET", "/pipelines/{pipeline}", api_pipelines.show_pipeline, Partner.PIPELINES),
    Endpoint("PATCH", "/pipelines/{pipeline}", api_pipelines.update_pipeline),
    Endpoint("DELETE", "/pipelines/{pipeline}", api_pipelines.delete_pipeline),
    Endpoint(
        "GET", "/pipelines/{pipeline}/pipeline-couplings", api_pipelines.list_pipeline_couplings, Partner.PIPELINES
    ),
    Endpoint("GET", "/pipeline-couplings", api_pipelines.list_couplings, Partner.PIPELINES),
    Endpoint("POST", "/pipeline-couplings", api_pipelines.create_coupling),
    Endpoint("GET", "/pipeline-couplings/{coupling}", api_pipelines.show_coupling, Partner.PIPELINES),
    Endpoint("PATCH", "/pipeline-couplings/{coupling}", api_pipelines.update_coupling),
    Endpoint("DELETE", "/pipeline-couplings/{coupling}", api_pipelines.delete_coupling),
    Endpoint("GET", "/apps/{app}/pipeline-couplings", api_pipelines.show_app_coupling, Partner.PIPELINES),
    Endpoint("POST", "/pipeline-promotions", api_promotions.create_promotion),
    Endpoint("GET", "/pipeline-promotions/{promotion}", api_promotions.show_promotion),
    Endpoint("GET", "/pipeline-promotions/{promotion}/promotion-targets", api_promotions.list_targets),
    Endpoint("GET", "/addon-services", api_addons.list_services, Partner.YES),
    Endpoint("GET", "/addon-services/{service}", api_addons.show_service, Partner.YES),
    Endpoint("GET", "/addon-services/{service}/plans", api_addons.list_plans, Partner.YES),
    Endpoint("GET", "/addon-services/{service}/plans/{plan}", api_addons.show_plan, Partner.YES),
    Endpoint("GET", "/plans/{plan}", api_addons.show_plan, Partner.YES),
    Endpoint("GET", "/addons", api_addons.list_addons, Partner.YES),
    Endpoint("GET", "/addons/{addon}", api_addons.show_addon, Partner.YES),
    Endpoint("GET", "/addons/{addon}/config", api_addons.show_config, Partner.YES),
    Endpoint("PATCH", "/addons/{addon}/config", api_addons.update_config, Partner.YES),
    Endpoint("POST", "/addons/{addon}/actions/provision", api_addons.mark_provisioned, Partner.YES),
    Endpoint("POST", "/addons/{addon}/actions/deprovision", api_addons.mark_deprovisioned, Partner.YES),
    Endpoint("GET", "/addons/{addon}/log-drains", api_logs.list_addon_drains, Partner.YES),
    Endpoint("PUT", "/addons/{addon}/log-drains/{drain}", api_logs.update_drain, Partner.YES),
    Endpoint("GET", "/addons/{addon}/addon-attachments", api_addons.list_addon_attachments, Partner.YES),
    Endpoint("GET", "/apps/{app}/addons", api_addons.list_app_addons, Partner.YES),
    Endpoint("POST", "/apps/{app}/addons", api_addons.create_addon),
    Endpoint("GET", "/apps/{app}/addons/{addon}", api_addons.show_app_addon, Partner.YES),
    Endpoint("PATCH", "/apps/{app}/addons/{addon}", api_addons.update_addon),
    Endpoint("DELETE", "/apps/{app}/addons/{addon}", api_addons.delete_addon),
    Endpoint("GET", "/apps/{app}/addons/{addon}/sso", api_addons.show_sso),
    Endpoint("POST", "/actions/addons/resolve", api_addons.resolve_addons),
    Endpoint("POST", "/actions/addon-attachments/resolve", api_addons.resolve_attachments),
    Endpoint("GET", "/addon-attachments", api_addons.list_attachments),
    Endpoint("POST", "/addon-attachments", api_addons.create_attachment),
    Endpoint("DELETE", "/addon-attachments/{attachment}", api_addons.delete_attachment),
    Endpoint("GET", "/apps/{app}/addon-attachments", api_addons.list_app_attachments, Partner.YES),
    Endpoint("GET", "/apps/{app}/addon-attachments/{attachment}", api_addons.show_app_attachment, Partner.YES),
    *_list_webhook_endpoints("/apps/{app}", Partner.NO),
    *_list_webhook_endpoints("/addons/{addon}", Partner.YES),
)

# What shows a thing, by its path.
READS = {endpoint.path: endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"}


async def answer_api(endpoint: Endpoint, heroku: Heroku, request: Request) -> Response:
    """Answer a request to the Platform API.

    Heroku's own tools send half a dozen variants of version 3, and all of them are taken (contract §9).

    Raises:
        Declined: the token, its scope, the pool or the endpoint says no.

    """
    allow_cross_origin(request)
    scope = find_scope(heroku, request.headers.get("authorization", ""))
    remarks = remarks_on(request)
    # The sender of the answer shows what is left of this pool, refusals included.
    remarks.pool_owner = scope.owner_id
    remarks.addon_id = scope.addon.id if scope.addon else ""
    if not endpoint.is_free:
        heroku.rates.spend(scope.owner_id)
    if heroku.switches.needs_accept and not VERSION_3.match(request.headers.get("accept", "")):
        raise Declined(406, "not_acceptable", "Ask for application/vnd.heroku+json; version=3.")
    if scope.addon is not None:
        _check_partner(heroku, endpoint.partner)
    call = Call(heroku=heroku, scope=scope, request=request, raw=await request.body())
    if "if-match" in request.headers and endpoint.path in READS:
        require_match(request, await _ask(READS[endpoint.path], call))
    with acting(scope.actor):
        answer = await _ask(endpoint, call)
    return build_response(request, answer)


def find_scope(heroku: Heroku, authorization: str) -> Scope:
    """Tell whose token this is."""
    token = read_token(authorization)
    user = heroku.registry.authorizations.find_user(token)
    if user is not None:
        return UserScope(user)
    addon = heroku.tokens.find_addon(token)
    if addon is None:
        raise unauthorized()
    return AddonScope(addon, heroku)


async def _ask(endpoint: Endpoint, call: Call) -> Answer:
    outcome = endpoint.answer(call)
    return outcome if isinstance(outcome, Answer) else await outcome


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
