"""Rows to begin with: resources and inspections, made in one line."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import sqlalchemy as sa

from headrace.models import Addon, Grant, Inspection, Outcome, Owner, Placement, Ref, Secret, read_stage
from headrace.protocol.partner import ProvisionRequest
from headrace.store.sql.database import Database
from headrace.store.state.resources import insert_resources, update_resource

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def id_of(name: str) -> str:
    """The same id for the same name, as Heroku's ids are text of 36 characters."""
    return str(uuid5(NAMESPACE_DNS, name))


def make_request(name: str = "acme-1", /, **changes: Any) -> ProvisionRequest:
    request: dict[str, Any] = {
        "uuid": id_of(name),
        "name": name,
        "plan": "basic",
        "region": "us",
        "options": {"size": "10"},
        "callback_url": f"https://api.heroku.com/addons/{id_of(name)}",
        "grant": Grant(code=Secret("code"), expires_at=NOON + HOUR),
        **changes,
    }
    return ProvisionRequest(**request)


def add_resource(connection: sa.Connection, /, name: str = "acme-1", *, at: datetime = NOON, **changes: Any) -> str:
    """Store a resource with these columns and return its uuid."""
    insert_resources(connection, {"provision:1": make_request(name)}, now=at)
    if changes:
        update_resource(connection, id_of(name), **changes)
    return id_of(name)


def place(
    name: str = "acme-1",
    pipeline: str | None = "storefront",
    stage: str = "staging",
    *,
    app: str = "shop",
    at: datetime = NOON,
    is_named: bool = True,
    coupled_at: datetime | None = None,
) -> Inspection:
    """What Heroku says of a resource whose app is in this pipeline, or in none."""
    placement = None
    if pipeline is not None:
        placement = Placement(
            pipeline=Ref(id=id_of(pipeline), name=pipeline if is_named else None),
            stage=read_stage(stage),
            owner=Owner(id=id_of("lumen"), type="team") if is_named else None,
            coupled_at=coupled_at,
        )
    outcome = Outcome.PLACED if placement else Outcome.UNCOUPLED
    return Inspection(addon=_make_addon(name, app), outcome=outcome, placement=placement, looked_up_at=at)


def decline(outcome: Outcome, name: str = "acme-1", *, at: datetime = NOON) -> Inspection:
    """An inspection to which Heroku did not say where the app is."""
    return Inspection(addon=_make_addon(name, "shop"), outcome=outcome, placement=None, looked_up_at=at)


def _make_addon(name: str, app: str) -> Addon:
    return Addon(
        id=id_of(name),
        name=name,
        app=Ref(id=id_of(app), name=app),
        plan=Ref(id=id_of("plan"), name="acme-search:basic"),
        addon_service=Ref(id=id_of("service"), name="acme-search"),
        state="provisioned",
    )


def is_waiting(database: Database) -> bool:
    """Whether a transaction waits for another one's lock."""
    with database.engine.connect() as connection:
        return bool(connection.execute(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())
