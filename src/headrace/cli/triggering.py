"""The commands that have something happen at a Heroku that runs on this machine: `headrace trigger …`."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from headrace.cli.parts import Commands

if TYPE_CHECKING:
    from headrace.developing.triggers import Control

commands = Commands()

app_option = click.option("--app", required=True, help="The app's name.")
addon_option = click.option("--addon", help="The add-on's name, where the app has several.")
user_option = click.option("--user", help="Who does it, by e-mail address (default: the app's owner).")
heroku_option = click.option(
    "--heroku", default="http://127.0.0.1:4999", show_default=True, envvar="HEROKU_HOST", help="Where Heroku runs."
)
WAITS_SECONDS = 60.0
# Those of `Stage`, which costs every command some megabytes and a few hundredths of a second.
STAGES = ("development", "review", "test", "staging", "production")


@commands.group()
def trigger() -> None:
    """Have something happen at the Heroku of `headrace dev` or `headrace emulate`."""


@trigger.command()
@app_option
@click.option("--plan", required=True, help="The plan, or SERVICE:PLAN.")
@user_option
@heroku_option
def provision(app: str, plan: str, user: str | None, heroku: str) -> None:
    """A customer adds the add-on to an app. Exit 1: it was not provisioned."""
    from pathlib import Path

    async def act(control: "Control") -> None:
        found = await control.find_plan(plan, Path.cwd())
        addon = await control.ask("POST", "/addons", {"app": app, "plan": found, "user": user})
        state = await control.wait_for(addon, within=WAITS_SECONDS)
        click.echo(f"{addon['name']} ({found}) on {app}: {state}.")
        if state != "provisioned":
            raise click.exceptions.Exit(1)
        click.echo(f"Its board: {await control.find_board(addon, user)}")

    _run(heroku, act)


@trigger.command("plan-change")
@app_option
@click.option("--plan", required=True, help="The plan to change to.")
@addon_option
@heroku_option
def plan_change(app: str, plan: str, addon: str | None, heroku: str) -> None:
    """A customer moves the add-on to another plan. Exit 1: the add-on refused."""

    async def act(control: "Control") -> None:
        found = await control.find_addon(app, addon)
        changed = await control.ask("PATCH", f"/addons/{found['id']}", {"plan": plan})
        click.echo(f"{found['name']} has the plan {changed['plan']}.")

    _run(heroku, act)


@trigger.command()
@app_option
@addon_option
@heroku_option
def deprovision(app: str, addon: str | None, heroku: str) -> None:
    """A customer removes the add-on from an app."""

    async def act(control: "Control") -> None:
        found = await control.find_addon(app, addon)
        await control.ask("DELETE", f"/addons/{found['id']}")
        click.echo(f"{found['name']} is gone.")

    _run(heroku, act)


@trigger.command()
@app_option
@addon_option
@user_option
@heroku_option
def sso(app: str, addon: str | None, user: str | None, heroku: str) -> None:
    """Print where a browser logs in to the add-on, as from Heroku's dashboard."""

    async def act(control: "Control") -> None:
        click.echo(await control.find_board(await control.find_addon(app, addon), user))

    _run(heroku, act)


@trigger.command()
@app_option
@heroku_option
def webhook(app: str, heroku: str) -> None:
    """Heroku tells whoever has subscribed that an app was updated: an event `api:app`."""

    async def act(control: "Control") -> None:
        # A name that an app has already is one that it may be given.
        shown = await control.ask("PATCH", _find_app(app), {"name": app})
        click.echo(f"api:app update of {shown['name']} is told.")

    _run(heroku, act)


@trigger.command()
@app_option
@click.option("--stage", required=True, type=click.Choice(STAGES), help="Where it is moved to.")
@heroku_option
def move(app: str, stage: str, heroku: str) -> None:
    """A customer moves an app to another stage of its pipeline. No webhook tells of that."""

    async def act(control: "Control") -> None:
        shown = await control.ask("PATCH", f"{_find_app(app)}/coupling", {"stage": stage})
        click.echo(f"{app} is at {shown['stage']} of {shown['pipeline']}.")

    _run(heroku, act)


@trigger.command()
@app_option
@heroku_option
def promote(app: str, heroku: str) -> None:
    """A customer promotes an app to those that are next in its pipeline."""

    async def act(control: "Control") -> None:
        targets = (await control.ask("POST", f"{_find_app(app)}/promote"))["targets"]
        click.echo(f"{app} is promoted to {', '.join(targets)}.")

    _run(heroku, act)


def _find_app(name: str) -> str:
    from urllib.parse import quote

    return f"/apps/{quote(name)}"


def _run(heroku: str, act: Callable[["Control"], Awaitable[None]]) -> None:
    import asyncio

    from headrace.developing.triggers import Control

    async def run() -> None:
        async with Control(heroku) as control:
            await act(control)

    asyncio.run(run())
