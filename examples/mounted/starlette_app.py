"""Acme's own site in Starlette, with its add-on at /addon: `uvicorn mounted.starlette_app:app`, one folder up."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from acme import service

addon = service.asgi(prefix="/addon")


async def show_home(_request: Request) -> PlainTextResponse:
    page = await service.resources.list(state="provisioned")
    return PlainTextResponse(f"{len(page.resources)} apps search with Acme.")


app = Starlette(routes=[Route("/", show_home), Mount("/addon", addon)], lifespan=addon.running)
