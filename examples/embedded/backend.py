"""Acme's own front end, which shows the board inside a page of its own.

It knows its users, keeps the API token to itself, and asks headrace for the board of whoever is logged in. Run it with
`uvicorn backend:app`; HEADRACE_URL and HEADRACE_API_TOKEN say where headrace is and how to ask it, ACCOUNTS holds what
Acme knows of its users: for each session a person at Heroku and the resource that they look from.
"""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent
ACCOUNTS = json.loads(os.environ["ACCOUNTS"])  # {"SESSION": {"heroku_user": "ID", "resource": "UUID"}}
HEADRACE = os.environ["HEADRACE_URL"]
TOKEN = os.environ["HEADRACE_API_TOKEN"]
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"


@asynccontextmanager
async def connected(app: Starlette) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(HEADRACE, headers={"Authorization": f"Bearer {TOKEN}"}) as app.state.headrace:
        yield


async def show_page(_request: Request) -> Response:
    return FileResponse(HERE / "index.html", headers={"Content-Security-Policy": POLICY})


async def show_board(request: Request) -> Response:
    """Hand on the board of whoever is logged in: whose it is comes from the session, never from the page."""
    account = ACCOUNTS.get(request.cookies.get("acme_session", ""))
    if account is None:
        return JSONResponse({"message": "Log in to Acme first."}, status_code=401)
    path = f"/api/resources/{account['resource']}/board"
    # What is open on the page says whose figures it shows, and nothing of who looks.
    query = [("user_id", account["heroku_user"]), *(("open", each) for each in request.query_params.getlist("open"))]
    try:
        return await ask_headrace(request, path, query)
    except aiohttp.ClientError:
        return JSONResponse({"message": "The board cannot be had at the moment."}, status_code=502)


async def ask_headrace(request: Request, path: str, query: list[tuple[str, str]]) -> Response:
    """Relay what the page says that it has, and the answer with its version: what is known is not sent again."""
    known = _keep(request.headers, "If-None-Match", "Prefer", "Content-Type")
    body = request.stream() if request.method == "POST" else None
    session = request.app.state.headrace
    async with session.request(request.method, path, params=query, headers=known, data=body) as answer:
        if answer.status == 401:  # Our token is wrong, which is nothing that the person could mend.
            return JSONResponse({"message": "The board cannot be had at the moment."}, status_code=502)
        kept = _keep(answer.headers, "ETag", "Cache-Control", "Content-Type")
        return Response(await answer.read(), status_code=answer.status, headers=kept)


def _keep(headers: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: headers[name] for name in names if name in headers}


app = Starlette(
    routes=[
        Route("/", show_page),
        Route("/page.css", lambda _request: FileResponse(HERE / "page.css")),
        Route("/my-board.json", show_board, methods=["GET", "POST"]),
        Mount("/headrace", StaticFiles(packages=[("headrace", "static")])),
    ],
    lifespan=connected,
)
