"""Providers that are wrong about credentials."""

from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import Response

from checker.provider import Provider, Refusal
from checker.wrong import caught_by

VERBS = ("post", "put", "delete")
WRONG_CREDENTIALS = ("missing", "wrong-password", "empty-password", "wrong-user", "malformed", "other-scheme")
BEFORE_LOOK_UP = ("authentication.before-look-up-put", "authentication.before-look-up-delete")


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


@caught_by(*list_authentication(["malformed"]))
class FallsOverMalformedCredentials(Provider):
    def authenticate(self, request: Request) -> None:
        if request.headers.get("authorization", "").endswith("%%%"):
            raise Refusal(500, "Incorrect padding.")
        super().authenticate(request)


@caught_by("authentication.scheme-in-any-case")
class WantsBasicInCapitals(Provider):
    def authenticate(self, request: Request) -> None:
        if request.headers.get("authorization", "").startswith("basic"):
            raise Refusal(401, "Basic, please.")
        super().authenticate(request)


@caught_by(*list_authentication(WRONG_CREDENTIALS[:4]), *BEFORE_LOOK_UP, "authentication.before-parsing")
class Forbids(Provider):
    """Refuses the wrong credentials with another status than 401."""

    def authenticate(self, request: Request) -> None:
        try:
            super().authenticate(request)
        except Refusal as refusal:
            raise Refusal(403, refusal.message) from None


@caught_by(*list_authentication(WRONG_CREDENTIALS), *BEFORE_LOOK_UP, "authentication.before-parsing")
class AsksNobody(Provider):
    def authenticate(self, request: Request) -> None:
        """Let everybody call."""
