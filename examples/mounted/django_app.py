"""Acme's own site in Django, with its add-on at /addon: `uvicorn mounted.django_app:app`, from the folder above.

Django knows no lifespan, so both stand in an application that does. A project has it in its `asgi.py`.
"""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from starlette.applications import Starlette
from starlette.routing import Mount

from acme import service

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="for-the-example-alone")


async def show_home(_request: HttpRequest) -> HttpResponse:
    page = await service.resources.list(state="provisioned")
    return HttpResponse(f"{len(page.resources)} apps search with Acme.", content_type="text/plain")


urlpatterns = [path("", show_home)]

addon = service.asgi(prefix="/addon")
app = Starlette(routes=[Mount("/addon", addon), Mount("/", get_asgi_application())], lifespan=addon.running)
