"""Queries behind `headrace doctor`."""

from dataclasses import dataclass

import sqlalchemy as sa

from headrace.errors import ClientSecretRejected, TokenRejected
from headrace.models import State
from headrace.store.sql.schema import placement_check, resource, secret
from headrace.store.state.placements import LIVE
from headrace.store.state.secrets import TOKEN

# How an inspection's error says that Heroku refused a token, or the client secret with which it was to be refreshed.
REFUSALS = (TokenRejected.__name__, ClientSecretRejected.__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounts:
    """How many provisioned resources have no token, and of how many live ones Heroku refuses it."""

    missing: int
    refused: int


def count_tokens(connection: sa.Connection) -> TokenCounts:
    has_token = sa.exists().where(secret.c.resource_uuid == resource.c.uuid, secret.c.kind == TOKEN)
    missing = sa.select(sa.func.count()).select_from(resource).where(resource.c.state == State.PROVISIONED, ~has_token)
    refused = (
        sa.select(sa.func.count())
        .select_from(placement_check)
        .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
        .where(placement_check.c.error.in_(REFUSALS), resource.c.state.in_(LIVE))
    )
    return TokenCounts(
        missing=connection.execute(missing).scalar_one(), refused=connection.execute(refused).scalar_one()
    )
