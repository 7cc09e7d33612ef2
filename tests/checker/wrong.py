"""Providers that are each wrong in one way, and the checks that have to say so."""

import asyncio
import json
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .provider import PAUSE_SECONDS, PLANS, Provider, Refusal, Resource, SynchronousProvider
from .running import IMPATIENT, QUICK

VERBS = ("post", "put", "delete")
WRONG_CREDENTIALS = ("missing", "wrong-password", "empty-password", "wrong-user", "malformed", "other-scheme")
BEFORE_LOOK_UP = ("authentication.before-look-up-put", "authentication.before-look-up-delete")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A provider and the checks that it must not pass; it has to pass, or give no chance to judge, all others.

    `only` names the feature that is judged, where everything would take too long.
    """

    kind: type[Provider]
    check_ids: frozenset[str]
    only: str


WRONG: list[Wrong] = []


def caught_by(*check_ids: str, only: str = "") -> Callable[[type[Provider]], type[Provider]]:
    def register(kind: type[Provider]) -> type[Provider]:
        WRONG.append(Wrong(kind, frozenset(check_ids), only))
        return kind

    return register


def list_authentication(kinds: Collection[str], verbs: Collection[str] = VERBS) -> list[str]:
    return [f"authentication.{kind}-{verb}" for kind in kinds for verb in verbs]


@caught_by(*list_authentication(["wrong-password", "empty-password"]), *BEFORE_LOOK_UP)
class TakesAnyPassword(Provider):
    def authenticate(self, request: Request) -> None:
        if not request.headers.get("authorization", "").lower().startswith("basic cgl"):  # the user's name
            super().authenticate(request)


@caught_by(*list_authentication(WRONG_CREDENTIALS, ["delete"]), "authentication.before-look-up-delete")
class AsksNobodyToDelete(Provider):
    def authenticate(self, request: Request) -> None:
        if request.method != "DELETE":
            super().authenticate(request)


@caught_by("authentication.before-look-up-put")
class LooksUpFirst(Provider):
    async def on_put(self, request: Request) -> Response:
        self.find(request.path_params["uuid"])
        return await super().on_put(request)


@caught_by("authentication.before-parsing")
class ParsesFirst(Provider):
    async def on_post(self, request: Request) -> Response:
        self.parse(await self.read(request))
        return await super().on_post(request)


@caught_by("authentication.scheme-in-any-case")
class WantsBasicInCapitals(Provider):
    def authenticate(self, request: Request) -> None:
        if request.headers.get("authorization", "").startswith("basic"):
            raise Refusal(401, "Basic, please.")
        super().authenticate(request)


@caught_by(*list_authentication(WRONG_CREDENTIALS), *BEFORE_LOOK_UP, "authentication.before-parsing")
class Forbids(Provider):
    """Refuses the wrong credentials with another status than 401."""

    def authenticate(self, request: Request) -> None:
        try:
            super().authenticate(request)
        except Refusal as refusal:
            raise Refusal(403, refusal.message) from None


@caught_by("provision.id-is-text")
class AnswersIdAsNumber(Provider):
    def make_id(self, resource: Resource) -> Any:
        return 4711


@caught_by("provision.id-is-text")
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


@caught_by("repeat.at-once", "repeat.other-content", "repeat.same-id")
class MakesANewResourceForEachRepeat(SynchronousProvider):
    count = 0

    def make_id(self, resource: Resource) -> Any:
        self.count += 1
        return f"{resource.uuid}-{self.count}"


@caught_by("repeat.at-once", "repeat.status")
class RefusesRepeats(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        if body.get("uuid") in self.resources:
            self.find(body["uuid"])
            raise Refusal(422, "It is there already.")
        return await super().provision(body)


@caught_by("repeat.same-config")
class MakesANewPasswordForEachRepeat(SynchronousProvider):
    count = 0

    def make_config(self, resource: Resource) -> dict[str, Any]:
        self.count += 1
        return super().make_config(resource) | {"PIPESCOPE_TOKEN": str(self.count)}


@caught_by("repeat.gone")
class RevivesTheGone(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        known = self.resources.get(str(body.get("uuid")))
        if known is not None:
            known.is_removed = False
        return await super().provision(body)


@caught_by("bodies.unknown-members")
class RejectsUnknownMembers(Provider):
    def parse(self, body: bytes) -> dict[str, Any]:
        value = super().parse(body)
        if "new_member" in value:
            raise Refusal(400, "What is this?")
        return value


@caught_by("bodies.legacy", "bodies.null-grant", "bodies.short-offset")
class NeedsAGrant(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        body["oauth_grant"]["code"]  # a 500 where there is none
        return await super().provision(body)


@caught_by("bodies.short-offset")
class NeedsAColonInTheOffset(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        if body.get("oauth_grant") and body["oauth_grant"]["expires_at"][-3] != ":":
            raise Refusal(400, "When?")
        return await super().provision(body)


@caught_by(
    "bodies.empty",
    "bodies.error-is-json",
    "bodies.garbage",
    "bodies.list",
    "bodies.not-utf-8",
    "bodies.null",
    "plan-change.garbage",
)
class FallsOverGarbage(Provider):
    def parse(self, body: bytes) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(body)
        return value


@caught_by("bodies.options")
class FallsOverOptions(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        if body.get("options"):
            return JSONResponse({}, 500)
        return await super().provision(body)


@caught_by("bodies.huge")
class FallsOverLargeBodies(Provider):
    async def read(self, request: Request) -> bytes:
        body = await request.body()
        if len(body) > 1000_000:
            raise Refusal(500, "Too much.")
        return body


@caught_by("bodies.missing-uuid", "bodies.wrong-uuid")
class WantsNoUuid(Provider):
    def read_uuid(self, value: Any) -> str:
        return str(value)


@caught_by("plan-change.same-plan")
class RefusesThePlanItHas(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if body.get("plan") == resource.plan:
            raise Refusal(422, "It has that plan.")
        return await super().change_plan(resource, body)


@caught_by("plan-change.message")
class RefusesWithoutAWord(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if self.read_plan(body.get("plan")) != resource.plan:
            return JSONResponse({}, 422)
        return await super().change_plan(resource, body)


@caught_by("plan-change.other-plan", "plan-change.unfinished")
class RedirectsPlanChanges(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if self.read_plan(body.get("plan")) != resource.plan:
            return JSONResponse({}, 302, {"Location": "/elsewhere"})
        return await super().change_plan(resource, body)


@caught_by("plan-change.json-object")
class AnswersPlanChangesInText(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        await super().change_plan(resource, body)
        return Response("done", media_type="text/plain")


@caught_by("plan-change.config")
class ChangesUndeclaredConfig(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        await super().change_plan(resource, body)
        return JSONResponse({"config": {"PIPESCOPE_SIZE": "large"}})


@caught_by("plan-change.unknown-plan")
class TakesAnyPlan(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if body.get("plan") == "no-such-plan":
            return JSONResponse({})
        return await super().change_plan(resource, body)


@caught_by("plan-change.unknown-uuid")
class FallsOverUnknownPlanChanges(Provider):
    async def on_put(self, request: Request) -> Response:
        self.authenticate(request)
        if request.path_params["uuid"] not in self.resources:
            return JSONResponse({}, 500)
        return await super().on_put(request)


@caught_by("deprovision.status", "deprovision.unfinished")
class CannotDeprovision(Provider):
    async def deprovision(self, uuid: str) -> Response:
        self.find(uuid)
        return JSONResponse({"message": "Oh no."}, 500)


@caught_by("deprovision.twice")
class DeprovisionsOnce(Provider):
    async def deprovision(self, uuid: str) -> Response:
        known = self.resources.get(uuid)
        if known is not None and known.is_removed:
            return JSONResponse({}, 500)
        return await super().deprovision(uuid)


@caught_by("bodies.odd-uuid", "deprovision.unknown-uuid")
class FallsOverUnknownDeprovisions(Provider):
    async def deprovision(self, uuid: str) -> Response:
        if uuid not in self.resources:
            return JSONResponse({}, 500)
        return await super().deprovision(uuid)


@caught_by("deprovision.unfinished")
class FinishesBeforeItRemoves(Provider):
    async def finish(self, resource: Resource, code: str) -> None:
        await asyncio.sleep(PAUSE_SECONDS)
        await super().finish(resource, code)

    async def deprovision(self, uuid: str) -> Response:
        if not self.find(uuid).access_token:
            return JSONResponse({}, 500)
        return await super().deprovision(uuid)


@caught_by("deprovision.json-object")
class AnswersDeprovisionsInText(Provider):
    async def deprovision(self, uuid: str) -> Response:
        await super().deprovision(uuid)
        return Response("gone", media_type="text/plain")


@caught_by("sso.good", "sso.resource-token", "sso.user-token")
class LetsNobodyIn(Provider):
    def verify(self, form: dict[str, str]) -> None:
        raise Refusal(403, "No.")


@caught_by("sso.moved-timestamp", "sso.no-tokens", "sso.other-person", "sso.other-resource", "sso.wrong-tokens")
class LetsEverybodyIn(Provider):
    def verify(self, form: dict[str, str]) -> None:
        self.verify_time(form.get("timestamp", ""))


@caught_by("sso.resource-token")
class KnowsOnlyTheUserToken(Provider):
    def verify(self, form: dict[str, str]) -> None:
        if "resource_token" in form and "user_scoped_resource_token" not in form:
            raise Refusal(403, "No.")
        super().verify(form)


@caught_by("sso.user-token")
class KnowsOnlyTheResourceToken(Provider):
    def verify(self, form: dict[str, str]) -> None:
        if "resource_id" in form and "resource_token" not in form:
            raise Refusal(403, "No.")
        super().verify(form)


@caught_by("sso.stale")
class LetsTheStaleIn(Provider):
    def verify_time(self, at: str) -> None:
        super().verify_time(at if not at.isdecimal() else str(max(int(at), int(time.time()))))


@caught_by("sso.far-future")
class LetsTheFutureIn(Provider):
    def verify_time(self, at: str) -> None:
        super().verify_time(at if not at.isdecimal() else str(min(int(at), int(time.time()))))


@caught_by("sso.unknown-resource")
class LetsInToNothing(Provider):
    async def on_login(self, request: Request) -> Response:
        try:
            return await super().on_login(request)
        except Refusal as refusal:
            if refusal.status == 404:
                return JSONResponse({})
            raise


@caught_by("sso.gone")
class LetsInToTheGone(Provider):
    async def on_login(self, request: Request) -> Response:
        try:
            return await super().on_login(request)
        except Refusal as refusal:
            if refusal.status == 410:
                return JSONResponse({})
            raise


@caught_by("sso.garbage-timestamp", "sso.no-timestamp")
class FallsOverATimestamp(Provider):
    def verify_time(self, at: str) -> None:
        super().verify_time(str(int(at)))

    def verify(self, form: dict[str, str]) -> None:
        self.verify_time(form.get("timestamp", ""))
        super().verify(form)


@caught_by("sso.replay")
class FallsOverAReplay(Provider):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.seen: set[str] = set()

    def verify(self, form: dict[str, str]) -> None:
        super().verify(form)
        key = json.dumps(form, sort_keys=True)
        if key in self.seen:
            raise Refusal(500, "Again?")
        self.seen.add(key)


@caught_by("asynchronous.grant-exchanged", "asynchronous.provisioned")
class NeverExchanges(Provider):
    async def exchange(self, http: aiohttp.ClientSession, resource: Resource, **form: str) -> bool:
        return False


@caught_by("asynchronous.provisioned")
class NeverMarks(Provider):
    async def mark(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        """Leave it at that."""


@caught_by("asynchronous.config-before-action")
class MarksFirst(Provider):
    async def set_config(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        await self.mark(http, resource)
        await super().set_config(http, resource)


@caught_by("asynchronous.config-is-a-list")
class SendsConfigAsAnObject(Provider):
    async def set_config(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        config = self.make_config(resource)
        await self.ask(http, resource, "PATCH", f"/addons/{resource.uuid}/config", {"config": config})


@caught_by("asynchronous.own-token", "asynchronous.provisioned")
class UsesAnotherResourcesToken(Provider):
    """Keeps one token for all its resources: the last one that it got."""

    def keep_token(self, resource: Resource, token: dict[str, Any]) -> None:
        shared = self.resources.setdefault("shared", Resource(uuid="shared", plan="basic"))
        super().keep_token(resource, token if not shared.access_token else vars(shared))
        super().keep_token(shared, token)


@caught_by("asynchronous.asks-for-version-3")
class AsksForNoVersion(Provider):
    accept = "application/json"


@caught_by("tokens.dead-access-token", "tokens.rotated-refresh-token")
class NeverRefreshes(Provider):
    async def refresh(self, http: aiohttp.ClientSession, resource: Resource) -> bool:
        return False


@caught_by("tokens.rotated-refresh-token")
class KeepsItsFirstRefreshToken(Provider):
    def keep_token(self, resource: Resource, token: dict[str, Any]) -> None:
        first = resource.refresh_token
        super().keep_token(resource, token)
        resource.refresh_token = first or resource.refresh_token


@caught_by("bad-days.rate-limit")
class GivesUpWhenHerokuIsBusy(Provider):
    async def is_worth_repeating(self, http: aiohttp.ClientSession, resource: Resource, status: int | None) -> bool:
        return status != 429 and await super().is_worth_repeating(http, resource, status)


@caught_by("bad-days.unavailable")
class GivesUpWhenHerokuIsAway(Provider):
    async def is_worth_repeating(self, http: aiohttp.ClientSession, resource: Resource, status: int | None) -> bool:
        return status != 503 and await super().is_worth_repeating(http, resource, status)


@caught_by("bad-days.dropped", "bad-days.lost-answer")
class GivesUpWhenCutOff(Provider):
    async def is_worth_repeating(self, http: aiohttp.ClientSession, resource: Resource, status: int | None) -> bool:
        if status is None:
            raise Refusal(500, "Nobody there.")
        return await super().is_worth_repeating(http, resource, status)

    async def finish(self, resource: Resource, code: str) -> None:
        with suppress(Refusal):
            await super().finish(resource, code)


@caught_by("bad-days.no-tokens")
class AsksForATokenOnce(Provider):
    exchange_tries = 1


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


@caught_by("time.plan-change-soon")
class IsSlow(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if body.get("plan") == resource.plan:
            await asyncio.sleep(QUICK.soon * 1.5)
        return await super().change_plan(resource, body)


@caught_by("time.plan-change", "time.plan-change-soon", only="time")
class IsMuchTooSlow(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        await asyncio.sleep(IMPATIENT.patience * 1.5)
        return await super().change_plan(resource, body)


@caught_by("manifest.long-secrets")
class HasShortSecrets(Provider):
    password = "short"


@caught_by("manifest.config-vars")
class DeclaresAStrangeName(Provider):
    api: ClassVar = {"config_vars": ["PIPESCOPE_URL", "token"]}


@caught_by("manifest.regions")
class HasNoRegions(Provider):
    api: ClassVar = {"regions": []}


@caught_by("manifest.sso-salt")
class HasNoSalt(Provider):
    api: ClassVar = {"sso_salt": ""}


@caught_by("manifest.base-path")
class HasAPathOfItsOwn(Provider):
    base_path = "/addons"


@caught_by("manifest.version")
class SpeaksVersion1(Provider):
    api: ClassVar = {"version": "1"}


@caught_by(*list_authentication(WRONG_CREDENTIALS), *BEFORE_LOOK_UP, "authentication.before-parsing")
class AsksNobody(Provider):
    def authenticate(self, request: Request) -> None:
        """Let everybody call."""


@caught_by(
    "bodies.missing-plan",
    "bodies.wrong-plan",
    "plan-change.unknown-plan",
    "plan-change.without-plan",
    "plan-change.wrong-plan",
)
class FallsOverPlans(Provider):
    def read_plan(self, value: Any) -> str:
        if value not in list(PLANS):
            raise Refusal(500, "Oh no.")
        return str(value)


@caught_by("bodies.content-type")
class FallsOverAContentType(Provider):
    async def on_post(self, request: Request) -> Response:
        if request.headers["content-type"] != "application/json":
            return JSONResponse({}, 500)
        return await super().on_post(request)


@caught_by("sso.legacy-token", "sso.no-resource")
class FallsOverTheOldestForm(Provider):
    def verify(self, form: dict[str, str]) -> None:
        if "resource_id" not in form:
            raise Refusal(500, "Oh no.")
        super().verify(form)


@caught_by("plan-change.gone")
class ChangesThePlanOfTheGone(Provider):
    async def on_put(self, request: Request) -> Response:
        self.authenticate(request)
        known = self.resources.get(request.path_params["uuid"])
        if known is not None and known.is_removed:
            return JSONResponse({})
        return await super().on_put(request)


@caught_by("provision.log-drain-url")
class ForgetsItsLogDrain(Provider):
    api: ClassVar = {"requires": ["syslog_drain"]}


@caught_by("time.provision-soon", only="time")
class IsSlowToProvision(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        await asyncio.sleep(QUICK.soon * 1.5)
        return await super().provision(body)


@caught_by("time.provision", "time.provision-soon", only="time")
class IsMuchTooSlowToProvision(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        await asyncio.sleep(IMPATIENT.patience * 1.5)
        return await super().provision(body)


@caught_by("time.deprovision", "time.deprovision-soon", only="time")
class IsMuchTooSlowToDeprovision(Provider):
    async def deprovision(self, uuid: str) -> Response:
        await asyncio.sleep(IMPATIENT.patience * 1.5)
        return await super().deprovision(uuid)


@caught_by("manifest.readable")
class HasNoManifest(Provider):
    @property
    def manifest(self) -> dict[str, Any]:
        return {"name": "PipeScope"}


@caught_by("manifest.id")
class HasAStrangeId(Provider):
    api: ClassVar = {"config_vars_prefix": "PIPESCOPE"}

    @property
    def manifest(self) -> dict[str, Any]:
        return super().manifest | {"id": "Pipe Scope"}


@caught_by("manifest.password")
class HasNoPassword(Provider):
    password = ""


@caught_by("manifest.urls")
class HasARelativeAddress(Provider):
    api: ClassVar = {"test": {"base_url": "/heroku/resources"}}
