"""The manifest: what the add-on service declares of itself, judged from the file alone."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from headrace.checker.articles import MANIFEST
from headrace.checker.check import Complaint, Feature, Level, NotJudged, Sureness, Why
from headrace.errors import ConfigurationError
from headrace.protocol.manifest import Manifest, expand_urls, parse_manifest

UNREADABLE = "The manifest cannot be read"
BASE_PATH = "/heroku/resources"
SECRET_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """A manifest's JSON, what is wrong with it, and, unless that is too much, what it says."""

    content: Any
    environment: str
    problems: tuple[str, ...]
    parsed: Manifest | None

    @property
    def text(self) -> str:
        return msgspec.json.encode(self.content).decode()

    def require_readable(self) -> None:
        if any(problem.startswith(UNREADABLE) for problem in self.problems):
            raise NotJudged(Why.NEEDS, "a manifest that can be read")

    @property
    def api(self) -> dict[str, Any]:
        self.require_readable()
        api: dict[str, Any] = self.content["api"]
        return api


def read_manifest(text: bytes, *, base_url: str = "", sso_url: str = "") -> ManifestFile:
    """Return a manifest file, its addresses replaced by those given. The `test` ones count where there are any."""
    try:
        content = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        content = None
    environment = "production"
    api = content.get("api") if isinstance(content, dict) else None
    if isinstance(api, dict):
        environment = "test" if api.get("test") else "production"
        given = {"base_url": base_url, "sso_url": sso_url}
        urls = expand_urls(api.get(environment) or {})
        api[environment] = urls | {name: url for name, url in given.items() if url}
    try:
        parsed = parse_manifest(msgspec.json.encode(content) if api else text, environment=environment)
    except ConfigurationError as error:
        return ManifestFile(content=content, environment=environment, problems=error.problems, parsed=None)
    return ManifestFile(content=content, environment=environment, problems=(), parsed=parsed)


manifest: Feature[ManifestFile] = Feature("manifest", "What the add-on service declares of itself.")


@manifest.must(MANIFEST)
async def readable(file: ManifestFile) -> Complaint | None:
    """The manifest is a JSON object with `id` and `api`."""
    found = [problem for problem in file.problems if problem.startswith(UNREADABLE)]
    return Complaint(expected="a JSON object with `id` and `api`", came=found[0]) if found else None


async def names_no_problem(file: ManifestFile, *, key: str, expected: str) -> Complaint | None:
    """Judge by what reading the manifest found wrong under a key."""
    file.require_readable()
    place = key.format(environment=file.environment)
    found = [problem for problem in file.problems if problem.startswith(place)]
    return Complaint(expected=expected, came=" ".join(found)) if found else None


for _name, _key, _fact, _sureness in (
    ("id", "id:", "`id` is a slug of lower-case letters, digits and dashes.", Sureness.STATED),
    ("password", "api.password:", "`api.password` is there: it is what Heroku calls the provider with.", Sureness.SEEN),
    ("sso-salt", "api.sso_salt:", "`api.sso_salt` is there: it is what login forms are signed with.", Sureness.SEEN),
    (
        "config-vars",
        "api.config_vars:",
        "`api.config_vars` are names of capitals, digits and underscores that begin with the prefix.",
        Sureness.SEEN,
    ),
    ("regions", "api.regions:", "`api.regions` names a region at least.", Sureness.STATED),
    (
        "urls",
        "api.{environment}.",
        "The addresses are absolute URLs, and https:// unless they stay on this machine.",
        Sureness.STATED,
    ),
):
    manifest.add(
        _name,
        _fact,
        partial(names_no_problem, key=_key, expected=_fact),
        level=Level.MUST,
        article=MANIFEST,
        sureness=_sureness,
    )


@manifest.should(MANIFEST, Sureness.SEEN)
async def version(file: ManifestFile) -> Complaint | None:
    """`api.version` is "3": the older Partner APIs are gone."""
    given = file.api.get("version")
    return None if str(given) == "3" else Complaint(expected='"3"', came=repr(given))


@manifest.should(MANIFEST)
async def base_path(file: ManifestFile) -> Complaint | None:
    """`base_url` ends in /heroku/resources; Heroku adds it where it is missing."""
    given = expand_urls(file.api.get(file.environment) or {}).get("base_url", "")
    return None if given.endswith(BASE_PATH) else Complaint(expected=f"…{BASE_PATH}", came=given or "no base_url")


@manifest.should(MANIFEST, Sureness.SEEN)
async def long_secrets(file: ManifestFile) -> Complaint | None:
    """Password and salt have 32 characters or more, as Heroku's generator makes them."""
    short = [name for name in ("password", "sso_salt") if 0 < len(str(file.api.get(name, ""))) < SECRET_LENGTH]
    if not short:
        return None
    return Complaint(expected=f"{SECRET_LENGTH} random characters", came=f"fewer in {' and '.join(short)}")
