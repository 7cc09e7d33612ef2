"""Platform API: what an app would be built with. Nothing is built here, so that there are no builds and no slugs."""

from urllib.parse import urlsplit

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner, listing, require_text
from headrace.emulator.kit.errors import invalid, not_found
from headrace.emulator.kit.paging import Json
from headrace.emulator.world.records import App

URN = "urn:buildpack:"


def list_buildpacks(call: Call) -> ApiAnswer:
    return _list(call.app())


def put_buildpacks(call: Call) -> ApiAnswer:
    """Replace the list of an app's buildpacks, each by its name, URL or URN."""
    app, updates = call.app(), call.body().get("updates")
    if app.generation == "fir":
        raise invalid(f"{app.name} is a Fir app: its buildpacks are named in its code.")
    if not isinstance(updates, list) or not all(isinstance(update, dict) for update in updates):
        raise invalid("updates is required.")
    app.buildpacks = [_read_url(require_text(update, "buildpack")) for update in updates]
    return _list(app)


def list_builds(call: Call) -> ApiAnswer:
    call.app()
    return ApiAnswer(body=[])


def show_build(call: Call) -> ApiAnswer:
    call.app()
    raise not_found("build")


def show_slug(call: Call) -> ApiAnswer:
    call.app()
    raise not_found("slug")


def refuse_build(call: Call) -> ApiAnswer:
    app = call.app()
    raise invalid(f"The emulator builds nothing, so that {app.name} cannot get code; a promotion makes a release.")


ENDPOINTS = (
    Endpoint("GET", "/apps/{app}/buildpack-installations", list_buildpacks),
    Endpoint("PUT", "/apps/{app}/buildpack-installations", put_buildpacks),
    Endpoint("GET", "/apps/{app}/builds", list_builds, Partner.EXTRA),
    Endpoint("POST", "/apps/{app}/builds", refuse_build),
    Endpoint("GET", "/apps/{app}/builds/{build}", show_build, Partner.EXTRA),
    Endpoint("POST", "/apps/{app}/slugs", refuse_build),
    Endpoint("GET", "/apps/{app}/slugs/{slug}", show_slug),
)


def _list(app: App) -> ApiAnswer:
    return listing(list(enumerate(app.buildpacks)), _render, by={"ordinal": lambda item: item[0]})


def _render(item: tuple[int, str]) -> Json:
    ordinal, url = item
    return {"buildpack": {"name": url.removeprefix(URN), "url": url}, "ordinal": ordinal}


def _read_url(key: str) -> str:
    """A name, such as heroku/nodejs, is that of an official buildpack."""
    if key.startswith(URN) or urlsplit(key).scheme in {"http", "https"}:
        return key
    if key.count("/") != 1:
        raise invalid(f"{key} is no buildpack: name it as in heroku/nodejs, or give its URL.")
    return f"{URN}{key}"
