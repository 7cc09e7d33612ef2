"""A run: the manifest is judged, a Heroku is started, the provider is judged on its bench, and all is removed again."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from headrace.checker.bench import Bench, Limits
from headrace.checker.catalogue import CHECKS, FEATURES, MANIFEST_CHECKS, PROVIDER_CHECKS
from headrace.checker.check import Check, NotJudged, Subject, Why
from headrace.checker.features.manifest import ManifestFile, read_manifest
from headrace.checker.heroku import build_world
from headrace.checker.provider import Provider
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
    """Features, or single checks, that are left out, and the only ones that are judged."""

    only: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    has_callback: bool = True

    def __post_init__(self) -> None:
        known = {feature.name for feature in FEATURES} | {check.id for check in CHECKS}
        unknown = sorted((self.only | self.exclude) - known)
        if unknown:
            names = ", ".join(feature.name for feature in FEATURES)
            raise ConfigurationError([f"There is no feature or check {word}. Features: {names}." for word in unknown])

    def find_reason(self, check: Check[Subject]) -> str:
        """Return why a check is left out, or nothing when it is judged."""
        if self.exclude & {check.feature, check.concerns, check.id}:
            return "left out with --exclude"
        if self.only and not self.only & {check.feature, check.id}:
            return "left out with --only"
        if check.needs_callback and not self.has_callback:
            return "the provider cannot call the checker's Heroku"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
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


async def check_provider(order: Order, *, announce: Announce, show: Show) -> Report:
    """Judge a provider.

    `announce` is told where the checker's Heroku is, as soon as it can be called; `show` is given each result.

    Raises:
        ConfigurationError: nobody answers at the provider's address, or the port cannot be had.
    """
    file = read_manifest(order.manifest_text, base_url=order.base_url, sso_url=order.sso_url)
    manifest, selection, left = file.parsed, order.selection, list[str]()
    results: list[Result] = []
    if manifest is None or all(selection.find_reason(check) for check in PROVIDER_CHECKS):
        results += [await _judge(check, file, selection, show) for check in MANIFEST_CHECKS]
        results += [_skip(check, selection, show) for check in PROVIDER_CHECKS]
    else:
        async with _set_up(file, manifest, order, announce, left) as bench:
            results += [await _judge(check, file, selection, show) for check in MANIFEST_CHECKS]
            results += [await _judge(check, bench, selection, show) for check in PROVIDER_CHECKS]
    return Report(
        service=manifest.id if manifest else "",
        base_url=manifest.base_url if manifest else "",
        sso_url=manifest.sso_url if manifest else "",
        results=tuple(results),
        left=tuple(left),
    )


@asynccontextmanager
async def _set_up(
    file: ManifestFile, manifest: Manifest, order: Order, announce: Announce, left: list[str]
) -> AsyncIterator[Bench]:
    """Start a Heroku and wait for the provider; afterwards remove what was made, and note what is left."""
    world = build_world(
        manifest,
        manifest_text=file.text,
        environment=file.environment,
        client_secret=order.client_secret,
        plans=order.plans,
    )
    async with run_emulator(world, host=order.host, port=order.port) as heroku:
        announce(heroku.url, manifest)
        provider = Provider(manifest, patience=order.limits.patience)
        bench = Bench(
            provider=provider,
            heroku=heroku,
            plans=order.plans,
            limits=order.limits,
            has_callback=order.selection.has_callback,
        )
        try:
            await _await_provider(provider, order.limits.wait)
            yield bench
        finally:
            left += await bench.clear()
            await provider.close()


async def _await_provider(provider: Provider, wait: float) -> None:
    """Knock until somebody answers: a provider is often started when the checker's Heroku can be named to it."""
    deadline = time.monotonic() + wait
    while problem := await provider.find_problem():
        if time.monotonic() > deadline:
            address = provider.manifest.base_url
            raise ConfigurationError(
                [f"Nobody answers at {address}: {problem}. Start the provider, or name its address with --base-url."]
            )
        await asyncio.sleep(KNOCK_SECONDS)


async def _judge(check: Check[Subject], subject: Subject, selection: Selection, show: Show) -> Result:
    """Judge by one check, unless it is left out, and show the result."""
    if selection.find_reason(check):
        return _skip(check, selection, show)
    began = time.perf_counter()
    try:
        complaint = await check.judge(subject)
        result = conclude(check, complaint, seconds=time.perf_counter() - began)
    except NotJudged as reason:
        result = skip(check, reason)
    show(result)
    return result


def _skip(check: Check[Subject], selection: Selection, show: Show) -> Result:
    """Leave a check out because of the selection or, where it was selected, for want of a manifest."""
    left_out = selection.find_reason(check)
    needed = NotJudged(Why.NEEDS, "a manifest without mistakes")
    result = skip(check, NotJudged(Why.EXCLUDED, left_out) if left_out else needed)
    show(result)
    return result
