"""Providers that are each wrong in one way, and the checks that have to say so."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import aiohttp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .provider import PAUSE_SECONDS, Provider, Refusal, Resource, SynchronousProvider
from .running import QUICK

WRONG: dict[type[Provider], frozenset[str]] = {}


def caught_by(*check_ids: str) -> Callable[[type[Provider]], type[Provider]]:
    """Say which checks a provider must not pass; it has to pass, or give no chance to judge, all others."""

    def register(kind: type[Provider]) -> type[Provider]:
        WRONG[kind] = frozenset(check_ids)
        return kind

    return register


@caught_by()
class TakesAnyPassword(Provider):
    def authenticate(self, request: Request) -> None:
        if not request.headers.get("authorization", "").lower().startswith("basic cgl"):  # the user's name
            super().authenticate(request)


@caught_by()
class AsksNobodyToDelete(Provider):
    def authenticate(self, request: Request) -> None:
        if request.method != "DELETE":
            super().authenticate(request)


@caught_by()
class LooksUpFirst(Provider):
    async def on_put(self, request: Request) -> Response:
        self.find(request.path_params["uuid"])
        return await super().on_put(request)


@caught_by()
class ParsesFirst(Provider):
    async def on_post(self, request: Request) -> Response:
        self.parse(await self.read(request))
        return await super().on_post(request)


@caught_by()
class WantsBasicInCapitals(Provider):
    def authenticate(self, request: Request) -> None:
        if request.headers.get("authorization", "").startswith("basic"):
            raise Refusal(401, "Basic, please.")
        super().authenticate(request)


@caught_by()
class Forbids(Provider):
    """Refuses the wrong credentials with another status than 401."""

    def authenticate(self, request: Request) -> None:
        try:
            super().authenticate(request)
        except Refusal as refusal:
            raise Refusal(403, refusal.message) from None


@caught_by()
class AnswersIdAsNumber(Provider):
    def make_id(self, resource: Resource) -> Any:
        return 4711


@caught_by()
class AnswersNoId(SynchronousProvider):
    def render(self, resource: Resource) -> dict[str, Any]:
        return {"message": "Welcome."}


@caught_by()
class AnswersHtml(SynchronousProvider):
    async def provision(self, body: dict[str, Any]) -> Response:
        await super().provision(body)
        return Response("<p>Welcome.</p>", media_type="application/json")


@caught_by()
class SaysItIsText(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        answer = await super().provision(body)
        answer.headers["content-type"] = "text/plain"
        return answer


@caught_by()
class MessageIsAList(Provider):
    def render(self, resource: Resource) -> dict[str, Any]:
        return super().render(resource) | {"message": ["Welcome."]}


@caught_by()
class SendsConfigWith202(Provider):
    def render(self, resource: Resource) -> dict[str, Any]:
        return super().render(resource) | {"config": self.make_config(resource)}


@caught_by()
class Fails(Provider):
    """Cannot provision at all."""

    async def provision(self, body: dict[str, Any]) -> Response:
        await super().provision(body)
        return JSONResponse({"message": "Oh no."}, 500)


@caught_by()
class MakesANewResourceForEachRepeat(SynchronousProvider):
    count = 0

    def make_id(self, resource: Resource) -> Any:
        self.count += 1
        return f"{resource.uuid}-{self.count}"


@caught_by()
class RefusesRepeats(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        if body.get("uuid") in self.resources:
            self.find(body["uuid"])
            raise Refusal(422, "It is there already.")
        return await super().provision(body)


@caught_by()
class MakesANewPasswordForEachRepeat(SynchronousProvider):
    count = 0

    def make_config(self, resource: Resource) -> dict[str, Any]:
        self.count += 1
        return super().make_config(resource) | {"PIPESCOPE_TOKEN": str(self.count)}


@caught_by()
class RevivesTheGone(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        known = self.resources.get(str(body.get("uuid")))
        if known is not None:
            known.is_removed = False
        return await super().provision(body)


@caught_by()
class RejectsUnknownMembers(Provider):
    def parse(self, body: bytes) -> dict[str, Any]:
        value = super().parse(body)
        if "new_member" in value:
            raise Refusal(400, "What is this?")
        return value


@caught_by()
class NeedsAGrant(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        body["oauth_grant"]["code"]  # a 500 where there is none
        return await super().provision(body)


@caught_by()
class NeedsAColonInTheOffset(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        if body.get("oauth_grant") and body["oauth_grant"]["expires_at"][-3] != ":":
            raise Refusal(400, "When?")
        return await super().provision(body)


@caught_by()
class FallsOverGarbage(Provider):
    def parse(self, body: bytes) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(body)
        return value


@caught_by()
class FallsOverOptions(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        if body.get("options"):
            return JSONResponse({}, 500)
        return await super().provision(body)


@caught_by()
class FallsOverLargeBodies(Provider):
    async def read(self, request: Request) -> bytes:
        body = await request.body()
        if len(body) > 1000_000:
            raise Refusal(500, "Too much.")
        return body


@caught_by()
class WantsNoUuid(Provider):
    def read_uuid(self, value: Any) -> str:
        return str(value)


@caught_by()
class RefusesThePlanItHas(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if body.get("plan") == resource.plan:
            raise Refusal(422, "It has that plan.")
        return await super().change_plan(resource, body)


@caught_by()
class RefusesWithoutAWord(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if self.read_plan(body.get("plan")) != resource.plan:
            return JSONResponse({}, 422)
        return await super().change_plan(resource, body)


@caught_by()
class RedirectsPlanChanges(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if self.read_plan(body.get("plan")) != resource.plan:
            return JSONResponse({}, 302, {"Location": "/elsewhere"})
        return await super().change_plan(resource, body)


@caught_by()
class AnswersPlanChangesInText(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        await super().change_plan(resource, body)
        return Response("done", media_type="text/plain")


@caught_by()
class ChangesUndeclaredConfig(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        await super().change_plan(resource, body)
        return JSONResponse({"config": {"PIPESCOPE_SIZE": "large"}})


@caught_by()
class TakesAnyPlan(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if body.get("plan") == "no-such-plan":
            return JSONResponse({})
        return await super().change_plan(resource, body)


@caught_by()
class FallsOverUnknownPlanChanges(Provider):
    async def on_put(self, request: Request) -> Response:
        self.authenticate(request)
        if request.path_params["uuid"] not in self.resources:
            return JSONResponse({}, 500)
        return await super().on_put(request)


@caught_by()
class CannotDeprovision(Provider):
    async def deprovision(self, uuid: str) -> Response:
        self.find(uuid)
        return JSONResponse({"message": "Oh no."}, 500)


@caught_by()
class DeprovisionsOnce(Provider):
    async def deprovision(self, uuid: str) -> Response:
        known = self.resources.get(uuid)
        if known is not None and known.is_removed:
            return JSONResponse({}, 500)
        return await super().deprovision(uuid)


@caught_by()
class FallsOverUnknownDeprovisions(Provider):
    async def deprovision(self, uuid: str) -> Response:
        if uuid not in self.resources:
            return JSONResponse({}, 500)
        return await super().deprovision(uuid)


@caught_by()
class FinishesBeforeItRemoves(Provider):
    async def finish(self, resource: Resource, code: str) -> None:
        await asyncio.sleep(PAUSE_SECONDS)
        await super().finish(resource, code)

    async def deprovision(self, uuid: str) -> Response:
        if not self.find(uuid).access_token:
            return JSONResponse({}, 500)
        return await super().deprovision(uuid)


@caught_by()
class AnswersDeprovisionsInText(Provider):
    async def deprovision(self, uuid: str) -> Response:
        await super().deprovision(uuid)
        return Response("gone", media_type="text/plain")


@caught_by()
class LetsNobodyIn(Provider):
    def verify(self, form: dict[str, str]) -> None:
        raise Refusal(403, "No.")


@caught_by()
class LetsEverybodyIn(Provider):
    def verify(self, form: dict[str, str]) -> None:
        self.verify_time(form.get("timestamp", ""))


@caught_by()
class KnowsOnlyTheUserToken(Provider):
    def verify(self, form: dict[str, str]) -> None:
        if "resource_token" in form and "user_scoped_resource_token" not in form:
            raise Refusal(403, "No.")
        super().verify(form)


@caught_by()
class KnowsOnlyTheResourceToken(Provider):
    def verify(self, form: dict[str, str]) -> None:
        if "resource_id" in form and "resource_token" not in form:
            raise Refusal(403, "No.")
        super().verify(form)


@caught_by()
class LetsTheStaleIn(Provider):
    def verify_time(self, at: str) -> None:
        super().verify_time(at if not at.isdecimal() else str(max(int(at), int(time.time()))))


@caught_by()
class LetsTheFutureIn(Provider):
    def verify_time(self, at: str) -> None:
        super().verify_time(at if not at.isdecimal() else str(min(int(at), int(time.time()))))


@caught_by()
class LetsInToNothing(Provider):
    async def on_login(self, request: Request) -> Response:
        try:
            return await super().on_login(request)
        except Refusal as refusal:
            if refusal.status == 404:
                return JSONResponse({})
            raise


@caught_by()
class LetsInToTheGone(Provider):
    async def on_login(self, request: Request) -> Response:
        try:
            return await super().on_login(request)
        except Refusal as refusal:
            if refusal.status == 410:
                return JSONResponse({})
            raise


@caught_by()
class FallsOverATimestamp(Provider):
    def verify_time(self, at: str) -> None:
        super().verify_time(str(int(at)))

    def verify(self, form: dict[str, str]) -> None:
        self.verify_time(form.get("timestamp", ""))
        super().verify(form)


@caught_by()
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


@caught_by()
class NeverExchanges(Provider):
    async def exchange(self, http: aiohttp.ClientSession, resource: Resource, **form: str) -> bool:
        return False


@caught_by()
class NeverMarks(Provider):
    async def mark(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        """Leave it at that."""


@caught_by()
class MarksFirst(Provider):
    async def set_config(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        await self.mark(http, resource)
        await super().set_config(http, resource)


@caught_by()
class SendsConfigAsAnObject(Provider):
    async def set_config(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        config = self.make_config(resource)
        await self.ask(http, resource, "PATCH", f"/addons/{resource.uuid}/config", {"config": config})


@caught_by()
class UsesAnotherResourcesToken(Provider):
    """Keeps one token for all its resources: the last one that it got."""

    def keep_token(self, resource: Resource, token: dict[str, Any]) -> None:
        shared = self.resources.setdefault("shared", Resource(uuid="shared", plan="basic"))
        super().keep_token(resource, token if not shared.access_token else vars(shared))
        super().keep_token(shared, token)


@caught_by()
class AsksForNoVersion(Provider):
    accept = "application/json"


@caught_by()
class NeverRefreshes(Provider):
    async def refresh(self, http: aiohttp.ClientSession, resource: Resource) -> bool:
        return False


@caught_by()
class KeepsItsFirstRefreshToken(Provider):
    def keep_token(self, resource: Resource, token: dict[str, Any]) -> None:
        first = resource.refresh_token
        super().keep_token(resource, token)
        resource.refresh_token = first or resource.refresh_token


@caught_by()
class GivesUpWhenHerokuIsBusy(Provider):
    async def is_worth_repeating(self, http: aiohttp.ClientSession, resource: Resource, status: int | None) -> bool:
        return status != 429 and await super().is_worth_repeating(http, resource, status)


@caught_by()
class GivesUpWhenHerokuIsAway(Provider):
    async def is_worth_repeating(self, http: aiohttp.ClientSession, resource: Resource, status: int | None) -> bool:
        return status != 503 and await super().is_worth_repeating(http, resource, status)


@caught_by()
class GivesUpWhenCutOff(Provider):
    async def is_worth_repeating(self, http: aiohttp.ClientSession, resource: Resource, status: int | None) -> bool:
        if status is None:
            raise Refusal(500, "Nobody there.")
        return await super().is_worth_repeating(http, resource, status)

    async def finish(self, resource: Resource, code: str) -> None:
        with suppress(Refusal):
            await super().finish(resource, code)


@caught_by()
class AsksForATokenOnce(Provider):
    exchange_tries = 1


@caught_by()
class SetsAnUndeclaredName(Provider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return super().make_config(resource) | {"PIPESCOPE_SIZE": "large"}


@caught_by()
class AnswersAnUndeclaredName(SynchronousProvider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return super().make_config(resource) | {"PIPESCOPE_SIZE": "large"}


@caught_by()
class SetsANumber(Provider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return super().make_config(resource) | {"PIPESCOPE_TOKEN": 4711}


@caught_by()
class AnswersANumber(SynchronousProvider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return super().make_config(resource) | {"PIPESCOPE_TOKEN": 4711}


@caught_by()
class AnswersNestedConfig(SynchronousProvider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return super().make_config(resource) | {"PIPESCOPE_TOKEN": {"value": "t0ken"}}


@caught_by()
class SetsARelativeUrl(Provider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return {"PIPESCOPE_URL": f"/r/{resource.uuid}"}


@caught_by()
class AnswersARelativeUrl(SynchronousProvider):
    def make_config(self, resource: Resource) -> dict[str, Any]:
        return {"PIPESCOPE_URL": f"/r/{resource.uuid}"}


@caught_by()
class IsSlow(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if body.get("plan") == resource.plan:
            await asyncio.sleep(QUICK.soon * 1.5)
        return await super().change_plan(resource, body)


@caught_by()
class IsMuchTooSlow(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        await asyncio.sleep(QUICK.patience * 2)
        return await super().change_plan(resource, body)


@caught_by()
class HasShortSecrets(Provider):
    password = "short"


@caught_by()
class DeclaresAStrangeName(Provider):
    api: ClassVar = {"config_vars": ["PIPESCOPE_URL", "token"]}


@caught_by()
class HasNoRegions(Provider):
    api: ClassVar = {"regions": []}


@caught_by()
class HasNoSalt(Provider):
    api: ClassVar = {"sso_salt": ""}


@caught_by()
class HasAPathOfItsOwn(Provider):
    base_path = "/addons"


@caught_by()
class SpeaksVersion1(Provider):
    api: ClassVar = {"version": "1"}
