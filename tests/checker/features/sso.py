"""Providers that are wrong about logins."""

import json
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from checker.provider import Provider, Refusal
from checker.wrong import caught_by


@caught_by("sso.good", "sso.resource-token", "sso.user-token")
class LetsNobodyIn(Provider):
    def verify(self, form: dict[str, str]) -> None:
        raise Refusal(403, "No.")


@caught_by("sso.moved-timestamp", "sso.no-tokens", "sso.other-person", "sso.other-resource", "sso.wrong-tokens")
class LetsEverybodyIn(Provider):
    def verify(self, form: dict[str, str]) -> None:
        self.verify_time(form.get("timestamp", ""))


LOGINS = ("sso.good", "sso.resource-token", "sso.user-token")


@caught_by(*LOGINS)
class SendsTheGoodToTheDoor(Provider):
    """Knows the form, and nobody by that address."""

    async def on_login(self, request: Request) -> Response:
        await super().on_login(request)
        return RedirectResponse("/login?next=%2Fpipes", 302)


@caught_by(*LOGINS)
class AsksForAPasswordAfterAll(Provider):
    """Sends everybody home, where who has no session is asked for a password."""

    async def on_login(self, request: Request) -> Response:
        await super().on_login(request)
        return RedirectResponse("/", 302)

    async def on_page(self, request: Request) -> Response:
        return Response('<form><input name="pass" type="password"></form>', media_type="text/html")


@caught_by(*LOGINS)
class ForbidsThePageBehindTheLogin(Provider):
    async def on_page(self, request: Request) -> Response:
        return Response("Not yours.", 403)


@caught_by("sso.moved-timestamp", "sso.no-tokens", "sso.other-person", "sso.other-resource", "sso.wrong-tokens")
class GivesEverybodyASession(Provider):
    def verify(self, form: dict[str, str]) -> None:
        self.verify_time(form.get("timestamp", ""))

    async def on_login(self, request: Request) -> Response:
        answer = await super().on_login(request)
        answer.set_cookie("session", "s3ss10n")
        return answer


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


@caught_by("sso.legacy-token", "sso.no-resource")
class FallsOverTheOldestForm(Provider):
    def verify(self, form: dict[str, str]) -> None:
        if "resource_id" not in form:
            raise Refusal(500, "Oh no.")
        super().verify(form)
