"""What is looked at of what a partner has switched on: whether it will do what it is there for, before it has to."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from headrace.assembly import Parts
from headrace.doctor.findings import Finding, fail, ok, warn
from headrace.store.reports.doctor import count_panels, count_share_links, find_last_removal_word
from headrace.store.reports.vitals import LATE_AFTER, load_vitals
from headrace.store.state.timeline import TimelineName
from headrace.wording import spell_age, spell_count, spell_duration, spell_seconds
from headrace.workflows.chores.sending import ANSWERS_WITHIN_SECONDS, Answer

# A notice that takes longer is taken, and a busy day will show that it is not.
SLOW_SECONDS = 3.0
# How a certificate is told to be the reason, by the kind of the error.
OF_CERTIFICATES = ("ClientConnectorCertificateError", "ClientConnectorSSLError")


async def examine_receiver(parts: Parts) -> Finding:
    """Send a ping as a notice is sent: nothing else tells whether one would be taken."""
    answer = await parts.sender.ping()
    if answer is None:
        return ok("receiver", "none is set; notices are seen where somebody looks")
    if problem := explain_refusal(answer, is_signed=parts.sender.is_signed):
        return fail("receiver", problem)
    took = spell_seconds(answer.seconds)
    if answer.seconds > SLOW_SECONDS:
        limit = f"after {ANSWERS_WITHIN_SECONDS:.0f} s a notice counts as not taken"
        return warn("receiver", f"takes notices, and took {took} for one; {limit}, so answer first and work later.")
    return ok("receiver", f"took a {'signed ' if parts.sender.is_signed else ''}ping")


def explain_refusal(answer: Answer, *, is_signed: bool) -> str | None:
    """Say what is wrong with an answer to a ping, and what to do; None where it was taken."""
    if answer.status is None:
        return _explain_silence(answer.error)
    if answer.problem is None:
        return None
    if 300 <= answer.status < 400:
        return f"answers {answer.status}, and redirects are not followed; set HEADRACE_NOTICE_URL to where it leads."
    if answer.status in {401, 403}:
        secret = "is HEADRACE_NOTICE_SECRET what it checks the signature with?"
        return f"refuses the ping with {answer.status}; {secret if is_signed else 'is HEADRACE_NOTICE_URL still good?'}"
    if answer.status in {404, 405, 410}:
        return f"answers {answer.status}: nothing takes a POST there; look at HEADRACE_NOTICE_URL."
    return f"answers {answer.status}; look at its log. It has to take the event `ping` too, in which `notice` is null."


def _explain_silence(error: str) -> str:
    if error == TimeoutError.__name__:
        return f"has not answered within {ANSWERS_WITHIN_SECONDS:.0f} s; let it answer first and work later."
    if error in OF_CERTIFICATES:
        return f"shows a certificate that is not trusted here ({error}); look at HEADRACE_NOTICE_URL."
    return f"cannot be reached ({error}); look at HEADRACE_NOTICE_URL and at the network."


async def examine_labels_file(parts: Parts) -> Finding | None:
    """Look at the file, and at whether one could be written here, where a worker may run or may not."""
    path = parts.settings.labels_file
    if path is None:
        return None
    if not os.access(path.parent, os.W_OK | os.X_OK):
        problem = "cannot be written" if path.parent.is_dir() else "is not there"
        return warn("labels", f"the folder {path.parent} {problem} on this machine; does a worker run on another one?")
    has_worker = bool((await parts.database.read(load_vitals, now=parts.clock())).workers)
    if not has_worker:
        return ok("labels", f"a worker can write {path.name} here; none is alive")
    return _examine_age(path)


def _examine_age(path: Path) -> Finding:
    try:
        written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return warn("labels", f"a worker is alive, and {path} is not there; does it run on this machine, as set here?")
    # By this machine's clock, which stamped the file.
    age = max(datetime.now(UTC) - written_at, timedelta(0))
    if age > LATE_AFTER:
        what = f"a worker is alive, and {path} was last written {spell_age(age)} ago"
        return warn("labels", f"{what}; does it run on this machine? Read its log.")
    return ok("labels", f"{path.name} was written {spell_age(age)} ago")


async def examine_panel_metrics(parts: Parts) -> Finding | None:
    """Look whether what is to be kept comes in: the hook is the service's, and not called here."""
    if not parts.settings.panel_metrics_for:
        return None
    since = parts.clock().date() - timedelta(days=1)
    counts = await parts.database.read(count_panels, since=since)
    if not counts.provisioned:
        return ok("panels", "nothing is provisioned that could have numbers")
    if not counts.read:
        what = "HEADRACE_PANEL_METRICS_DAYS is set, and since yesterday no panel was asked for its numbers"
        return warn("panels", f"{what}; is there a panel hook (`@service.panel`), and does a worker run?")
    if not counts.with_metrics:
        what = "panels were asked, and none has told a number"
        return warn("panels", f"{what}; return `Panel(metrics={{…}})`, or take HEADRACE_PANEL_METRICS_DAYS away.")
    read = f"{counts.read:,} of {spell_count(counts.provisioned, 'resource')}"
    return ok("panels", f"{read} {'was' if counts.read == 1 else 'were'} asked since yesterday, and numbers came")


async def examine_sharing(parts: Parts) -> Finding | None:
    """Links that were given and are dark surprise whoever has them."""
    links = await parts.database.read(count_share_links, now=parts.clock())
    days = parts.settings.share_for
    if days:
        return ok(
            "sharing",
            f"links are good for {spell_duration(days)}; {spell_count(links, 'link')} {'is' if links == 1 else 'are'}",
        )
    if links:
        what = f"{spell_count(links, 'link')} that customers gave {'shows' if links == 1 else 'show'} nothing"
        return warn("sharing", f"{what}: HEADRACE_SHARE_DAYS is off. Set it, or let them end.")
    return None


async def examine_removals(parts: Parts) -> Finding | None:
    """Whether Heroku has opened the beta only a removal tells: one that it did not wait for had ended at the 202."""
    if not parts.settings.async_deprovision:
        return None
    word = await parts.database.read(find_last_removal_word)
    if word is None:
        what = "are answered 202, and none was tried: without the beta, Heroku takes 202 for the end"
        return warn("removals", f"{what}. Remove one of your own, and look here again.")
    if word == TimelineName.DEPROVISION_TOLD:
        return ok("removals", "are answered 202, and Heroku waited for the end of the last")
    what = "Heroku did not wait for the end of the last: has it opened the beta to your add-on?"
    return fail("removals", f"{what} If not, take HEADRACE_ASYNC_DEPROVISION away.")


FEATURES = (examine_receiver, examine_labels_file, examine_panel_metrics, examine_sharing, examine_removals)
