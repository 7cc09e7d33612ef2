"""Acme's own site in FastAPI, with its add-on at /addon: `uvicorn mounted.fastapi_app:app`, from the folder above."""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from acme import service

addon = service.asgi(prefix="/addon")
app = FastAPI(lifespan=addon.running)


@app.get("/", response_class=PlainTextResponse)
async def show_home() -> str:
    page = await service.resources.list(state="provisioned")
    return f"{len(page.resources)} apps search with Acme."


app.mount("/addon", addon)
