"""A run: the manifest is judged, a Heroku is started, the provider is judged in a harness, and all is removed again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from headrace.checker.catalogue import FACTS, FEATURES, MANIFEST_FACTS, PROVIDER_FACTS
from headrace.checker.features.manifest import ManifestFile, read_file
from headrace.checker.kit.fact import Complaint, Fact, NotJudged, Subject, Why
from headrace.checker.kit.harness import Harness, Limits
from headrace.checker.kit.heroku import build_world
from headrace.checker.kit.provider import Provider
from headrace.checker.kit.seconds import read_seconds
from headrace.checker.report import Report, Result, conclude, skip
from headrace.emulator import run as run_emulator
from headrace.errors import ConfigurationError
from headrace.protocol.manifest import Manifest

# What a new add-on service has before its partner makes others.
DEFAULT_PLAN = "test"
DEFAULT_PORT = 5055
DEFAULT_CLIENT_SECRET = "checker-client-secret"
KNOCK_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Features, or single facts, that are left out, and the only ones that are judged."""

    only: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    has_callback: bool = True

    def __post_init__(self) -> None:
        known = {feature.name for feature in FEATURES} | {fact.id for fact in FACTS}
        unknown = sorted((self.only | self.exclude) - known)
        if unknown:
            names = ", ".join(feature.name for feature in FEATURES)
            raise ConfigurationError([f"There is no feature or check {word}. Features: {names}." for word in unknown])

    def find_reason(self, fact: Fact[Subject]) -> str:
        """Return why a fact is left out, or nothing when the provider is judged by it."""
        if self.exclude & {fact.feature, fact.concerns, fact.id}:
            return "left out with --exclude"
        if self.only and not self.only & {fact.feature, fact.id} and not fact.is_always:
            return "left out with --only"
        if fact.needs_callback and not self.has_callback:
            return "the provider cannot call the checker's Heroku"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What is to be judged, and how. Empty addresses are those of the manifest."""

    manifest_text: bytes
    base_url: str = ""
    sso_url: str = ""
    plans: tuple[str, ...] = (DEFAULT_PLAN,)
    client_secret: str = field(default=DEFAULT_CLIENT_SECRET, repr=False)
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    limits: Limits = field(default_factory=Limits)
    selection: Selection = field(default_factory=Selection)


Show = Callable[[Result], None]
Announce = Callable[[str, Manifest], None]


async def check_provider(assignment: Assignment, *, announce: Announce, show: Show) -> Report:
    """Judge a provider.

    `announce` is told where the checker's Heroku is, as soon as it can be called; `show` is given each result.

    Raises:
        ConfigurationError: nobody answers at the provider's address, or the port cannot be had.
    """
    file = read_file(assignment.manifest_text, base_url=assignment.base_url, sso_url=assignment.sso_url)
    manifest, selection, left = file.parsed, assignment.selection, list[str]()
    results: list[Result] = []
    is_provider_left_out = all(fact.is_always or selection.find_reason(fact) for fact in PROVIDER_FACTS)
    if manifest is None or is_provider_left_out:
        results += [await _judge(fact, file, selection, show) for fact in MANIFEST_FACTS]
        results += [_skip(fact, selection, show, is_needed=not is_provider_left_out) for fact in PROVIDER_FACTS]
    else:
        async with _set_up(file, manifest, assignment, announce, left) as harness:
            results += [await _judge(fact, file, selection, show) for fact in MANIFEST_FACTS]
            results += [await _judge_provider(fact, harness, selection, show) for fact in PROVIDER_FACTS]
    return Report(
        service=manifest.id if manifest else "",
        base_url=manifest.base_url if manifest else "",
        sso_url=manifest.sso_url if manifest else "",
        results=tuple(results),
        left=tuple(left),
    )


@asynccontextmanager
async def _set_up(
    file: ManifestFile, manifest: Manifest, assignment: Assignment, announce: Announce, left: list[str]
) -> AsyncIterator[Harness]:
    """Start a Heroku and wait for the provider; afterwards remove what was made, and note what is left."""
    world = build_world(
        manifest,
        manifest_text=file.text,
        environment=file.environment,
        client_secret=assignment.client_secret,
        plans=assignment.plans,
    )
    async with run_emulator(world, host=assignment.host, port=assignment.port) as heroku:
        announce(heroku.url, manifest)
        provider = Provider(manifest, patience=assignment.limits.patience, grace=assignment.limits.soon)
        harness = Harness(
            provider=provider,
            heroku=heroku,
            plans=assignment.plans,
            limits=assignment.limits,
            has_callback=assignment.selection.has_callback,
        )
        try:
            await _await_provider(provider, assignment.limits.wait)
            yield harness
        finally:
            left += await harness.clear()
            await provider.close()


async def _await_provider(provider: Provider, wait: float) -> None:
    """Knock until somebody answers: a provider is often started when the checker's Heroku can be named to it."""
    deadline = read_seconds() + wait
    while problem := await provider.find_problem():
        if read_seconds() > deadline:
            address = provider.manifest.base_url
            raise ConfigurationError(
                [f"Nobody answers at {address}: {problem}. Start the provider, or name its address with --base-url."]
            )
        await asyncio.sleep(KNOCK_SECONDS)


async def _judge(fact: Fact[Subject], subject: Subject, selection: Selection, show: Show) -> Result:
    """Judge by one fact, unless it is left out, and show the result."""
    if selection.find_reason(fact):
        return _skip(fact, selection, show, is_needed=True)
    began = read_seconds()
    try:
        complaint = await fact.judge(subject)
        result = conclude(fact, complaint, seconds=read_seconds() - began)
    except NotJudged as reason:
        result = skip(fact, reason)
    show(result)
    return result


async def _judge_provider(fact: Fact[Harness], harness: Harness, selection: Selection, show: Show) -> Result:
    """Judge by one fact, unless the provider has ended meanwhile: then that is what is wrong, and not this fact."""

    async def judge(subject: Harness) -> Complaint | None:
        complaint = await fact.judge(subject)
        if complaint and not fact.is_always:
            await subject.provider.require_presence()
        return complaint

    harness.provider.presence.begin(fact.id)
    return await _judge(replace(fact, judge=judge), harness, selection, show)


def _skip(fact: Fact[Subject], selection: Selection, show: Show, *, is_needed: bool) -> Result:
    """Leave a fact out because of the selection or, where it was selected, for want of a manifest."""
    left_out = selection.find_reason(fact) or ("" if is_needed else "left out with all that concerns the provider")
    needed = NotJudged(Why.NEEDS, "a manifest that says where the provider is, and its password")
    result = skip(fact, NotJudged(Why.EXCLUDED, left_out) if left_out else needed)
    show(result)
    return result
