"""The revisions of an add-on service's manifest, the latest of which is in force (contract §5)."""

from datetime import datetime
from typing import Any

import msgspec

from headrace.emulator.kit.catalogue import REGIONS
from headrace.emulator.world.records import AddonService, ManifestRevision
from headrace.emulator.world.world_file import derive_id
from headrace.errors import ConfigurationError
from headrace.protocol.manifest import Manifest, parse_manifest

BASE = "$base"
# What a manifest's `requires` may ask for (contract §5).
MANY_PER_APP = "many_per_app"
ATTACHABLE = "attachable"
ANYWHERE = {"*", *REGIONS}


def push_manifest(service: AddonService, contents: dict[str, Any], *, at: datetime) -> ManifestRevision:
    """Put a manifest in force. Its `$base`, if it has one, is the revision that it was made from.

    Raises:
        ConfigurationError: every problem that it has.

    """
    problems = list(_find_problems(service, contents))
    if problems:
        raise ConfigurationError(problems)
    service.manifest = _parse(service, contents)
    return add_revision(service, contents, at=at)


def add_revision(service: AddonService, contents: dict[str, Any], *, at: datetime) -> ManifestRevision:
    """Remember a manifest that is in force, under the next number."""
    number = len(service.revisions) + 1
    revision_id = derive_id("manifest", f"{service.name}:{number}")
    revision = ManifestRevision(id=revision_id, contents=contents | {BASE: number}, created_at=at)
    service.revisions[revision.id] = revision
    return revision


def current_revision(service: AddonService) -> ManifestRevision:
    return next(reversed(service.revisions.values()))


def _find_problems(service: AddonService, contents: dict[str, Any]) -> list[str]:
    """An old base first: whoever has it should look at what is in force before anything else."""
    latest = len(service.revisions)
    if contents.get(BASE, latest) != latest:
        return [f"{BASE} is not {latest}: the manifest has been changed since. Pull it first."]
    try:
        manifest = _parse(service, contents)
    except ConfigurationError as error:
        return list(error.problems)
    problems = [f"api.regions: there is no region {name}." for name in manifest.regions if name not in ANYWHERE]
    return problems if manifest.id == service.name else [*problems, f"id: it is {service.name} and cannot change."]


def _parse(service: AddonService, contents: dict[str, Any]) -> Manifest:
    return parse_manifest(msgspec.json.encode(contents), environment=service.environment, is_emulated=True)
