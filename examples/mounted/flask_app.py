"""Acme's own site in Flask, with its add-on at /addon: `uvicorn mounted.flask_app:app`, from the folder above.

Flask speaks WSGI, so it is the site that is put into an ASGI application, where a thread serves each of its requests.
"""

from a2wsgi import WSGIMiddleware
from flask import Flask, Response
from starlette.applications import Starlette
from starlette.routing import Mount

from acme import service

site = Flask(__name__)


@site.get("/")
def show_home() -> Response:
    with service.connected() as acme:
        page = acme.resources.list(state="provisioned")
    return Response(f"{len(page.resources)} apps search with Acme.", mimetype="text/plain")


addon = service.asgi(prefix="/addon")
app = Starlette(routes=[Mount("/addon", addon), Mount("/", WSGIMiddleware(site))], lifespan=addon.running)
