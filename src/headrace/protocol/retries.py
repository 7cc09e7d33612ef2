"""Whether to try again and when: one table, one function."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from headrace.errors import (
    ClientSecretRejected,
    GrantError,
    HerokuBroken,
    MisuseError,
    PlatformError,
    RateLimited,
    Refused,
    SealBroken,
    TokenRejected,
    UnexpectedAnswer,
    Unreachable,
)

# Heroku fails a provision that is not marked within 12 hours (contract §3); an hour is left to give up in order.
PROVISION_LIMIT = timedelta(hours=11)


@dataclass(frozen=True, slots=True)
class Policy:
    """Wait `first`, then twice as long each time, never over `longest`; give up after `within` from the start."""

    first: timedelta
    longest: timedelta
    within: timedelta


NEVER = Policy(timedelta(0), timedelta(0), timedelta(0))
HEROKU_IS_DOWN = Policy(timedelta(seconds=1), timedelta(minutes=5), PROVISION_LIMIT)
# A rejected token, or a key that is missing, comes back only after an operator has put it in place.
SECRET_IS_WRONG = Policy(timedelta(seconds=30), timedelta(minutes=5), PROVISION_LIMIT)
# A grant is good for five minutes: the right client secret has to find it alive (contract §2.1).
CLIENT_SECRET_IS_WRONG = Policy(timedelta(seconds=5), timedelta(seconds=30), PROVISION_LIMIT)
# A hook that fails for an hour fails for good; the customer should hear of it.
HOOK_FAILED = Policy(timedelta(seconds=1), timedelta(minutes=5), timedelta(hours=1))

# Looked up along the class of the error and its bases, nearest first.
TABLE: dict[type[BaseException], Policy] = {
    Refused: NEVER,
    GrantError: NEVER,
    MisuseError: NEVER,
    PlatformError: NEVER,
    Unreachable: HEROKU_IS_DOWN,
    HerokuBroken: HEROKU_IS_DOWN,
    UnexpectedAnswer: HEROKU_IS_DOWN,
    RateLimited: HEROKU_IS_DOWN,
    TokenRejected: SECRET_IS_WRONG,
    ClientSecretRejected: CLIENT_SECRET_IS_WRONG,
    SealBroken: SECRET_IS_WRONG,
    Exception: HOOK_FAILED,
}


def decide_retry(
    error: BaseException,
    *,
    attempt: int,
    started_at: datetime,
    now: datetime,
    table: dict[type[BaseException], Policy] = TABLE,
) -> timedelta | None:
    """Return how long to wait before the next attempt, or None to give up.

    `attempt` is the number of attempts made so far, 1 after the first. A rate limit is obeyed even
    where the table would come back sooner.
    """
    policy = next(table[kind] for kind in type(error).__mro__ if kind in table)
    doubled = policy.first * 2 ** min(attempt - 1, 30)
    wait = min(doubled, policy.longest)
    if isinstance(error, RateLimited):
        wait = max(wait, error.retry_after)
    return wait if now + wait - started_at <= policy.within and policy.within else None
