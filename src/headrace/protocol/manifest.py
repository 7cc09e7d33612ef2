"""The add-on manifest: who the add-on service is, to Heroku and to us (contract §5)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from headrace.errors import ConfigurationError
from headrace.models import Secret
from headrace.protocol.wire import Unreadable, decode_json

CONFIG_VAR = re.compile(r"[A-Z][0-9A-Z_]+")
# Heroku's article wants no punctuation, and live slugs have dashes and underscores.
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
BASE_PATH = "/heroku/resources"
ADDRESSES = ("base_url", "sso_url")
SSO_PATH = "/sso/login"
# What `requires` says that an app's log be sent to the add-on.
SYSLOG_DRAIN = "syslog_drain"
DRAIN_URL = re.compile(r"(https|syslog)://\S+")
# Where every app was before a manifest named regions.
FIRST_REGION = "us"
UNREADABLE = "The manifest cannot be read"
# A member of ours beside Heroku's, for as long as a password is rotated.
BEFORE = "$before"
BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An add-on service as its manifest declares it. `id` is the slug and the Basic user name.

    `base_url` and `sso_url` are those of the environment asked for: production, or test. A service without
    single sign-on has neither `sso_url` nor `sso_salt`: both are empty.
    """

    id: str
    name: str
    password: Secret
    sso_salt: Secret
    config_vars: tuple[str, ...]
    config_vars_prefix: str
    regions: tuple[str, ...]
    requires: tuple[str, ...]
    base_url: str
    sso_url: str
    before: "Before | None" = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Everything of it that is secret."""
        return (self.password, self.sso_salt, *((self.before.password,) if self.before else ()))

    def list_passwords(self, now: datetime) -> tuple[Secret, ...]:
        """Return what Heroku may call with: while a rotation lasts, also the password that it replaces."""
        is_rotating = self.before is not None and now < self.before.until
        return (self.password, self.before.password) if self.before and is_rotating else (self.password,)

    @property
    def resources_path(self) -> str:
        """Where on our host Heroku calls the Partner API."""
        return urlsplit(self.base_url).path

    @property
    def sso_path(self) -> str:
        """Where on our host Heroku has customers log in, empty without single sign-on."""
        return (urlsplit(self.sso_url).path or "/") if self.sso_url else ""

    @property
    def webhooks_url(self) -> str:
        """Where webhooks are delivered: beside the Partner API; the resource's uuid follows."""
        path = self.resources_path.rpartition("/")[0] + "/webhooks"
        return urlsplit(self.base_url)._replace(path=path, query="", fragment="").geturl()

    def find_outside(self, prefix: str) -> list[str]:
        """Say of each address whose path is not below a prefix that it is not, naming its key."""
        urls = {"base_url": self.base_url, **({"sso_url": self.sso_url} if self.sso_url else {})}
        return [
            f"{key}: {url} is not below {prefix}/, where the service is mounted."
            for key, url in urls.items()
            if not (urlsplit(url).path or "/").startswith(f"{prefix}/")
        ]

    def find_undeclared(self, config: Mapping[str, object]) -> list[str]:
        """Names a hook returned that the manifest does not declare; Heroku would refuse them (contract §1.2)."""
        return sorted(set(config) - set(self.config_vars))


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The password before a rotation, and until when it is good: ours, of which Heroku is told nothing."""

    password: Secret
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a manifest says, and each problem of it that Heroku has too, which names its key first.

    `manifest` is None where Heroku could not call the service at all: without a user name, a password or an address.
    """

    manifest: Manifest | None
    problems: tuple[str, ...] = ()


def parse_manifest(text: str | bytes, *, environment: str = "production", is_emulated: bool = False) -> Manifest:
    """Return the manifest; the arguments are those of `read_manifest`.

    Raises:
        ConfigurationError: every problem that the text has, each naming its key.

    """
    reading = read_manifest(text, environment=environment, is_emulated=is_emulated)
    if reading.manifest is None or reading.problems:
        raise ConfigurationError(reading.problems)
    return reading.manifest


def read_manifest(text: str | bytes, *, environment: str = "production", is_emulated: bool = False) -> Reading:
    """Judge a manifest by Heroku's own rules, those of its article "Add-on Manifest" and of kensa (contract §5).

    Whoever reads one, a service, a world file or the checker, reads it here. `environment` is production or test;
    Heroku never calls `test`, so that where it is missing `production` stands for it, and plain http is fine there.
    With `is_emulated`, an emulator is what calls, to which plain http is fine everywhere.
    """
    try:
        wire = decode_json(strip_mark(text), _ManifestBody)
    except Unreadable as error:
        return Reading(manifest=None, problems=(f"{UNREADABLE}: {error}",))
    place = "test" if environment == "test" and expand_urls(wire.api.test) else "production"
    urls = _find_urls(wire.api, place)
    address_problems = _find_address_problems(f"api.{place}", urls, is_plain_fine=is_emulated or place == "test")
    problems = (*_find_problems(wire, urls), *address_problems)
    # A user name ends at its first colon (RFC 7617), and so does a service's name before its plan.
    has_user_name = bool(wire.id) and ":" not in wire.id
    can_be_called = has_user_name and wire.api.password and _is_address(urls.get("base_url", ""))
    return Reading(manifest=_build(wire, urls) if can_be_called else None, problems=problems)


def render_manifest(manifest: Manifest) -> str:
    """Return a text that parses to this manifest, whatever the environment."""
    urls: dict[str, str | None] = {
        "base_url": manifest.base_url,
        **({"sso_url": manifest.sso_url} if manifest.sso_url else {}),
    }
    api = _ApiBody(
        password=manifest.password.reveal(),
        sso_salt=manifest.sso_salt.reveal(),
        config_vars=list(manifest.config_vars),
        config_vars_prefix=manifest.config_vars_prefix,
        regions=list(manifest.regions),
        requires=list(manifest.requires),
        production=urls,
        test=urls,
    )
    return msgspec.json.encode(_ManifestBody(id=manifest.id, name=manifest.name, api=api)).decode()


def complete_base_url(url: str) -> str:
    """Return where Heroku calls: it appends /heroku/resources where that is missing (its article, since 2014)."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(BASE_PATH) else f"{path}{BASE_PATH}").geturl()


def strip_mark(text: str | bytes) -> str | bytes:
    """Return a text without the byte-order mark that some editors put before UTF-8, and that is no JSON."""
    if isinstance(text, bytes):
        return text.removeprefix(BYTE_ORDER_MARK.encode())
    return text.removeprefix(BYTE_ORDER_MARK)


class _ApiBody(msgspec.Struct, kw_only=True):
    password: str | None = ""
    sso_salt: str | None = ""
    config_vars: list[str] | None = None
    config_vars_prefix: str | None = None
    regions: list[str] | None = None
    requires: list[str] | None = None
    production: dict[str, str | None] | str | None = None
    test: dict[str, str | None] | str | None = None
    version: str | int | None = "3"


class _BeforeBody(msgspec.Struct, kw_only=True):
    password: Annotated[str, msgspec.Meta(min_length=1)]
    until: Annotated[datetime, msgspec.Meta(tz=True)]


class _ManifestBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    id: str
    api: _ApiBody
    name: str | None = ""
    before: _BeforeBody | None = msgspec.field(default=None, name=BEFORE)


def _build(wire: _ManifestBody, urls: Mapping[str, str]) -> Manifest:
    sso_url = urls.get("sso_url", "")
    has_sso = bool(wire.api.sso_salt) and _is_address(sso_url)
    return Manifest(
        id=wire.id,
        name=wire.name or wire.id,
        password=Secret(wire.api.password or ""),
        sso_salt=Secret(wire.api.sso_salt or ""),
        config_vars=tuple(wire.api.config_vars or ()),
        config_vars_prefix=_prefix(wire),
        regions=tuple(wire.api.regions or (FIRST_REGION,)),
        requires=tuple(wire.api.requires or ()),
        base_url=complete_base_url(urls["base_url"]),
        sso_url=sso_url if has_sso else "",
        before=Before(password=Secret(wire.before.password), until=wire.before.until) if wire.before else None,
    )


def _find_problems(wire: _ManifestBody, urls: Mapping[str, str]) -> Iterator[str]:
    """All but the addresses. An empty list of regions is refused (the article); a missing one is older than regions."""
    if not SLUG.fullmatch(wire.id):
        yield "id: use lower-case letters, digits, dashes and underscores, beginning with a letter or a digit."
    if not wire.api.password:
        yield "api.password: missing. It stands in the manifest that the Partner Portal shows."
    if urls.get("sso_url") and not wire.api.sso_salt:
        yield "api.sso_salt: missing. Forms for sso_url are signed with it; it stands in the Partner Portal's manifest."
    for name in wire.api.config_vars or ():
        yield from _find_name_problems(name, _prefix(wire))
    if wire.api.regions is not None and not wire.api.regions:
        yield 'api.regions: empty. Name Heroku\'s regions, such as ["us", "eu"].'


def _find_name_problems(name: str, prefix: str) -> Iterator[str]:
    if not CONFIG_VAR.fullmatch(name):
        yield f"api.config_vars: {name} is not a name of capitals, digits and underscores."
    elif not name.startswith(f"{prefix}_"):
        yield f"api.config_vars: {name} must begin with {prefix}_."


def _find_address_problems(place: str, urls: Mapping[str, str], *, is_plain_fine: bool) -> Iterator[str]:
    if not urls.get("base_url"):
        yield f"{place}.base_url: missing. Heroku calls your service there."
    for key, url in sorted(urls.items()):
        if not _is_address(url):
            yield f"{place}.{key}: this is not an absolute URL."
        elif urlsplit(url).scheme == "http" and not is_plain_fine and not is_loopback(url):
            yield f"{place}.{key}: must begin with https://."
    if all(_is_address(urls.get(key, "")) for key in ADDRESSES) and _clash(urls):
        yield f"{place}.sso_url: is base_url too. Both get POSTs, and a login is no provision."


def _clash(urls: Mapping[str, str]) -> bool:
    paths = {urlsplit(url).path.rstrip("/") for url in (complete_base_url(urls["base_url"]), urls["sso_url"])}
    return len(paths) == 1


def is_drain_url(url: str, *, or_local: bool = False) -> bool:
    """Whether a log can be drained there (contract §1.2); plain http only to this machine, where that is meant."""
    return DRAIN_URL.fullmatch(url) is not None or (or_local and url.startswith("http://") and is_loopback(url))


def is_emulated(url: str, emulator_host: str) -> bool:
    """Whether an address is on this machine, or on the one that was said to have an emulator."""
    return is_loopback(url) or (bool(emulator_host) and read_origin(url)[1] == emulator_host)


def is_loopback(url: str) -> bool:
    """Whether a URL stays on this machine, where plain http is fine (contract §1.1)."""
    return read_origin(url)[1] in ("localhost", "127.0.0.1", "::1")


def read_origin(url: str) -> tuple[str, str]:
    """Return a URL's scheme and host name, both empty when it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""


def expand_urls(urls: Mapping[str, str | None] | str | None, *, has_sso: bool = True) -> dict[str, str]:
    """Return the URLs of an environment; a bare root URL stands for both, if there is single sign-on (contract §5)."""
    if isinstance(urls, str):
        root = urls.strip().rstrip("/")
        sso = {"sso_url": f"{root}{SSO_PATH}"} if has_sso else {}
        return {"base_url": root, **sso} if root else {}
    return {name: url.strip() for name, url in (urls or {}).items() if name in ADDRESSES and url and url.strip()}


def _find_urls(api: _ApiBody, place: str) -> dict[str, str]:
    """Return the addresses of an environment; without a salt there are logins where `production` says so only."""
    has_sso = bool(api.sso_salt)
    urls = expand_urls(getattr(api, place), has_sso=has_sso)
    if not has_sso and "sso_url" not in expand_urls(api.production, has_sso=False):
        urls.pop("sso_url", None)
    return urls


def _is_address(url: str) -> bool:
    scheme, host = read_origin(url)
    return scheme in ("http", "https") and bool(host)


def _prefix(wire: _ManifestBody) -> str:
    return wire.api.config_vars_prefix or wire.id.upper().replace("-", "_")
