"""Providers that are wrong in what they answer to a provision."""

from typing import Any, ClassVar

from starlette.responses import JSONResponse, Response

from checker.provider import Provider, Resource, SynchronousProvider
from checker.wrong import caught_by


@caught_by("provision.id-is-text")
class AnswersIdAsNumber(Provider):
    def make_id(self, resource: Resource) -> Any:
        return 4711 + list(self.resources).index(resource.uuid)


@caught_by("provision.id-of-its-own")
class HasOneIdForEverybody(SynchronousProvider):
    def make_id(self, resource: Resource) -> Any:
        return "e8b3ca13"


@caught_by("provision.id-is-text", "provision.id-of-its-own")
class HasOneNumberForEverybody(SynchronousProvider):
    def make_id(self, resource: Resource) -> Any:
        return 123


@caught_by("provision.id-of-its-own")
class AnswersThePlanAsId(Provider):
    """One id for all who are on a plan."""

    def make_id(self, resource: Resource) -> Any:
        return f"pipes-{resource.plan}"


@caught_by("provision.has-id")
class AnswersIdAsAList(Provider):
    def make_id(self, resource: Resource) -> Any:
        return [resource.uuid]


@caught_by("provision.has-id")
class AnswersNoId(SynchronousProvider):
    def render(self, resource: Resource) -> dict[str, Any]:
        return {"message": "Welcome."}


@caught_by("provision.json-object")
class AnswersHtml(SynchronousProvider):
    async def provision(self, body: dict[str, Any]) -> Response:
        await super().provision(body)
        return Response("<p>Welcome.</p>", media_type="application/json")


@caught_by("provision.content-type")
class SaysItIsText(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        answer = await super().provision(body)
        answer.headers["content-type"] = "text/plain"
        return answer


@caught_by("provision.message-is-text")
class MessageIsAList(Provider):
    def render(self, resource: Resource) -> dict[str, Any]:
        return super().render(resource) | {"message": ["Welcome."]}


@caught_by("provision.config-comes-later")
class SendsConfigWith202(Provider):
    def render(self, resource: Resource) -> dict[str, Any]:
        return super().render(resource) | {"config": self.make_config(resource)}


@caught_by(
    "bodies.content-type",
    "bodies.legacy",
    "bodies.null-grant",
    "bodies.options",
    "bodies.short-offset",
    "bodies.unknown-members",
    "provision.status",
    "repeat.at-once",
)
class Fails(Provider):
    """Cannot provision at all."""

    async def provision(self, body: dict[str, Any]) -> Response:
        await super().provision(body)
        return JSONResponse({"message": "Oh no."}, 500)


@caught_by("provision.log-drain-url")
class NamesADrainOfPlainHttp(SynchronousProvider):
    api: ClassVar = {"requires": ["syslog_drain"]}

    def render(self, resource: Resource) -> dict[str, Any]:
        return super().render(resource) | {"log_drain_url": "http://in.pipescope.example/logs"}


@caught_by("provision.has-id")
class AnswersAnEmptyId(SynchronousProvider):
    def make_id(self, resource: Resource) -> Any:
        return ""


@caught_by("provision.log-drain-url")
class ForgetsItsLogDrain(Provider):
    api: ClassVar = {"requires": ["syslog_drain"]}
