"""The inspection chain: add-on → app → coupling → pipeline, and who may see an app.

Generators that yield a request and are sent its response. The client drives them over the network,
a test drives them with a list.
"""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime

from headrace.errors import Forbidden, NotFound
from headrace.models import (
    Addon,
    Collaborator,
    Inspection,
    Outcome,
    Pipeline,
    PipelineCoupling,
    Placement,
    Ref,
    TeamMember,
    read_stage,
)
from headrace.protocol.platform import (
    build_addon_info,
    build_app_info,
    build_collaborators,
    build_coupling_by_app,
    build_pipeline_info,
    build_team_members,
    read_addon,
    read_app,
    read_coupling,
    read_pages,
    read_pipeline,
)
from headrace.protocol.wire import Request, Response


def inspect(uuid: str, *, now: datetime) -> Generator[Request, Response, Inspection]:
    """Find out which app, pipeline and stage a resource is in: the article's three steps.

    A partner may be refused pipelines (403), a coupling may be missing in several ways, and a
    pipeline may be unreadable: each is an outcome, not an error (contract §6.2, §7.4).

    Raises:
        NotFound: the add-on itself is gone.
        PlatformError: Heroku did not answer as it should; nothing is known then.

    """
    request = build_addon_info(uuid)
    addon = read_addon((yield request), request)
    outcome, coupling = yield from _find_coupling(addon)
    placement = None if coupling is None else (yield from _find_placement(coupling))
    return Inspection(addon=addon, outcome=outcome, placement=placement, looked_up_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may see an app: ids of users, and e-mail addresses where Heroku names no id."""

    user_ids: frozenset[str]
    emails: frozenset[str]


# A team's members reach only the apps they collaborate on; its admins reach all of them.
ROLES_WITH_EVERY_APP = frozenset({"admin", "owner"})


def find_access(app_id: str) -> Generator[Request, Response, Access]:
    """Find out who may see an app: its collaborators, and the admins of the team that owns it (contract §6.4).

    Raises:
        PlatformError: Heroku did not tell; show the app to nobody then.

    """
    request = build_app_info(app_id)
    app = read_app((yield request), request)
    collaborators = yield from read_pages(build_collaborators(app_id), Collaborator)
    user_ids = {collaborator.user.id for collaborator in collaborators}
    emails = {collaborator.user.email for collaborator in collaborators}
    if app.team is not None:
        members = yield from read_pages(build_team_members(app.team.id), TeamMember)
        for member in members:
            if member.role in ROLES_WITH_EVERY_APP:
                emails.add(member.email)
                user_ids |= {member.user.id} if member.user else set()
    return Access(user_ids=frozenset(user_ids), emails=frozenset(emails))


def _find_coupling(addon: Addon) -> Generator[Request, Response, tuple[Outcome, PipelineCoupling | None]]:
    request = build_coupling_by_app(addon.app.id)
    try:
        coupling = read_coupling((yield request), request)
    except Forbidden:
        return Outcome.FORBIDDEN, None
    except NotFound:
        return (yield from _tell_uncoupled_from_hidden(addon)), None
    return (Outcome.PLACED if coupling else Outcome.UNCOUPLED), coupling


def _tell_uncoupled_from_hidden(addon: Addon) -> Generator[Request, Response, Outcome]:
    """A 404 for the coupling means either that there is none or that the app cannot be seen (contract §7.4)."""
    request = build_app_info(addon.app.id)
    try:
        read_app((yield request), request)
    except (Forbidden, NotFound):
        return Outcome.APP_HIDDEN
    return Outcome.UNCOUPLED


def _find_placement(coupling: PipelineCoupling) -> Generator[Request, Response, Placement]:
    """The stage is known by now; a pipeline that will not be read costs only its name."""
    request = build_pipeline_info(coupling.pipeline.id)
    try:
        pipeline = read_pipeline((yield request), request)
    except (Forbidden, NotFound):
        return build_placement(coupling, None)
    return build_placement(coupling, pipeline)


def build_placement(coupling: PipelineCoupling, pipeline: Pipeline | None) -> Placement:
    """Join what the coupling says with what the pipeline says of itself."""
    known = pipeline or Pipeline(id=coupling.pipeline.id, name=coupling.pipeline.name or "")
    return Placement(
        pipeline=Ref(id=known.id, name=known.name or None),
        stage=read_stage(coupling.stage),
        owner=known.owner,
        generation=known.generation.name if known.generation else None,
    )
