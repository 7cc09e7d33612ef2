"""What `headrace dev` prints: every address, and how each is used."""

from collections.abc import Iterator

from headrace.emulator import Addon, Exchange, ReadyInfo, ReadyUser

# Where `headrace trigger` looks unless it is told.
DEFAULT_HEROKU = "http://127.0.0.1:4999"
MARKED = "/actions/provision"


def render_links(info: ReadyInfo, *, url: str, slug: str, operator_secret: str, app: str) -> str:
    """Return what somebody sees first, with what to enter next."""
    where = "" if info.url == DEFAULT_HEROKU else f" --heroku {info.url}"
    plan = next(service.plans[0] for service in info.addon_services if service.slug == slug)
    return "\n".join(
        [
            "",
            f"{slug} is at {url}, with a Heroku of its own at {info.url}. Nothing here reaches Heroku.",
            "",
            f"  operators   {url}/operators   (log in with {operator_secret})",
            f"  Heroku      {info.console_url}   its console: apps, pipelines, calls, clock, faults",
            "  board       its address follows as soon as an app has the add-on",
            "",
            "In another terminal:",
            f"  headrace trigger provision --app {app} --plan {plan}{where}",
            "or with the official Heroku CLI:",
            *(f"  export {line}" for line in list_exports(info)),
            f"  heroku addons:create {slug}:{plan} --app {app} --wait",
            "",
            "Ctrl-C ends both. What is saved in this folder starts the add-on again; every start of this command",
            "begins with world.toml, and a database that goes when it ends. Calls in both directions follow.",
            "",
        ]
    )


def list_exports(info: ReadyInfo) -> Iterator[str]:
    """Return what points the official CLI at an emulator, and keeps it from reporting to Heroku."""
    yield f"HEROKU_HOST={info.url} HEROKU_PARTICLEBOARD_URL={info.url} HEROKU_ADDONS_URL={info.url}"
    user = info.users[0] if info.users else ReadyUser(email="", token="TOKEN")
    yield f"HEROKU_API_KEY={user.token} HEROKU_ANALYTICS_URL={info.url} DISABLE_TELEMETRY=true"


def render_board(url: str, addon: Addon) -> str:
    """Return where the board is opened, as a click in Heroku's dashboard does."""
    return f"Provisioned: {addon.name} on {addon.app.name}. Its board: {build_board_url(url, addon.app.id, addon.id)}"


def build_board_url(url: str, app: str, addon: str) -> str:
    return f"{url}/sso/apps/{app}/addons/{addon}"


def is_marked(exchange: Exchange) -> bool:
    """Whether this is the call with which an add-on's provision ends."""
    return exchange.path.endswith(MARKED) and not exchange.has_failed
