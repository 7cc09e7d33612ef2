"""What `headrace doctor` looks at: each finding says what is wrong and what to do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

import sqlalchemy as sa

from headrace.commands import with_parts
from headrace.errors import ConfigurationError, PlatformError
from headrace.models import State
from headrace.protocol.wire import Host, Request
from headrace.service import Parts
from headrace.store.looks import count_due
from headrace.store.migrate import is_migrated
from headrace.store.notices import list_open_notices
from headrace.store.placements import LIVE
from headrace.store.schema import placement_check, resource, secret
from headrace.store.secrets import TOKEN
from headrace.workflows import ledger
from headrace.workflows.engine import CONTRACT_VERSION

# What a signed login allows, and more than a clock that is kept ever differs.
MOST_SKEW = timedelta(seconds=30)
MISSED_LOOKS = 3
STRANDED_SHOWN = 100


class Level(StrEnum):
    """How bad a finding is. `FAIL`: something does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    text: str


Examine = Callable[[Parts], Awaitable[Finding]]


def examine(env_file: str | None) -> list[Finding]:
    """Look at everything, as far as what was found so far allows."""
    try:
        return with_parts(env_file, _examine_parts)
    except ConfigurationError as error:
        return [_fail("settings", problem) for problem in error.problems]


async def _examine_parts(parts: Parts) -> list[Finding]:
    findings = [_ok("settings", f"complete, for {parts.settings.manifest.name}"), await _examine_database(parts)]
    findings += [await _examine_heroku(parts, Host.API), await _examine_heroku(parts, Host.ID)]
    if findings[1].level is Level.FAIL:
        return findings
    return findings + [await check(parts) for check in CHECKS]


async def _examine_database(parts: Parts) -> Finding:
    kind = "SQLite" if parts.database.is_sqlite else "PostgreSQL"
    try:
        if not await parts.database.read(is_migrated):
            return _fail("database", f"{kind} answers, but is not up to date; run `headrace migrate`.")
        await parts.database.write(_write_nothing)
    except sa.exc.SQLAlchemyError as error:
        what = f"{kind} cannot be used ({type(error).__name__})"
        return _fail("database", f"{what}; look at DATABASE_URL and at the server.")
    return _ok("database", f"{kind}, up to date and writable")


def _write_nothing(connection: sa.Connection) -> None:
    connection.execute(sa.update(resource).where(sa.false()).values(uuid=""))


async def _examine_heroku(parts: Parts, host: Host) -> Finding:
    """Any answer will do, one that refuses us too; its date tells whether our clock is right."""
    subject = f"heroku {host}"
    setting = "HEROKU_API_URL" if host is Host.API else "HEROKU_ID_URL"
    try:
        response = await parts.client.ask(Request(method="GET", path="/", endpoint="/", host=host))
    except PlatformError as error:
        return _fail(subject, f"cannot be reached: {error.message}; look at {setting} and at the network.")
    date = _read_date(response.headers.get("date"))
    if date is None:
        return _ok(subject, "answers")
    skew = abs(parts.clock() - date)
    if skew > MOST_SKEW:
        seconds = f"{skew.total_seconds():,.0f}"
        return _fail(subject, f"answers, but its clock and ours are {seconds} s apart; set ours by NTP.")
    return _ok(subject, "answers, and its clock agrees with ours")


async def _examine_keys(parts: Parts) -> Finding:
    lost = await parts.database.read(parts.secrets.count_lost)
    if lost:
        return _fail("keys", f"HEADRACE_KEYS lacks the key that {lost:,} secret(s) were sealed with; add it there.")
    old = await parts.database.read(parts.secrets.count_old)
    if old:
        return _warn("keys", f"{old:,} secret(s) are sealed with an older key; run `headrace secrets rotate`.")
    return _ok("keys", "every stored secret is sealed with the current key")


async def _examine_tokens(parts: Parts) -> Finding:
    missing, refused = await parts.database.read(_count_tokens)
    if refused:
        what = f"Heroku refuses the token of {refused:,} resource(s)"
        return _fail("tokens", f"{what}; look whether HEADRACE_CLIENT_SECRET is right.")
    if missing:
        what = f"{missing:,} provisioned resource(s) have none"
        return _warn("tokens", f"{what}: nothing can be asked about them. Import theirs.")
    return _ok("tokens", "every provisioned resource has one, and Heroku refused none")


async def _examine_placements(parts: Parts) -> Finding:
    now = parts.clock()
    lag = await parts.database.read(_find_lag, now)
    if lag > MISSED_LOOKS * parts.settings.recheck_every:
        due = await parts.database.read(count_due, now=now)
        what = f"{due:,} are due, one for {lag.total_seconds() / 60:,.0f} minutes"
        return _warn("placements", f"{what}; is a worker running? `headrace sync` looks now.")
    return _ok("placements", "looked up in time")


async def examine_workflows(parts: Parts) -> Finding:
    """Look for unfinished workflows that this release cannot go on with."""

    def list_stranded(connection: sa.Connection) -> list[ledger.Stranded]:
        schema = None if parts.database.is_sqlite else "dbos"
        has_engine = sa.inspect(connection).has_table("workflow_status", schema=schema)
        return ledger.list_stranded(connection, version=CONTRACT_VERSION, limit=STRANDED_SHOWN) if has_engine else []

    stranded = await parts.database.read(list_stranded)
    if stranded:
        return _fail(
            "workflows",
            f"{len(stranded):,} or more wait for another release, {stranded[0].workflow_id} among them (version "
            f"{stranded[0].version}); run a worker of that release until they are done.",
        )
    return _ok("workflows", "none waits for another release")


async def _examine_notices(parts: Parts) -> Finding:
    notices = await parts.database.read(list_open_notices)
    if notices:
        return _warn("notices", f"{len(notices):,} or more wait for an operator; `headrace notices` lists them.")
    return _ok("notices", "nothing waits for an operator")


CHECKS: tuple[Examine, ...] = (
    _examine_keys,
    _examine_tokens,
    _examine_placements,
    examine_workflows,
    _examine_notices,
)


def _count_tokens(connection: sa.Connection) -> tuple[int, int]:
    """How many provisioned resources have no token, and of how many Heroku refuses it."""
    has_token = sa.exists().where(secret.c.resource_uuid == resource.c.uuid, secret.c.kind == TOKEN)
    missing = sa.select(sa.func.count()).select_from(resource).where(resource.c.state == State.PROVISIONED, ~has_token)
    refused = (
        sa.select(sa.func.count())
        .select_from(placement_check)
        .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
        .where(placement_check.c.error == "TokenRejected", resource.c.state.in_(LIVE))
    )
    return connection.execute(missing).scalar_one(), connection.execute(refused).scalar_one()


def _find_lag(connection: sa.Connection, now: datetime) -> timedelta:
    """How long the placement that waits longest has been due."""
    query = (
        sa.select(sa.func.min(placement_check.c.next_check_at))
        .join(resource, resource.c.uuid == placement_check.c.resource_uuid)
        .where(resource.c.state.in_(LIVE))
    )
    due_at: datetime | None = connection.execute(query).scalar_one_or_none()
    return max(now - due_at, timedelta(0)) if due_at else timedelta(0)


def _read_date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


def _ok(subject: str, text: str) -> Finding:
    return Finding(subject=subject, level=Level.OK, text=text)


def _warn(subject: str, text: str) -> Finding:
    return Finding(subject=subject, level=Level.WARN, text=text)


def _fail(subject: str, text: str) -> Finding:
    return Finding(subject=subject, level=Level.FAIL, text=text)
