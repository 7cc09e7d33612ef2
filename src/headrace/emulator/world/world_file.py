"""A world: the users, teams, apps, pipelines and add-on services that an emulator starts with, as TOML."""

import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from uuid import NAMESPACE_DNS, uuid4, uuid5

import msgspec

from headrace.emulator.kit.catalogue import REGIONS
from headrace.emulator.kit.faults import Fault
from headrace.emulator.kit.switches import Switches
from headrace.errors import ConfigurationError
from headrace.models import Stage
from headrace.protocol.manifest import Manifest, parse_manifest, strip_mark

BUILT_IN_WORLD: str = Path(__file__).with_name("world.toml").read_text("utf-8")
"""The text of the world that an emulator begins with unless it is given another one."""

# Ids are made from names in this namespace, so that every run of a world has the same ones.
NAMESPACE = uuid5(NAMESPACE_DNS, "headrace.emulator")


# An empty token or secret would let everybody in.
Text = Annotated[str, msgspec.Meta(min_length=1)]
Generation = Literal["cedar", "fir"]
Permission = Literal["deploy", "manage", "operate", "view"]
ProcessType = Annotated[str, msgspec.Meta(pattern=r"^[-\w]{1,128}$")]
Quantity = Annotated[int, msgspec.Meta(ge=0, le=100)]


class UserEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user, with the token that is theirs for good; one that is not given is made when the world is read."""

    email: Text
    token: Text = msgspec.field(default_factory=lambda: str(uuid4()))
    name: str = ""
    id: str = ""


class TeamEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A team; `members` tells the role of each by e-mail address, `enterprise` that permissions count in it."""

    name: str
    members: dict[str, str] = {}
    enterprise: bool = False
    id: str = ""


class PlanEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan; `price` is in cents a month."""

    name: str
    price: int = 0
    default: bool = False


class AddonServiceEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An add-on service: either `manifest`, a path to a manifest file, or what a manifest would say.

    Review and CI apps get `short_lived_plan`, those in Private Spaces `private_short_lived_plan`, else the default one.
    """

    client_secret: Text
    plans: tuple[PlanEntry, ...]
    manifest: str = ""
    environment: str = "production"
    slug: str = ""
    name: str = ""
    password: str = ""
    sso_salt: str = ""
    config_vars: tuple[str, ...] = ()
    config_vars_prefix: str | None = None
    regions: tuple[str, ...] = ("us", "eu")
    requires: tuple[str, ...] = ()
    generations: tuple[Generation, ...] = ("cedar", "fir")
    short_lived_plan: str = ""
    private_short_lived_plan: str = ""
    base_url: str = ""
    sso_url: str = ""


class AppEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An app; `owner` is a user's e-mail address or the name of a team, `formation` the dynos of each process type.

    `permissions` tells what collaborators may do, by e-mail address; without it they may do everything, or view the app
    alone where it is an Enterprise team's.
    """

    name: str
    owner: str
    region: str = "us"
    generation: Generation = "cedar"
    collaborators: tuple[str, ...] = ()
    permissions: dict[str, tuple[Permission, ...]] = {}
    config: dict[str, str] = {}
    formation: dict[ProcessType, Quantity] = {}
    id: str = ""


class PipelineEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pipeline; without `owner` it belongs to nobody, which Heroku's schema allows.

    `repository` is what it is connected to, `app_json` what that has in its file of this name, and `review_apps` says
    whether pull requests get one.
    """

    name: str
    owner: str | None = None
    generation: Generation = "cedar"
    repository: str = ""
    app_json: dict[str, Any] = {}
    review_apps: bool = False
    id: str = ""


class CouplingEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    app: str
    pipeline: str
    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class AddonServiceSpec:
    """An add-on service of a world, its manifest read. `manifest_text` is what a service is run with."""

    manifest: Manifest
    manifest_text: str
    client_secret: str
    plans: tuple[PlanEntry, ...]
    generations: tuple[Generation, ...]
    environment: str
    short_lived_plan: str = ""
    private_short_lived_plan: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What an emulated Heroku begins with, read from TOML and free of contradictions."""

    users: tuple[UserEntry, ...]
    teams: tuple[TeamEntry, ...]
    addon_services: tuple[AddonServiceSpec, ...]
    apps: tuple[AppEntry, ...]
    pipelines: tuple[PipelineEntry, ...]
    couplings: tuple[CouplingEntry, ...]
    faults: tuple[Fault, ...] = ()
    switches: Switches = field(default_factory=Switches)


def load_world(toml_text: str, *, directory: Path | None = None) -> World:
    """Return the world that a TOML text describes; manifest paths are relative to `directory`.

    Raises:
        ConfigurationError: every problem that the text has, each naming its place.

    """
    tables = _parse_toml(toml_text)
    problems = [f"{key}: there is no such table." for key in sorted(set(tables) - {*KINDS, "switches"})]
    entries = {kind: _read_entries(tables.get(kind, []), kind, problems) for kind in KINDS}
    services = tuple(_read_services(entries["addon_services"], directory or Path(), problems))
    switches = _read_switches(tables.get("switches", {}), problems)
    world = World(**{**entries, "addon_services": services}, switches=switches)
    problems += _find_problems(world)
    if problems:
        raise ConfigurationError(problems)
    return world


# The same few names of regions, stacks, generations and partners stand in one answer after another.
@lru_cache(maxsize=4096)
def derive_id(kind: str, name: str) -> str:
    return str(uuid5(NAMESPACE, f"{kind}:{name}"))


KINDS: Mapping[str, type[msgspec.Struct]] = {
    "users": UserEntry,
    "teams": TeamEntry,
    "addon_services": AddonServiceEntry,
    "apps": AppEntry,
    "pipelines": PipelineEntry,
    "couplings": CouplingEntry,
    "faults": Fault,
}
T = TypeVar("T")


def _parse_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"The world is not valid TOML: {error}"]) from None


def _read_entries(table: Any, kind: str, problems: list[str]) -> tuple[Any, ...]:
    if not isinstance(table, list):
        problems.append(f"{kind}: write it as a list, [[{kind}]].")
        return ()
    found = []
    for number, entry in enumerate(table, start=1):
        try:
            found.append(msgspec.convert(entry, KINDS[kind]))
        except msgspec.ValidationError as error:
            problems.append(f"{kind}, number {number}: {error}")
    return tuple(found)


def _read_switches(table: Any, problems: list[str]) -> Switches:
    switches = Switches()
    try:
        switches.update(table)
    except msgspec.ValidationError as error:
        problems.append(f"switches: {error}")
    return switches


def _read_services(
    entries: Iterable[AddonServiceEntry], directory: Path, problems: list[str]
) -> Iterator[AddonServiceSpec]:
    for entry in entries:
        place = f"addon_services, {entry.slug or entry.manifest or '?'}"
        try:
            text = _read_manifest(entry, directory)
            manifest = parse_manifest(text, environment=entry.environment, is_emulated=True)
        except ConfigurationError as error:
            problems += [f"{place}: {problem}" for problem in error.problems]
            continue
        yield AddonServiceSpec(
            manifest=manifest,
            manifest_text=text,
            client_secret=entry.client_secret,
            plans=entry.plans,
            generations=entry.generations,
            environment=entry.environment,
            short_lived_plan=entry.short_lived_plan,
            private_short_lived_plan=entry.private_short_lived_plan,
        )


def _read_manifest(entry: AddonServiceEntry, directory: Path) -> str:
    if not entry.manifest:
        return _build_manifest(entry)
    try:
        text = (directory / entry.manifest).read_bytes()
        return msgspec.json.encode(msgspec.json.decode(strip_mark(text))).decode()
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError([f"manifest: {error}"]) from None


def _build_manifest(entry: AddonServiceEntry) -> str:
    urls = {key: url for key, url in (("base_url", entry.base_url), ("sso_url", entry.sso_url)) if url}
    api: dict[str, Any] = {
        "version": "3",
        "config_vars": entry.config_vars,
        "password": entry.password,
        "sso_salt": entry.sso_salt,
        "regions": entry.regions,
        "requires": entry.requires,
        "production": urls,
        "test": urls,
    }
    if entry.config_vars_prefix is not None:
        api["config_vars_prefix"] = entry.config_vars_prefix
    return msgspec.json.encode({"id": entry.slug, "name": entry.name, "api": api}).decode()


def _find_problems(world: World) -> Iterator[str]:
    emails = {user.email for user in world.users}
    owners = emails | {team.name for team in world.teams}
    apps = {app.name for app in world.apps}
    pipelines = {pipeline.name for pipeline in world.pipelines}
    yield from _find_repeats(world)
    for team in world.teams:
        yield from _find_strangers(f"teams, {team.name}", team.members, emails)
    for app in world.apps:
        yield from _find_strangers(f"apps, {app.name}", [app.owner], owners)
        yield from _find_strangers(f"apps, {app.name}", app.collaborators, emails)
        yield from _find_strangers(f"apps, {app.name}, permissions", app.permissions, app.collaborators)
        yield from _find_strangers(f"apps, {app.name}", [app.region], REGIONS)
    for pipeline in world.pipelines:
        yield from _find_strangers(f"pipelines, {pipeline.name}", [pipeline.owner] if pipeline.owner else [], owners)
        if pipeline.review_apps and not pipeline.repository:
            yield f"pipelines, {pipeline.name}: review apps need a repository."
    for coupling in world.couplings:
        place = f"couplings, {coupling.app}"
        yield from _find_strangers(place, [coupling.app], apps)
        yield from _find_strangers(place, [coupling.pipeline], pipelines)
    for service in world.addon_services:
        yield from _find_plan_problems(service)


def _find_strangers(place: str, names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    return (f"{place}: there is no {name}." for name in names if name not in known)


def _find_repeats(world: World) -> Iterator[str]:
    for kind, names in {
        "users": [user.email for user in world.users],
        "users, token": [user.token for user in world.users],
        "teams": [team.name for team in world.teams],
        "addon_services": [service.manifest.id for service in world.addon_services],
        "addon_services, client_secret": [service.client_secret for service in world.addon_services],
        "apps": [app.name for app in world.apps],
        "pipelines": [pipeline.name for pipeline in world.pipelines],
        "couplings": [coupling.app for coupling in world.couplings],
    }.items():
        # A repeated secret is reported without being shown.
        shown = "one of them" if kind.endswith(("token", "client_secret")) else "{}"
        repeated = sorted(name for name, count in Counter(names).items() if count > 1)
        yield from (f"{kind}: {shown.format(name)} stands there more than once." for name in repeated)


def _find_plan_problems(service: AddonServiceSpec) -> Iterator[str]:
    place = f"addon_services, {service.manifest.id}"
    names = [plan.name for plan in service.plans]
    if not names:
        yield f"{place}: it needs a plan at least."
    if len(set(names)) < len(names):
        yield f"{place}: two plans have one name."
    if sum(plan.default for plan in service.plans) > 1:
        yield f"{place}: more than one plan is the default."
    short_lived = (service.short_lived_plan, service.private_short_lived_plan)
    yield from _find_strangers(f"{place}, plans for short-lived apps", filter(None, short_lived), names)
