from datetime import UTC, datetime, timedelta

import pytest

from headrace import errors
from headrace.errors import (
    ClientSecretRejected,
    Forbidden,
    GrantError,
    HerokuBroken,
    NotFound,
    PlatformError,
    RateLimited,
    Refused,
    SealBroken,
    TokenRejected,
    UnexpectedAnswer,
    Unprocessable,
    Unreachable,
)
from headrace.protocol.retries import PROVISION_LIMIT, TABLE, Policy, decide_retry

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def fail(kind: type[PlatformError]) -> PlatformError:
    return kind("No.", request="GET /addons/r1", status=500)


def limit(seconds: int) -> RateLimited:
    return RateLimited("Slow down.", request="GET /addons/r1", retry_after=timedelta(seconds=seconds))


def decide(error: BaseException, *, attempt: int = 1, age: timedelta = timedelta(0)) -> timedelta | None:
    return decide_retry(error, attempt=attempt, started_at=NOON, now=NOON + age)


@pytest.mark.parametrize(
    "error",
    [
        Refused("Your data does not fit."),
        GrantError("Used.", reason="rejected"),
        fail(Forbidden),
        fail(NotFound),
        fail(Unprocessable),
    ],
)
def test_what_time_does_not_mend_is_not_tried_again(error: Exception) -> None:
    """A refusal is an answer, not a failure."""
    assert decide(error) is None


@pytest.mark.parametrize(
    "error",
    [
        fail(Unreachable),
        fail(HerokuBroken),
        fail(UnexpectedAnswer),
        fail(TokenRejected),
        SealBroken(),
        limit(1),
        OSError(),
    ],
)
def test_what_time_may_mend_is_tried_again(error: Exception) -> None:
    """Heroku comes back, a secret is put right, a partner's cloud recovers."""
    wait = decide(error)

    assert wait is not None
    assert timedelta(0) < wait


@pytest.mark.parametrize("error", [fail(HerokuBroken), fail(TokenRejected), ValueError()])
def test_waits_double_up_to_a_cap(error: Exception) -> None:
    """One, two, four … and then always the longest."""
    waits = [decide(error, attempt=attempt) or timedelta(0) for attempt in range(1, 40)]
    longest = max(waits)
    growing = waits[: waits.index(longest)]

    assert timedelta(minutes=5) == longest
    assert [waits[0] * 2**power for power in range(len(growing))] == growing
    assert {longest} == set(waits[len(growing) :])


def test_no_number_of_attempts_overflows() -> None:
    """A workflow may be old."""
    assert timedelta(minutes=5) == decide(fail(HerokuBroken), attempt=10**6)


@pytest.mark.parametrize(
    ("error", "within"),
    [(fail(HerokuBroken), PROVISION_LIMIT), (fail(TokenRejected), PROVISION_LIMIT), (KeyError(), timedelta(hours=1))],
)
def test_giving_up_comes_within_the_limit(error: Exception, within: timedelta) -> None:
    """No attempt begins after the limit."""
    wait = decide(error) or timedelta(0)

    assert wait == decide(error, age=within - wait)
    assert decide(error, age=within - wait + timedelta(microseconds=1)) is None
    assert decide(error, age=within) is None


def test_a_provision_is_given_up_before_heroku_does() -> None:
    """Heroku fails a provision after twelve hours; we tell it before."""
    assert timedelta(hours=12) > PROVISION_LIMIT


@pytest.mark.parametrize(("seconds", "attempt", "expected"), [(60, 1, 60), (1, 10, 300), (0, 1, 1), (3600, 10, 3600)])
def test_a_rate_limit_is_obeyed(seconds: int, attempt: int, expected: int) -> None:
    """Never sooner than Heroku says, never sooner than the table says."""
    assert timedelta(seconds=expected) == decide(limit(seconds), attempt=attempt)


def test_a_rate_limit_beyond_the_limit_is_given_up() -> None:
    """Waiting past the end helps nobody."""
    assert decide(limit(12 * 3600)) is None


def test_a_table_of_ones_own_is_used() -> None:
    """The nearest class of the error's bases decides."""
    second = Policy(timedelta(seconds=1), timedelta(seconds=1), timedelta(minutes=1))
    table: dict[type[BaseException], Policy] = {Exception: second, LookupError: TABLE[Refused]}

    def decide_here(error: Exception) -> timedelta | None:
        return decide_retry(error, attempt=1, started_at=NOON, now=NOON, table=table)

    assert (timedelta(seconds=1), None) == (decide_here(ValueError()), decide_here(KeyError()))


def test_a_client_secret_is_tried_again_before_a_grant_ends() -> None:
    """Every half minute: whenever the right one is deployed, its grant is still good some seconds later."""
    waits = [decide(fail(ClientSecretRejected), attempt=attempt) for attempt in range(1, 20)]

    assert max(wait for wait in waits if wait) <= timedelta(seconds=30)


def test_each_platform_error_has_been_thought_of() -> None:
    """A new error of the tree is tried as its base says; the base says never."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PlatformError)]

    in_time = {Unreachable, HerokuBroken, UnexpectedAnswer, RateLimited, TokenRejected, ClientSecretRejected}
    assert in_time == {kind for kind in kinds if kind in TABLE and TABLE[kind].within}
