"""The manifest: what the add-on service declares of itself, judged from the file alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from headrace.checker.kit.articles import MANIFEST
from headrace.checker.kit.fact import Complaint, Feature, Level, NotJudged, Sureness, Why
from headrace.protocol.manifest import BASE_PATH, UNREADABLE, Manifest, expand_urls, read_manifest, strip_mark

SECRET_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """A manifest's JSON, what is wrong with it, and, unless nobody could be called with that, what it says."""

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


def read_file(text: bytes, *, base_url: str = "", sso_url: str = "") -> ManifestFile:
    """Return a manifest file; the addresses given replace those for tests, which count where there are any."""
    try:
        content = msgspec.json.decode(strip_mark(text))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        content = None
    api = content.get("api") if isinstance(content, dict) else None
    environment = "production"
    if isinstance(api, dict):
        given = {name: url for name, url in (("base_url", base_url), ("sso_url", sso_url)) if url}
        if given:
            api["test"] = (_list_urls(api.get("test")) or _list_urls(api.get("production"))) | given
        environment = "test" if _list_urls(api.get("test")) else "production"
    reading = read_manifest(msgspec.json.encode(content) if api else text, environment=environment)
    return ManifestFile(content=content, environment=environment, problems=reading.problems, parsed=reading.manifest)


def _list_urls(urls: Any) -> dict[str, str]:
    """Return the addresses of an environment, none where they are not what they should be."""
    if isinstance(urls, str):
        return expand_urls(urls)
    given = urls if isinstance(urls, Mapping) else {}
    return expand_urls({name: url for name, url in given.items() if isinstance(url, str)})


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


for _name, _key, _text in (
    ("id", "id:", "`id` is a slug of lower-case letters and digits, with dashes or underscores between them."),
    ("password", "api.password:", "`api.password` is there: it is what Heroku calls the provider with."),
    ("sso-salt", "api.sso_salt:", "`api.sso_salt` is there where `sso_url` is: login forms are signed with it."),
    (
        "config-vars",
        "api.config_vars:",
        "`api.config_vars` are names of capitals, digits and underscores that begin with the prefix.",
    ),
    ("regions", "api.regions:", "`api.regions` names a region at least."),
    (
        "urls",
        "api.{environment}.",
        "`base_url` and, if it is there, `sso_url` are absolute URLs, in production of https://.",
    ),
):
    manifest.add(_name, _text, partial(names_no_problem, key=_key, expected=_text), level=Level.MUST, article=MANIFEST)


@manifest.should(MANIFEST, Sureness.SEEN)
async def version(file: ManifestFile) -> Complaint | None:
    """`api.version` is "3": the older Partner APIs are gone."""
    given = file.api.get("version")
    return None if str(given) == "3" else Complaint(expected='"3"', came=repr(given))


@manifest.should(MANIFEST)
async def base_path(file: ManifestFile) -> Complaint | None:
    """`base_url` ends in /heroku/resources; Heroku adds it where it is missing, and so does the checker."""
    given = _list_urls(file.api.get(file.environment)).get("base_url", "")
    if isinstance(file.api.get(file.environment), str) or given.rstrip("/").endswith(BASE_PATH):
        return None
    return Complaint(expected=f"…{BASE_PATH}", came=given or "no base_url")


@manifest.should(MANIFEST, Sureness.SEEN)
async def long_secrets(file: ManifestFile) -> Complaint | None:
    """Password and salt have 32 characters or more, as Heroku's generator makes them."""
    given = {name: file.api.get(name) or "" for name in ("password", "sso_salt")}
    short = [name for name, secret in given.items() if 0 < len(secret) < SECRET_LENGTH]
    if not short:
        return None
    return Complaint(expected=f"{SECRET_LENGTH} random characters", came=f"fewer in {' and '.join(short)}")
