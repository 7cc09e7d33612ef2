"""Queries behind `headrace doctor`."""

from dataclasses import dataclass

import sqlalchemy as sa

from headrace.errors import ClientSecretRejected, TokenRejected
from headrace.models import State
from headrace.store.sql.tables.schema import placement_check, resource, secret
from headrace.store.state.placements import LIVE
from headrace.store.state.secrets import TOKEN

# How an inspection's error says that Heroku refused a token, or the client secret with which it was to be refreshed.
REFUSALS = (TokenRejected.__name__, ClientSecretRejected.__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounts:
    """How many provisioned resources have no token, and of how many live ones Heroku refuses it."""

    missing: int
    refused: int


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
