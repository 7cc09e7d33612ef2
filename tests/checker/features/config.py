"""Providers that are wrong about config vars."""

from typing import Any

from checker.provider import Provider, Resource, SynchronousProvider
from checker.wrong import caught_by


@caught_by("config.declared")
class SetsAnUndeclaredName(Provider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return super().make_config(resource) | {"PIPESCOPE_SIZE": "large"}


@caught_by("config.declared")
class AnswersAnUndeclaredName(SynchronousProvider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return super().make_config(resource) | {"PIPESCOPE_SIZE": "large"}


@caught_by("config.text")
class SetsANumber(Provider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return super().make_config(resource) | {"PIPESCOPE_TOKEN": 4711}


@caught_by("config.text")
class AnswersANumber(SynchronousProvider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return super().make_config(resource) | {"PIPESCOPE_TOKEN": 4711}


@caught_by("config.is-flat")
class AnswersNestedConfig(SynchronousProvider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return super().make_config(resource) | {"PIPESCOPE_TOKEN": {"value": "t0ken"}}


@caught_by("config.absolute-url")
class SetsARelativeUrl(Provider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return {"PIPESCOPE_URL": f"/r/{resource.uuid}"}


@caught_by("config.absolute-url")
class AnswersARelativeUrl(SynchronousProvider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return {"PIPESCOPE_URL": f"/r/{resource.uuid}"}
