"""Providers that are wrong in their manifest."""

from collections.abc import Mapping
from typing import Any, ClassVar

from checker.provider import Provider
from checker.wrong import caught_by


@caught_by("manifest.long-secrets")
class HasShortSecrets(Provider):
    password = "short"


@caught_by("manifest.config-vars")
class DeclaresAStrangeName(Provider):
    api: ClassVar = {"config_vars": ["PIPESCOPE_URL", "PIPESCOPE_TOKEN", "token"]}


@caught_by("manifest.regions")
class HasNoRegions(Provider):
    api: ClassVar = {"regions": []}


@caught_by("manifest.sso-salt")
class HasNoSalt(Provider):
    api: ClassVar = {"sso_salt": ""}


@caught_by("manifest.base-path")
class HasAPathOfItsOwn(Provider):
    base_path = "/addons/heroku/resources"

    def build_api(self) -> Mapping[str, Any]:
        return {"test": {"base_url": f"{self.url}/addons", "sso_url": f"{self.url}/sso/login"}}


@caught_by("manifest.version")
class SpeaksVersion1(Provider):
    api: ClassVar = {"version": "1"}


@caught_by("manifest.readable")
class HasNoManifest(Provider):
    @property
    def manifest(self) -> dict[str, Any]:
        return {"name": "PipeScope"}


@caught_by("manifest.id")
class HasAStrangeId(Provider):
    slug = "Pipe Scope"
    api: ClassVar = {"config_vars_prefix": "PIPESCOPE"}


@caught_by("manifest.password")
class HasNoPassword(Provider):
    password = ""


@caught_by("manifest.urls")
class HasARelativeAddress(Provider):
    api: ClassVar = {"test": {"base_url": "/heroku/resources"}}
