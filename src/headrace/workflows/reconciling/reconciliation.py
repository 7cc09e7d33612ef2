"""A reconciliation, from the questions to the report. It may be stopped anywhere and run again."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from headrace.client import HerokuClient
from headrace.inspector.concurrency import gather_bounded
from headrace.models import State
from headrace.protocol.heroku_lists import Listed
from headrace.protocol.reconciliation import (
    MENDED,
    SETTLED,
    Difference,
    Evidence,
    Known,
    Word,
    decide_difference,
    find_plan,
)
from headrace.store.reports.reconciliation import find_known, list_known
from headrace.store.state.placements import LIVE
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.importing import Change, Imports
from headrace.workflows.reconciling.asking import Answer, Asking
from headrace.workflows.reconciling.mending import Mending

IN_FLIGHT = 16
CHUNK = 1000
# What sounds wrong is asked again after this.
SECOND_LOOK_AFTER = timedelta(seconds=2)

# Told how many resources of how many have been asked about.
Observe = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a reconciliation goes by.

    `listed` is Heroku's list by uuid, of the moment `listed_at`, or None; it is whole if all of it could be read.
    `gone` are uuids that an operator says are gone. No more than `most_gone` of a hundred resources are deprovisioned,
    or one. A rehearsal changes nothing.
    """

    listed: Mapping[str, Listed] | None = None
    listed_at: datetime | None = None
    is_list_whole: bool = True
    gone: Collection[str] = ()
    most_gone: int = 10
    is_rehearsal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference; `state` and `plan` are what is here, `herokus_plan` what Heroku shows.

    `is_mended`: it is done, or a worker does it. `is_held_back`: more are gone than the terms allow.
    """

    uuid: str
    name: str
    difference: Difference
    state: State | None
    plan: str | None
    herokus_plan: str | None
    is_mended: bool = False
    is_held_back: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it waits for an operator."""
        return self.difference not in SETTLED and not self.is_mended


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a reconciliation came to: how many were compared, and what differs, by uuid."""

    compared: int
    findings: list[Finding]

    @property
    def is_open(self) -> bool:
        return any(finding.is_open for finding in self.findings)


class Reconciliation:
    """Finds out what Heroku has, and mends what is here."""

    def __init__(
        self, core: Core, client: HerokuClient, imports: Imports, *, second_look_after: timedelta = SECOND_LOOK_AFTER
    ) -> None:
        self._core = core
        self._imports = imports
        self._asking = Asking(core, client)
        self._mending = Mending(core)
        self._second_look_after = second_look_after

    async def run(self, terms: Terms, *, observe: Observe = lambda _done, _total: None) -> Report:
        """Compare everything, and mend it unless it is a rehearsal."""
        known = await self._load(terms)
        evidence = await self._gather(known, terms, observe)
        findings = [
            finding
            for uuid, each in sorted(evidence.items())
            if (finding := self._judge(uuid, known.get(uuid), each)).difference is not Difference.NONE
        ]
        if not terms.is_rehearsal:
            findings = await self._mend(findings, known, evidence, terms)
        return Report(compared=len(evidence), findings=findings)

    async def _load(self, terms: Terms) -> dict[str, Known]:
        read, after = self._core.database.read, ""
        known: dict[str, Known] = {}
        while page := await read(list_known, after=after):
            known |= {each.uuid: each for each in page}
            after = page[-1].uuid
        others = [uuid for uuid in terms.listed or () if uuid not in known]
        for start in range(0, len(others), CHUNK):
            known |= {each.uuid: each for each in await read(find_known, others[start : start + CHUNK])}
        return known

    async def _gather(self, known: Mapping[str, Known], terms: Terms, observe: Observe) -> dict[str, Evidence]:
        """Ask about each resource by its own token; then, where that was not enough, by somebody else's."""
        own = await self._ask_all(known, observe)
        living = [answer.addon for answer in own.values() if answer.addon is not None]
        await self._asking.choose_witnesses(living)
        if living and not terms.is_rehearsal:
            own |= await self._regain([uuid for uuid, each in own.items() if _lacks_token(each)])
        listed = terms.listed or {}
        evidence = {
            uuid: Evidence(
                listed_at=terms.listed_at,
                listed=listed.get(uuid),
                is_list_whole=terms.is_list_whole,
                own=own[uuid].word if uuid in own else Word.NO_TOKEN,
                plan=own[uuid].plan if uuid in own else None,
                has_neighbours=bool(living),
                is_sworn=uuid in terms.gone,
            )
            for uuid in known.keys() | listed.keys()
        }
        return evidence | await self._ask_witnesses(known, evidence)

    async def _ask_all(self, known: Mapping[str, Known], observe: Observe) -> dict[str, Answer]:
        uuids = [each.uuid for each in known.values() if each.state in LIVE]
        answers: dict[str, Answer] = {}

        async def ask(uuid: str) -> None:
            answers[uuid] = await self._asking.ask(uuid)
            observe(len(answers), len(uuids))

        await gather_bounded(ask, uuids, limit=IN_FLIGHT)
        doubtful = [uuid for uuid in uuids if _is_doubtful(answers[uuid], known[uuid])]
        if doubtful:
            await asyncio.sleep(self._second_look_after.total_seconds())
            again = await self._ask_each(doubtful)
            answers |= {uuid: _weigh(answers[uuid], answer) for uuid, answer in again.items()}
        return answers

    async def _ask_each(self, uuids: Iterable[str]) -> dict[str, Answer]:
        async def ask(uuid: str) -> tuple[str, Answer]:
            return uuid, await self._asking.ask(uuid)

        return dict(await gather_bounded(ask, uuids, limit=IN_FLIGHT))

    async def _regain(self, uuids: Iterable[str]) -> dict[str, Answer]:
        """Where Heroku gives a new token, the resource is asked about once more."""

        async def regain(uuid: str) -> str | None:
            return uuid if await self._asking.regain_token(uuid) else None

        regained = await gather_bounded(regain, uuids, limit=IN_FLIGHT)
        return await self._ask_each(uuid for uuid in regained if uuid is not None)

    async def _ask_witnesses(self, known: Mapping[str, Known], evidence: Mapping[str, Evidence]) -> dict[str, Evidence]:
        async def ask(uuid: str) -> tuple[str, Evidence]:
            return uuid, replace(evidence[uuid], witness=await self._asking.ask_witness(uuid))

        wanted = [uuid for uuid, each in evidence.items() if _wants_witness(known.get(uuid), each)]
        return dict(await gather_bounded(ask, wanted, limit=IN_FLIGHT))

    def _judge(self, uuid: str, known: Known | None, evidence: Evidence) -> Finding:
        listed = evidence.listed
        return Finding(
            uuid=uuid,
            name=known.name if known else listed.resource.name if listed else uuid,
            difference=decide_difference(known, evidence, now=self._core.clock()),
            state=known.state if known else None,
            plan=known.wanted_plan if known else None,
            herokus_plan=find_plan(known, evidence),
        )

    async def _mend(
        self,
        findings: list[Finding],
        known: Mapping[str, Known],
        evidence: Mapping[str, Evidence],
        terms: Terms,
    ) -> list[Finding]:
        gone = [finding for finding in findings if finding.difference is Difference.GONE]
        live = sum(1 for each in known.values() if each.state in LIVE)
        is_too_much = len(gone) > max(1, live * terms.most_gone // 100)

        async def mend(finding: Finding) -> list[Finding]:
            if finding.difference not in MENDED:
                return [finding]
            if finding.difference is Difference.GONE and is_too_much:
                return [replace(finding, is_held_back=True)]
            return await self._mend_one(finding, known.get(finding.uuid), evidence[finding.uuid])

        mended = await gather_bounded(mend, findings, limit=IN_FLIGHT)
        return sorted((each for some in mended for each in some), key=lambda each: (each.uuid, each.difference))

    async def _mend_one(self, finding: Finding, known: Known | None, evidence: Evidence) -> list[Finding]:
        if known is None:
            return await self._import(finding, evidence)
        plan = finding.herokus_plan or known.plan
        if finding.difference is Difference.FINISHED:
            is_done = await self._mending.finish(known, plan=plan)
            has_token = evidence.own is Word.LIVES
            return await self._with_token(finding, has_token=has_token) if is_done else [_leave(finding)]
        if finding.difference is Difference.PLAN:
            is_done = await self._mending.change_plan(known, plan=plan)
        else:
            is_done = await self._mending.deprovision(known)
        return [replace(finding, is_mended=True) if is_done else _leave(finding)]

    async def _import(self, finding: Finding, evidence: Evidence) -> list[Finding]:
        assert evidence.listed is not None
        if await self._imports.take(evidence.listed.resource) is Change.KEPT:
            return [_leave(finding)]
        return await self._with_token(finding, has_token=evidence.listed.resource.token is not None)

    async def _with_token(self, finding: Finding, *, has_token: bool = False) -> list[Finding]:
        """Say beside what was mended that there is no token, unless Heroku gives one."""
        mended = replace(finding, is_mended=True)
        if has_token or await self._asking.regain_token(finding.uuid):
            return [mended]
        return [mended, replace(finding, difference=Difference.NO_TOKEN, plan=finding.herokus_plan)]


def _lacks_token(answer: Answer) -> bool:
    return answer.word in (Word.REFUSED, Word.NO_TOKEN)


def _is_doubtful(answer: Answer, known: Known) -> bool:
    return answer.word in (Word.GONE, Word.SILENT) or answer.plan not in (None, known.wanted_plan)


def _weigh(first: Answer, second: Answer) -> Answer:
    """What Heroku said last counts; that an add-on is gone has to be said twice."""
    is_new = second.word is Word.GONE and first.word is not Word.GONE
    return Answer(word=Word.SILENT) if is_new else second


def _wants_witness(known: Known | None, evidence: Evidence) -> bool:
    """Whether somebody else has to be asked: it seems gone, or a list, which may be old, says more than its token."""
    if evidence.own is Word.GONE:
        return True
    if evidence.listed_at is None or evidence.own not in (Word.REFUSED, Word.NO_TOKEN):
        return False
    is_here = known is not None and known.state in LIVE
    return not is_here or evidence.listed is None or (known is not None and known.is_unfinished)


def _leave(finding: Finding) -> Finding:
    """Somebody else has changed it meanwhile: the next reconciliation sees what it is then."""
    return replace(finding, difference=Difference.UNDER_WAY)
