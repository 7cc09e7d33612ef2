"""The inspection chain: add-on → app → coupling → pipeline, and who may see an app.

Generators that yield a request and are sent its response. The client drives them over the network,
a test drives them with a list.
"""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from headrace.errors import Forbidden, NotFound, UnexpectedAnswer
from headrace.models import (
    Addon,
    Collaborator,
    Inspection,
    Outcome,
    Person,
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
    build_couplings_by_pipeline,
    build_pipeline_info,
    build_team_members,
    is_unchanged,
    read_addon,
    read_app,
    read_coupling,
    read_etag,
    read_pages,
    read_pipeline,
    with_etag,
)
from headrace.protocol.wire import Request, Response, is_storable


def inspect(uuid: str, *, now: datetime) -> Generator[Request, Response, Inspection]:
    """Find out which app, pipeline and stage a resource is in: the article's three steps.

    A partner may be refused pipelines (403), a coupling may be missing in several ways, and what a
    pipeline says of itself may be odd: each is an outcome, not an error (contract §6.2, §7.4).

    Raises:
        NotFound: the add-on itself is gone.
        PlatformError: Heroku did not answer as it should; nothing is known then.

    """
    addon, place, _etag = yield from read_whole(uuid)
    placement = None
    if place.coupling is not None:
        pipeline = yield from _read_if_readable(place.coupling.pipeline.id)
        placement = build_placement(place.coupling, pipeline)
    return Inspection(addon=addon, outcome=place.outcome, placement=placement, looked_up_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What Heroku says of an app's place; `coupling` is set exactly when the outcome is PLACED."""

    outcome: Outcome
    coupling: PipelineCoupling | None = None


def read_whole(uuid: str) -> Generator[Request, Response, tuple[Addon, Place, str | None]]:
    """Read an add-on and its app's place; return both, and the ETag that proves the place, if there is one.

    Raises:
        NotFound: the add-on itself is gone.
        PlatformError: Heroku did not answer as it should; nothing is known then.

    """
    request = build_addon_info(uuid)
    addon = read_addon((yield request), request)
    _require_asked(addon.id, uuid, request)
    place, etag = yield from find_place(addon.app.id)
    if place is None:
        raise UnexpectedAnswer("unchanged, which nobody asked", request=str(request), status=304)
    return addon, place, etag


def find_place(
    app_id: str, *, known: Outcome | None = None, etag: str | None = None
) -> Generator[Request, Response, tuple[Place | None, str | None]]:
    """Find the place of an app; return it with the ETag that proves it, or None for the place when it is as known.

    With an `etag` the read is conditional. Where nothing has changed since `known` it takes one request.

    Raises:
        PlatformError: Heroku did not answer as it should; nothing is known then.

    """
    request = with_etag(build_coupling_by_app(app_id), etag)
    response = yield request
    if etag is not None and is_unchanged(response):
        return None, etag
    try:
        coupling = read_coupling(response, request)
    except Forbidden:
        return Place(outcome=Outcome.FORBIDDEN), None
    except NotFound:
        if known is Outcome.UNCOUPLED:
            return None, None
        return Place(outcome=(yield from _tell_uncoupled_from_hidden(app_id))), None
    if coupling is not None:
        _require_asked(coupling.app.id, app_id, request)
    outcome = Outcome.PLACED if coupling else Outcome.UNCOUPLED
    return Place(outcome=outcome, coupling=coupling), read_etag(response)


def list_couplings(
    pipeline_id: str, *, etag: str | None = None
) -> Generator[Request, Response, tuple[list[PipelineCoupling] | None, str | None]]:
    """List the apps of a pipeline, as far as this token may see them; None when they are as the `etag` has them.

    The ETag that comes with them proves a list that fits on one page.

    Raises:
        Forbidden, NotFound: Heroku does not list this pipeline for this token.
        PlatformError: Heroku did not answer as it should; nothing is known then.

    """
    request = with_etag(build_couplings_by_pipeline(pipeline_id), etag)
    response = yield request
    if etag is not None and is_unchanged(response):
        return None, etag
    pages = read_pages(request, PipelineCoupling)
    next(pages)
    try:
        further = pages.send(response)
        while True:
            further = pages.send((yield further))
    except StopIteration as end:
        for coupling in end.value:
            _require_asked(coupling.pipeline.id, pipeline_id, request)
        return end.value, read_etag(response) if response.status == 200 else None


def read_if_allowed(pipeline_id: str) -> Generator[Request, Response, Pipeline | None]:
    """Read a pipeline. The stage is known without it; a pipeline that will not be read costs only its name.

    Raises:
        PlatformError: Heroku did not answer as it should; nothing is known then.

    """
    request = build_pipeline_info(pipeline_id)
    try:
        pipeline = read_pipeline((yield request), request)
    except (Forbidden, NotFound):
        return None
    _require_asked(pipeline.id, pipeline_id, request)
    return pipeline


def _read_if_readable(pipeline_id: str) -> Generator[Request, Response, Pipeline | None]:
    """As `read_if_allowed`, and an answer that says nothing about this pipeline costs no more than its name either."""
    try:
        return (yield from read_if_allowed(pipeline_id))
    except UnexpectedAnswer:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may see an app: ids of users, and e-mail addresses where Heroku names no id."""

    user_ids: frozenset[str]
    emails: frozenset[str]


def find_access(app_id: str) -> Generator[Request, Response, Access]:
    """Find out who may see an app: its collaborators, and all members of the team that owns it (contract §6.4).

    That is how Heroku's article puts a user access list together; no role is left out. Somebody whom neither list
    names by id or address is nobody.

    Raises:
        PlatformError: Heroku did not tell; show the app to nobody then.

    """
    request = build_app_info(app_id)
    app = read_app((yield request), request)
    _require_asked(app.id, app_id, request)
    collaborators = yield from read_pages(build_collaborators(app_id), Collaborator)
    people = [collaborator.user for collaborator in collaborators]
    if app.team is not None:
        for member in (yield from read_pages(build_team_members(app.team.id), TeamMember)):
            people += [Person(email=member.email), *([member.user] if member.user else [])]
    return Access(
        user_ids=frozenset(person.id for person in people if person.id),
        emails=frozenset(person.email for person in people if person.email),
    )


def name_as_known(addon: Addon, *, name: str, app: Ref | None) -> Addon:
    """Give an add-on and its app the names by which they are known, where Heroku did not tell them."""
    told = addon.app
    if told.name is None and app is not None and app.id == told.id:
        told = app
    return msgspec.structs.replace(addon, name=addon.name or name, app=told)


def _require_asked(found: str, asked: str, request: Request) -> None:
    """An answer about something else than was asked for says nothing: it would be recorded under the wrong id."""
    if found != asked:
        raise UnexpectedAnswer("the answer is about another id than was asked for", request=str(request), status=200)


def _tell_uncoupled_from_hidden(app_id: str) -> Generator[Request, Response, Outcome]:
    """A 404 for the coupling means either that there is none or that the app cannot be seen (contract §7.4)."""
    request = build_app_info(app_id)
    try:
        read_app((yield request), request)
    except (Forbidden, NotFound):
        return Outcome.APP_HIDDEN
    return Outcome.UNCOUPLED


def build_placement(coupling: PipelineCoupling, pipeline: Pipeline | None) -> Placement:
    """Join what the coupling says with what the pipeline says of itself."""
    known = pipeline or Pipeline(id=coupling.pipeline.id, name=coupling.pipeline.name or "")
    return Placement(
        pipeline=Ref(id=known.id, name=known.name or None),
        stage=read_stage(coupling.stage),
        owner=known.owner,
        generation=known.generation_name,
        coupled_at=_find_moment(coupling),
    )


def _find_moment(coupling: PipelineCoupling) -> datetime | None:
    """When a coupling came to its stage: a move within the pipeline changes it and makes no new one (contract §7.5)."""
    told = coupling.updated_at or coupling.created_at
    return told if told is not None and is_storable(told) else None
