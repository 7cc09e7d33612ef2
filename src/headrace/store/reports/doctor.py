"""Queries behind `headrace doctor`."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from headrace.errors import ClientSecretRejected, TokenRejected
from headrace.models import State
from headrace.store.sql.tables.counted import panel_metric, panel_read
from headrace.store.sql.tables.schema import lifecycle_event, placement_check, resource, secret, share_link
from headrace.store.state.placements import LIVE
from headrace.store.state.secrets import TOKEN
from headrace.store.state.timeline import TimelineName

# How an inspection's error says that Heroku refused a token, or the client secret with which it was to be refreshed.
REFUSALS = (TokenRejected.__name__, ClientSecretRejected.__name__)

# What a timeline says when Heroku was told that a removal is done, and did or did not wait for that.
REMOVAL_WORDS = (TimelineName.DEPROVISION_TOLD, TimelineName.HEROKU_REFUSED)
# So far back is looked: a timeline has no index by what it tells.
LATEST_LINES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounts:
    """How many provisioned resources have no token, and of how many live ones Heroku refuses it."""

    missing: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelCounts:
    """How many resources are provisioned, of how many the panel was asked, and whether any has told a number."""

    provisioned: int
    read: int
    with_metrics: bool


HAS_TOKEN = sa.exists().where(secret.c.resource_uuid == resource.c.uuid, secret.c.kind == TOKEN)


def count_tokens(connection: sa.Connection) -> TokenCounts:
    missing = sa.select(sa.func.count()).select_from(resource).where(resource.c.state == State.PROVISIONED, ~HAS_TOKEN)
    refused = (
        sa.select(sa.func.count())
        .select_from(placement_check)
        .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
        .where(placement_check.c.error.in_(REFUSALS), resource.c.state.in_(LIVE))
    )
    return TokenCounts(
        missing=connection.execute(missing).scalar_one(), refused=connection.execute(refused).scalar_one()
    )


def list_with_token(connection: sa.Connection, *, limit: int) -> list[str]:
    """Return the latest provisioned resources with a token."""
    found = sa.select(resource.c.uuid).where(resource.c.state == State.PROVISIONED, HAS_TOKEN)
    return list(connection.execute(found.order_by(resource.c.created_at.desc()).limit(limit)).scalars())


def count_panels(connection: sa.Connection, *, since: date) -> PanelCounts:
    """Count panels that were asked for their numbers on a day or later."""
    provisioned = sa.select(sa.func.count()).select_from(resource).where(resource.c.state == State.PROVISIONED)
    read = sa.select(sa.func.count()).select_from(panel_read).where(panel_read.c.day >= since)
    has_metrics = sa.select(sa.exists().where(panel_metric.c.day >= since))
    return PanelCounts(
        provisioned=connection.execute(provisioned).scalar_one(),
        read=connection.execute(read).scalar_one(),
        with_metrics=bool(connection.execute(has_metrics).scalar()),
    )


def count_share_links(connection: sa.Connection, *, now: datetime) -> int:
    """Return how many links that customers gave have not ended."""
    query = sa.select(sa.func.count()).select_from(share_link).where(share_link.c.ends_at > now)
    return connection.execute(query).scalar_one()


def find_last_removal_word(connection: sa.Connection) -> str | None:
    """Return how Heroku took the last word that a promised removal is done, of the latest lines of timelines."""
    since = sa.select(sa.func.max(lifecycle_event.c.id) - LATEST_LINES).scalar_subquery()
    promised = lifecycle_event.alias()
    is_promised = sa.exists().where(
        promised.c.resource_uuid == lifecycle_event.c.resource_uuid,
        promised.c.name == TimelineName.DEPROVISION_PROMISED,
        promised.c.id < lifecycle_event.c.id,
    )
    words = sa.select(lifecycle_event.c.name).where(
        lifecycle_event.c.id > since, lifecycle_event.c.name.in_(REMOVAL_WORDS), is_promised
    )
    return connection.execute(words.order_by(lifecycle_event.c.id.desc()).limit(1)).scalar()
