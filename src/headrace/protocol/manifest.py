"""The add-on manifest: who the add-on service is, to Heroku and to us (contract §5)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from headrace.errors import ConfigurationError
from headrace.models import Secret
from headrace.protocol.wire import Unreadable, decode_json

CONFIG_VAR = re.compile(r"[A-Z][0-9A-Z_]+")
SLUG = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An add-on service as its manifest declares it. `id` is the slug and the Basic user name.

    `base_url` and `sso_url` are those of the environment asked for: production, or test.
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

    @property
    def resources_path(self) -> str:
        """Where on our host Heroku calls the Partner API."""
        return urlsplit(self.base_url).path.rstrip("/") or "/heroku/resources"

    @property
    def webhooks_url(self) -> str:
        """Where webhooks are delivered: beside the Partner API; the resource's uuid follows."""
        path = self.resources_path.rpartition("/")[0] + "/webhooks"
        return urlsplit(self.base_url)._replace(path=path, query="", fragment="").geturl()

    def find_undeclared(self, config: Mapping[str, object]) -> list[str]:
        """Names a hook returned that the manifest does not declare; Heroku would refuse them (contract §1.2)."""
        return sorted(set(config) - set(self.config_vars))


def parse_manifest(text: str | bytes, *, environment: str = "production") -> Manifest:
    """Return the manifest.

    Raises:
        ConfigurationError: every problem that the text has, each naming its key.

    """
    try:
        wire = decode_json(text, _ManifestBody)
    except Unreadable as error:
        raise ConfigurationError([f"The manifest cannot be read: {error}"]) from None
    problems = list(_find_problems(wire, environment))
    if problems:
        raise ConfigurationError(problems)
    urls = _urls(wire, environment)
    return Manifest(
        id=wire.id,
        name=wire.name or wire.id,
        password=Secret(wire.api.password),
        sso_salt=Secret(wire.api.sso_salt),
        config_vars=tuple(wire.api.config_vars),
        config_vars_prefix=_prefix(wire),
        regions=tuple(wire.api.regions),
        requires=tuple(wire.api.requires),
        base_url=urls.get("base_url", ""),
        sso_url=urls.get("sso_url", ""),
    )


def render_manifest(manifest: Manifest) -> str:
    """Return a text that parses to this manifest, whatever the environment."""
    urls = {"base_url": manifest.base_url, "sso_url": manifest.sso_url}
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


class _ApiBody(msgspec.Struct, kw_only=True):
    password: str = ""
    sso_salt: str = ""
    config_vars: list[str] = []
    config_vars_prefix: str | None = None
    regions: list[str] = []
    requires: list[str] = []
    production: dict[str, str] | str = {}
    test: dict[str, str] | str = {}
    version: str | int = "3"


class _ManifestBody(msgspec.Struct, kw_only=True):
    id: str
    api: _ApiBody
    name: str = ""


def _find_problems(wire: _ManifestBody, environment: str) -> Iterator[str]:
    if not SLUG.fullmatch(wire.id):
        yield "id: use lower-case letters, digits and dashes, beginning with a letter."
    for key in ("password", "sso_salt"):
        if not getattr(wire.api, key):
            yield f"api.{key}: missing. It stands in the manifest that the Partner Portal shows."
    for name in wire.api.config_vars:
        yield from _find_name_problems(name, _prefix(wire))
    if not wire.api.regions:
        yield 'api.regions: empty. Name Heroku\'s regions, such as ["us", "eu"].'
    urls = _urls(wire, environment)
    if not urls.get("base_url"):
        yield f"api.{environment}.base_url: missing. Heroku calls your service there."
    for key in sorted(urls):
        yield from _find_url_problems(f"api.{environment}.{key}", urls[key])


def _find_name_problems(name: str, prefix: str) -> Iterator[str]:
    if not CONFIG_VAR.fullmatch(name):
        yield f"api.config_vars: {name} is not a name of capitals, digits and underscores."
    elif not name.startswith(f"{prefix}_"):
        yield f"api.config_vars: {name} must begin with {prefix}_."


def _find_url_problems(key: str, url: str) -> Iterator[str]:
    scheme, host = read_origin(url)
    if scheme not in ("http", "https") or not host:
        yield f"{key}: this is not an absolute URL."
    elif scheme == "http" and not is_loopback(url):
        yield f"{key}: must begin with https://."


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


def expand_urls(urls: dict[str, str] | str) -> dict[str, str]:
    """Return the URLs of an environment; a bare root URL stands for both (contract §5)."""
    if isinstance(urls, str):
        root = urls.rstrip("/")
        return {"base_url": f"{root}/heroku/resources", "sso_url": f"{root}/sso/login"} if root else {}
    return dict(urls)


def _urls(wire: _ManifestBody, environment: str) -> dict[str, str]:
    urls: dict[str, str] | str = getattr(wire.api, environment)
    return expand_urls(urls)


def _prefix(wire: _ManifestBody) -> str:
    return wire.api.config_vars_prefix or wire.id.upper().replace("-", "_")
