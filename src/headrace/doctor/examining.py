"""What is looked at of every service, in this order: settings, database, Heroku, and what the database has to tell."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from headrace.assembly import Parts
from headrace.doctor.features import FEATURES
from headrace.doctor.findings import Finding, Level, fail, ok, warn
from headrace.errors import ConfigurationError, GrantError, PlatformError
from headrace.protocol.lifecycle import LIFECYCLE_KINDS
from headrace.protocol.platform import read_date
from headrace.protocol.wire import Host, Request
from headrace.store.reports.doctor import count_tokens, list_with_token
from headrace.store.reports.vitals import MOST_SKEW, Trouble, Vitals, find_troubles, load_vitals
from headrace.store.sql.migrate import find_newer, is_migrated
from headrace.store.sql.outage import DATABASE_ERRORS, is_outage
from headrace.store.sql.pool import answering
from headrace.store.sql.usable import ANSWERS_WITHIN_SECONDS, explain, find_misfit
from headrace.store.state.due import count_due, find_longest_due
from headrace.store.state.notices import MEANINGS, NoticeKind, list_open_notices
from headrace.store.state.people.logins import write_for_trial
from headrace.store.state.resources import find_states, list_running
from headrace.wording import spell_count, spell_duration
from headrace.workflows.engine import ledger
from headrace.workflows.engine.port import CHANGE_QUEUE, CONTRACT_VERSION, QUEUE

MISSED_INSPECTIONS = 3
STRANDED_SHOWN = 100
TORN_COUNTED = 500
TRIED_TOKENS = 3
# What is late is a finding of its own.
ABOUT_WORKERS = (NoticeKind.WORKER_MISSING, NoticeKind.WORKER_STUCK, NoticeKind.DATABASE_UNWRITTEN)


Examine = Callable[[Parts], Awaitable[Finding | None]]


async def examine(parts: Parts, *, within: float = ANSWERS_WITHIN_SECONDS) -> list[Finding]:
    """Look at everything, as far as what was found so far allows; a PostgreSQL has so many seconds for each answer."""
    findings = [ok("settings", f"complete, for {parts.settings.manifest.name}")]
    findings += [await _examine_database(parts, within=within)]
    findings += [await _examine_heroku(parts, Host.API), await _examine_heroku(parts, Host.ID)]
    if findings[1].level is Level.FAIL:
        return findings
    for check in CHECKS:
        try:
            with answering(parts.database.engine, within=within):
                finding = await check(parts)
        except DATABASE_ERRORS as error:
            if not is_outage(error):
                raise
            return [*findings, fail("database", explain(parts.database, error))]
        # What is not switched on has nothing to be looked at.
        if finding is not None:
            findings.append(finding)
    return findings


async def _examine_database(parts: Parts, *, within: float) -> Finding:
    try:
        if problem := await asyncio.to_thread(find_misfit, parts.database, within=within):
            return fail("database", problem)
        with answering(parts.database.engine, within=within):
            return await _try_database(parts)
    except SQLAlchemyError as error:
        return fail("database", explain(parts.database, error))


async def _try_database(parts: Parts) -> Finding:
    kind = "SQLite" if parts.database.is_sqlite else "PostgreSQL"
    if not await parts.database.read(is_migrated):
        return fail("database", f"{kind} answers, but is not up to date; run `headrace migrate`.")
    if newer := await parts.database.read(find_newer):
        return warn("database", f"{kind} answers, but {newer}; until then no worker of this one takes work.")
    await parts.database.write(write_for_trial)
    return ok("database", f"{kind}, up to date and writable")


async def _examine_heroku(parts: Parts, host: Host) -> Finding:
    """Any answer will do, one that refuses us too; its date tells whether our clock is right."""
    subject = f"heroku {host}"
    setting = "HEROKU_API_URL" if host is Host.API else "HEROKU_ID_URL"
    try:
        response = await parts.client.ask(Request(method="GET", path="/", endpoint="/", host=host))
    except PlatformError as error:
        return fail(subject, f"cannot be reached: {error.message}; look at {setting} and at the network.")
    date = read_date(response)
    if date is None:
        return ok(subject, "answers")
    skew = abs(parts.clock() - date)
    if skew > MOST_SKEW:
        seconds = f"{skew.total_seconds():,.0f}"
        return fail(subject, f"answers, but its clock and ours are {seconds} s apart; set ours by NTP.")
    return ok(subject, "answers, and its clock agrees with ours")


async def _examine_keys(parts: Parts) -> Finding:
    lost = await parts.database.read(parts.secrets.count_lost)
    if lost:
        sealed = f"{spell_count(lost, 'secret')} {'was' if lost == 1 else 'were'} sealed with"
        return fail("keys", f"HEADRACE_KEYS lacks the key that {sealed}; add it there.")
    old = await parts.database.read(parts.secrets.count_old)
    if old:
        sealed = f"{spell_count(old, 'secret')} {'is' if old == 1 else 'are'} sealed"
        return warn("keys", f"{sealed} with an older key; run `headrace secrets rotate`.")
    return ok("keys", "every stored secret is sealed with the current key")


async def _examine_tokens(parts: Parts) -> Finding:
    tokens = await parts.database.read(count_tokens)
    if tokens.refused:
        what = f"Heroku refuses the token of {spell_count(tokens.refused, 'resource')}"
        return fail("tokens", f"{what}; look whether HEADRACE_CLIENT_SECRET is right.")
    if tokens.missing:
        what = f"{spell_count(tokens.missing, 'provisioned resource')} {'has' if tokens.missing == 1 else 'have'} none"
        return warn("tokens", f"{what}: nothing can be asked about such a resource. Import its token.")
    return ok("tokens", "every provisioned resource has one, and Heroku refused none")


async def _examine_client_secret(parts: Parts) -> Finding:
    """Say which of two client secrets is the right one: Heroku tells with the refresh of a token, and not else."""
    if len(parts.settings.client_secrets) == 1:
        return ok("oauth", "one client secret is set")
    problem = "no token is there to try them with"
    for uuid in await parts.database.read(list_with_token, limit=TRIED_TOKENS):
        try:
            right = await parts.client.find_right_secret(uuid)
        except (GrantError, PlatformError) as error:
            problem = error.message
        else:
            if right is not None:
                return _tell_right_secret(right)
    return warn("oauth", f"two client secrets are set, and which is right is not known: {problem}")


def _tell_right_secret(place: int) -> Finding:
    setting = "HEADRACE_CLIENT_SECRET"
    if place == 0:
        return ok("oauth", f"Heroku takes the first client secret in {setting}; the second can be taken out of it")
    return warn(
        "oauth", f"Heroku takes the second client secret in {setting} and refuses the first; look at the first."
    )


async def _examine_placements(parts: Parts) -> Finding:
    now = parts.clock()
    due_since = await parts.database.read(find_longest_due)
    lag = now - due_since if due_since else timedelta(0)
    if lag > MISSED_INSPECTIONS * parts.settings.recheck_every:
        due = await parts.database.read(count_due, now=now)
        what = f"{spell_count(due, 'look')} {'is' if due == 1 else 'are'} due, one for {spell_duration(lag)}"
        return warn("placements", f"{what}; is a worker running? `headrace sync` looks now.")
    return ok("placements", "looked up in time")


async def examine_workflows(parts: Parts) -> Finding:
    """Look for unfinished workflows that this release cannot go on with, or whether it can go on with none."""
    if hindrance := await asyncio.to_thread(parts.engine.find_hindrance):
        return fail("workflows", f"no worker of this release takes work: {hindrance}.")
    stranded: list[ledger.Stranded] = []
    # Tables that are not there yet, or older ones, are made at the next start.
    if await parts.database.read(ledger.is_prepared):
        stranded = await parts.database.read(ledger.list_stranded, version=CONTRACT_VERSION, limit=STRANDED_SHOWN)
    if stranded:
        return fail(
            "workflows",
            f"{len(stranded):,} or more wait for another release, {stranded[0].workflow_id} among them (version "
            f"{stranded[0].version}); run a worker of that release until they are done.",
        )
    torn = await _count_torn(parts)
    if torn:
        what = f"{torn:,} or more are only in one half of the database: ours and the engine's are not of one moment"
        return fail("workflows", f"{what}. Restore both from one backup, then run `headrace reconcile`.")
    return ok("workflows", "none waits for another release")


async def _count_torn(parts: Parts) -> int:
    """Count workflows that a resource waits for and the engine does not know, and those of resources not known here."""
    running = [each for _, each in await parts.database.read(list_running, after="", limit=TORN_COUNTED)]
    if not await parts.database.read(ledger.is_prepared):
        return len(running)
    known = await parts.database.read(ledger.find_statuses, running)
    unfinished = await parts.database.read(
        ledger.list_unfinished, queues=[QUEUE, CHANGE_QUEUE], after=None, limit=TORN_COUNTED
    )
    subjects = {each.resource_uuid for each in unfinished if each.kind in LIFECYCLE_KINDS}
    resources = await parts.database.read(find_states, subjects)
    return sum(1 for each in running if each not in known) + len(subjects - resources.keys())


async def _examine_workers(parts: Parts) -> Finding:
    vitals = await parts.database.read(load_vitals, now=parts.clock())
    troubles = [each for each in _find_troubles(parts, vitals) if each.kind in ABOUT_WORKERS]
    if troubles:
        text = "; ".join(each.text for each in troubles)
        todo = " ".join(dict.fromkeys(MEANINGS[each.kind].do for each in troubles))
        # It may be that none is meant to run.
        is_silent = all(each.kind is NoticeKind.DATABASE_UNWRITTEN for each in troubles)
        return Finding(subject="workers", level=Level.WARN if is_silent else Level.FAIL, text=f"{text}. {todo}")
    if vitals.workers:
        webs = spell_count(len(vitals.pulses) - len(vitals.workers), "web process", "web processes")
        return ok("workers", f"{spell_count(len(vitals.workers), 'worker')} alive, and {webs}")
    return ok("workers", "none is alive, and nothing waits for one")


async def _examine_clocks(parts: Parts) -> Finding:
    vitals = await parts.database.read(load_vitals, now=parts.clock())
    at_database = await parts.database.read(parts.heartbeat.read_clock)
    skew = abs(parts.clock() - at_database)
    troubles = [each.text for each in _find_troubles(parts, vitals) if each.kind is NoticeKind.CLOCKS_DIFFER]
    if skew > MOST_SKEW:
        troubles.append(f"the clock here and the database's are {skew.total_seconds():,.0f} s apart")
    if troubles:
        return fail("clocks", f"{'; '.join(troubles)}. {MEANINGS[NoticeKind.CLOCKS_DIFFER].do}")
    return ok("clocks", "those of processes and of the database agree")


def _find_troubles(parts: Parts, vitals: Vitals) -> list[Trouble]:
    return list(find_troubles(vitals, recheck_every=parts.settings.recheck_every))


async def _examine_notices(parts: Parts) -> Finding:
    notices = await parts.database.read(list_open_notices)
    if notices:
        return warn("notices", f"{len(notices):,} or more wait for an operator; `headrace notices` lists them.")
    return ok("notices", "nothing waits for an operator")


CHECKS: tuple[Examine, ...] = (
    _examine_keys,
    _examine_tokens,
    _examine_client_secret,
    _examine_placements,
    _examine_workers,
    _examine_clocks,
    examine_workflows,
    _examine_notices,
    *FEATURES,
)


def find_misconfigured(error: ConfigurationError) -> list[Finding]:
    """Return what keeps anything from being looked at."""
    return [fail("settings", problem) for problem in error.problems]
