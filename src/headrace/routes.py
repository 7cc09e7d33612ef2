"""Every address of a service, by who calls it."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from headrace.assembly import Parts
from headrace.inspector.visibility import Visibility
from headrace.resources.ordering import Orders
from headrace.web.customers.boards import Boards
from headrace.web.customers.door import Door
from headrace.web.customers.faces import Faces
from headrace.web.customers.glances import Glances
from headrace.web.customers.routes import Customers
from headrace.web.customers.sharing import Sharing
from headrace.web.ground.kept import Kept
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.ground.sessions import keep_customers, keep_operators
from headrace.web.ground.tokens import Tokens
from headrace.web.heroku.provider import PartnerApi
from headrace.web.heroku.webhooks import Webhooks
from headrace.web.operators.routes import Operators
from headrace.web.programs.api import Api
from headrace.web.programs.scraping import metrics_route


def build_routes(parts: Parts, *, prefix: str) -> Sequence[BaseRoute]:
    """Return every route of a service that is at a prefix of its host: those that its settings switch on."""
    boards = Boards(
        database=parts.database,
        visibility=Visibility(parts.database, parts.inspector, clock=parts.clock),
        inspector=parts.inspector,
        clock=parts.clock,
        find_panel=parts.panels.find if parts.panels.is_there else None,
        find_silence=lambda: parts.heartbeat.heroku_silent_since,
    )
    customers = _build_customers(parts, boards, prefix=prefix)
    tokens = Tokens(database=parts.database, of_environment=parts.settings.api_token)
    return [
        # Before all others: a manifest may have logins below the Partner API, where everything asks for its password.
        *customers.login_routes(),
        *_build_partner_api(parts, prefix=prefix),
        *_build_webhooks(parts, prefix=prefix),
        *customers.routes(),
        *_build_operators(parts, tokens),
        *_build_api(parts, boards, tokens),
        metrics_route(parts.metrics, token=parts.settings.metrics_token, is_local=parts.settings.is_local),
    ]


def _build_partner_api(parts: Parts, *, prefix: str) -> Sequence[BaseRoute]:
    """A fleet has none: another provider answers Heroku's calls."""
    if parts.hooks.is_of_fleet:
        return []
    return PartnerApi(
        calls=parts.calls, manifest=parts.manifest, clock=parts.clock, prefix=prefix, kept=_build_kept(parts)
    ).routes()


def _build_webhooks(parts: Parts, *, prefix: str) -> Sequence[BaseRoute]:
    url = parts.subscriptions.url
    if url is None:
        return []
    count = parts.metrics.count_delivery
    return Webhooks(events=parts.events, url=url, prefix=prefix, count=count, kept=_build_kept(parts)).routes()


def _build_kept(parts: Parts) -> Kept:
    return Kept(keep=parts.requests.keep, clock=parts.clock)


def _build_customers(parts: Parts, boards: Boards, *, prefix: str) -> Customers:
    sessions = keep_customers(parts.settings.keys, database=parts.database, clock=parts.clock)
    settings = parts.settings
    faces = Faces(logo=settings.logo, accent=settings.accent, home=settings.product_url, links=settings.links)
    door = Door(boards=boards, sessions=sessions, manifest=parts.manifest)
    sharing = Sharing(door=door, keys=settings.keys, lasts=settings.share_for, find_face=faces.find_face)
    return Customers(
        door=door,
        prefix=prefix,
        clock=parts.clock,
        kept=_build_kept(parts),
        faces=faces,
        sharing=sharing,
        glances=Glances(boards=boards),
    )


def _build_operators(parts: Parts, tokens: Tokens) -> Sequence[DescribedRoute]:
    """There are none until there is a secret: then their addresses are like any that nothing is at."""
    secret = parts.settings.operator_secret
    if secret is None:
        return []
    operators = Operators(
        database=parts.database,
        operations=parts.operations,
        orders=Orders(lambda: parts, parts.hooks),
        sessions=keep_operators(parts.settings.keys, secret, database=parts.database, clock=parts.clock),
        secret=secret,
        manifest=parts.manifest,
        small_plans=parts.settings.small_plans,
        recheck_every=parts.settings.recheck_every,
        keep_requests=parts.settings.keep_requests,
        clock=parts.clock,
        find_silence=lambda: parts.heartbeat.heroku_silent_since,
        tokens=tokens,
    )
    return operators.routes()


def _build_api(parts: Parts, boards: Boards, tokens: Tokens) -> Sequence[DescribedRoute]:
    """They are always there: a token can be made at any time, and without one nobody comes in."""
    return Api(
        core=parts,
        hooks=parts.hooks,
        imports=parts.imports,
        operations=parts.operations,
        boards=boards,
        tokens=tokens,
        recheck_every=parts.settings.recheck_every,
    ).routes()
