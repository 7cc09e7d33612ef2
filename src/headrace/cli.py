"""The command line. Heavy imports wait inside the commands, so that `headrace --help` answers at once."""

import importlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headrace.commands import env_file, load_env, with_parts
from headrace.errors import ConfigurationError, HeadraceError
from headrace.fleet_commands import doctor, history, import_resources, sync

if TYPE_CHECKING:
    from headrace.emulator import World
    from headrace.models import Inspection
    from headrace.service import AddonService, Parts

MISUSE = 2
DEFAULT_PORT = 5050


class _Group(click.Group):
    """Turns our errors into text and an exit status: 2 for what is configured wrongly, 1 for the rest."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            click.echo(describe_problems(error.problems), err=True)
            ctx.exit(MISUSE)
        except HeadraceError as error:
            click.echo(str(error), err=True)
            ctx.exit(1)


@click.group(cls=_Group)
@click.version_option(package_name="headrace")
def main() -> None:
    """Run a Heroku add-on: provisioning, pipelines, a board for customers, and a Heroku to try it on."""


@main.command()
@click.argument("target", metavar="MODULE:NAME", required=False)
@click.option("--host", help="Address to listen on (default: 127.0.0.1, or every address when PORT is set).")
@click.option("--port", type=int, help="Port to listen on (default: PORT, or 5050).")
@click.option("--web-only", is_flag=True, help="Leave the background work to `headrace worker`.")
@env_file
def serve(target: str | None, host: str | None, port: int | None, web_only: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Serve the add-on service that MODULE:NAME names."""
    from headrace.logs import configure_logging
    from headrace.serving import leave_hooks_behind, run_server

    configure_logging()
    service = load_service(target, env_file)
    if web_only and "DYNO" in os.environ and service.settings.database_url.startswith("sqlite"):
        raise ConfigurationError(["--web-only: dynos share no SQLite file. Set DATABASE_URL to a PostgreSQL database."])
    host = host or ("0.0.0.0" if "PORT" in os.environ else "127.0.0.1")
    port = port or int(os.environ.get("PORT", DEFAULT_PORT))
    app = service.asgi(has_worker=not web_only)
    if not web_only:
        service.assemble().require_free_worker()
    run_server(app, host=host, port=port)
    leave_hooks_behind()


@main.command()
@click.argument("target", metavar="MODULE:NAME", required=False)
@click.option("--port", type=int, help="Also answer /health, /ready and /metrics on this port.")
@env_file
def worker(target: str | None, port: int | None, env_file: str | None) -> None:
    """Do the background work of the add-on service that MODULE:NAME names, beside `serve --web-only`."""
    import asyncio

    from headrace.logs import configure_logging
    from headrace.serving import WORKER_NICENESS, leave_hooks_behind, run_worker

    configure_logging()
    service = load_service(target, env_file)
    os.nice(WORKER_NICENESS)
    asyncio.run(run_worker(service, port=port))
    leave_hooks_behind()


@main.command()
@click.option("--world", type=click.Path(exists=True, dir_okay=False), help="A TOML world (default: a built-in one).")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=4999, show_default=True, help="0 takes any free port.")
@click.option("--json", "as_json", is_flag=True, help="Print addresses, tokens and settings as one line of JSON.")
@click.option(
    "--env-file", type=click.Path(dir_okay=False), help="Write the settings of the first add-on service here."
)
@click.option("--load", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Begin with what was saved.")
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="Save everything here at the end.")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="Write the traffic here, masked.")
def emulate(  # noqa: PLR0917
    world: str | None,
    host: str,
    port: int,
    as_json: bool,  # noqa: FBT001
    env_file: str | None,
    load: Path | None,
    save: Path | None,
    record: Path | None,
) -> None:
    """Run a Heroku on this machine: apps, teams, pipelines, and your add-on service."""
    import asyncio

    from uvicorn.loops.auto import auto_loop_factory

    from headrace.emulator import ReadyInfo
    from headrace.emulator import serve as serve_emulator

    def write_env_file(info: ReadyInfo) -> None:
        if env_file is not None and info.addon_services:
            lines = [f"{name}='{value}'\n" for name, value in info.addon_services[0].settings.items()]
            Path(env_file).write_text("".join(lines), encoding="utf-8")

    if world and load:
        raise click.UsageError("--world and --load: what was saved has a world already.")
    serving = serve_emulator(
        read_world(world),
        host=host,
        port=port,
        as_json=as_json,
        out=sys.stdout,
        log=None if as_json else sys.stderr,
        load=load,
        save=save,
        record_to=record,
        ready=write_env_file,
    )
    # uvicorn's choice, which is uvloop where there is one, answers twice as fast.
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(serving)


@main.command()
@click.option(
    "--manifest",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The add-on manifest.",
)
@click.option("--base-url", default="", help="Where the provider is called (default: the manifest's test address).")
@click.option("--sso-url", default="", help="Where the provider takes login forms (default: the manifest's).")
@click.option("--plan", "plans", multiple=True, help="A plan to provision; a second one to change to (default: test).")
@click.option("--only", multiple=True, metavar="FEATURE", help="Judge this feature only; may be repeated.")
@click.option("--exclude", multiple=True, metavar="FEATURE", help="Leave this feature out; may be repeated.")
@click.option("--no-callback", is_flag=True, help="The provider cannot be set to call the checker's Heroku.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the checker's Heroku listens.")
@click.option("--port", default=5055, show_default=True, help="Its port; 0 takes any free one.")
@click.option("--client-secret", envvar="HEADRACE_CLIENT_SECRET", help="What the provider exchanges grants with.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for what a provider does after a 202.",
)
@click.option("--format", "form", type=click.Choice(["text", "json", "junit"]), default="text", show_default=True)
def check(**options: Any) -> None:
    """Judge whether a provider keeps Heroku's contract, whatever it is written in. Exit 0: it does, 1: it does not."""
    import asyncio

    from headrace.checker.command import run_check

    sys.exit(0 if asyncio.run(run_check(**options)) else 1)


@main.command()
@click.argument("recording", type=click.Path(exists=True, dir_okay=False))
@click.option("--base-url", help="Where the provider is (default: where the world has it).")
@click.option("--world", type=click.Path(exists=True, dir_okay=False), help="The world that was recorded.")
@click.option("--load", type=click.Path(exists=True, dir_okay=False), help="Begin with what was saved instead.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=4999, show_default=True, help="Where the provider finds Heroku.")
@click.option("--speed", type=float, help="Keep the distances between calls; 1 is as recorded (default: none).")
@click.option("--wait", default=30.0, show_default=True, help="Seconds for what the provider calls back with.")
def replay(  # noqa: PLR0917
    recording: str,
    base_url: str | None,
    world: str | None,
    load: str | None,
    host: str,
    port: int,
    speed: float | None,
    wait: float,
) -> None:
    """Send what `emulate --record` saw go to a provider again, and compare the answers."""
    import asyncio

    from headrace.emulator import Report, read_recording, run
    from headrace.emulator import replay as replay_recording

    if world and load:
        raise click.UsageError("--world and --load: what was saved has a world already.")
    exchanges = read_recording(recording)

    async def play() -> Report:
        async with run(read_world(world), host=host, port=port) as emulator:
            if load:
                emulator.load(load)
            for service in {exchange.subject.service for exchange in exchanges if exchange.subject and base_url}:
                emulator.point(service, base_url=base_url or "")
            return await replay_recording(emulator, exchanges, speed=speed, callback_within=timedelta(seconds=wait))

    report = asyncio.run(play())
    click.echo(str(report))
    sys.exit(0 if report.is_good else 1)


@main.command()
@click.option("--once", is_flag=True, help="Do the work, print the board, and stop.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the board as JSON.")
def demo(once: bool, as_json: bool) -> None:  # noqa: FBT001
    """Show the main job at work: a Heroku, an add-on and its board, on this machine."""
    import asyncio

    from headrace.demo import run_demo
    from headrace.logs import configure_logging

    if as_json and not once:
        raise click.UsageError("--json goes with --once.")
    configure_logging(level=logging.ERROR)
    asyncio.run(run_demo(once=once, as_json=as_json))


@main.command()
@click.argument("uuid")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@env_file
def inspect(uuid: str, as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Ask Heroku which app, pipeline and stage a resource is in."""
    from headrace.protocol.partner import parse_uuid

    inspection = with_parts(env_file, lambda parts: parts.inspector.inspect(parse_uuid(uuid)))
    described = describe_inspection(inspection)
    if as_json:
        click.echo(json.dumps(described))
        return
    for name, value in described.items():
        click.echo(f"{name.replace('_', ' ') + ':':<15} {value if value is not None else '-'}")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each.")
@env_file
def notices(as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """List what waits for an operator: what failed, and why."""
    from headrace.store.notices import list_open_notices

    rows = with_parts(env_file, lambda parts: parts.database.read(list_open_notices))
    if not rows and not as_json:
        click.echo("Nothing waits for an operator.")
    for row in rows:
        at = row.raised_at.isoformat(timespec="seconds")
        if as_json:
            described = {"uuid": row.resource_uuid, "resource": row.resource_name, "kind": row.kind, "raised_at": at}
            click.echo(json.dumps({**described, "detail": row.detail}))
        else:
            detail = ", ".join(f"{name} {value}" for name, value in row.detail.items() if value is not None)
            click.echo(f"{at}  {row.kind:<20}  {row.resource_uuid}  {row.resource_name}  {detail}")


@main.command()
@click.argument("uuid")
@env_file
def retry(uuid: str, env_file: str | None) -> None:
    """Try again what failed of a resource: its provision, its deprovision or its last plan change."""
    from headrace.protocol.partner import parse_uuid

    what = with_parts(env_file, lambda parts: parts.operations.retry(parse_uuid(uuid)))
    click.echo(f"The {what} is tried again; a worker takes it up.")


@main.command()
@click.argument("uuid")
@click.confirmation_option(prompt="No hook is called: have you removed at your side what belongs to it?")
@env_file
def abandon(uuid: str, env_file: str | None) -> None:
    """Give a failed resource up: it counts as deprovisioned, and its secrets are forgotten."""
    from headrace.protocol.partner import parse_uuid

    with_parts(env_file, lambda parts: parts.operations.abandon(parse_uuid(uuid)))
    click.echo("Given up.")


@main.command()
@env_file
def migrate(env_file: str | None) -> None:
    """Create or upgrade the database; `serve` and `worker` do it too when they start."""
    import asyncio

    async def run(parts: "Parts") -> None:
        await asyncio.to_thread(parts.prepare)

    with_parts(env_file, run)
    click.echo("The database is up to date.")


@main.command()
@click.argument(
    "what",
    type=click.Choice(
        ["resources", "placements", "moves", "stage-mix", "figures", "production-on-small-plan", "one-ended-pipelines"]
    ),
)
@click.option("--format", "form", type=click.Choice(["csv", "jsonl", "parquet"]), default="csv", show_default=True)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write here (default: standard output)."
)
@env_file
def export(what: str, form: str, output: Path | None, env_file: str | None) -> None:
    """Write rows to analyse elsewhere. WHAT they are: docs/metrics.md says what stands in each column."""
    import asyncio

    from headrace.exports import export as write_export
    from headrace.exports import writing

    async def run(parts: "Parts") -> int:
        with writing(output) if output else nullcontext(sys.stdout.buffer) as out:
            small_plans = parts.settings.small_plans
            return await asyncio.to_thread(write_export, parts.database, what, form, out, small_plans=small_plans)

    count = with_parts(env_file, run)
    if output:
        click.echo(f"Wrote {count:,} row(s) to {output}.")


@main.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Count the days since then again.")
@env_file
def count(since: datetime | None, env_file: str | None) -> None:
    """Count the fleet's days at once: those that were not counted, or those since an import."""
    from headrace.store.roll_up import forget_days

    async def run(parts: "Parts") -> int:
        if since is not None:
            await parts.database.write(forget_days, since=since.date())
        return await parts.roll_up.count_all()

    click.echo(f"Counted {with_parts(env_file, run):,} day(s).")


for command in (sync, import_resources, history, doctor):
    main.add_command(command)


@main.group()
def secrets() -> None:
    """Make and rotate the key that seals stored secrets."""


@secrets.command("new-key")
def new_key() -> None:
    """Print a new key for HEADRACE_KEYS."""
    from headrace.store.seal import make_key

    click.echo(make_key())


@secrets.command("rotate")
@env_file
def rotate(env_file: str | None) -> None:
    """Seal every stored secret with the first key of HEADRACE_KEYS; older keys may go afterwards."""

    async def run(parts: "Parts") -> int:
        count = 0
        while await parts.database.read(parts.secrets.count_old):
            count += await parts.database.write(parts.secrets.rotate, limit=500)
        return count

    click.echo(f"Sealed {with_parts(env_file, run)} secret(s) with the new key.")


def load_service(target: str | None, env_file: str | None) -> "AddonService":
    """Import MODULE:NAME from the current folder and return the service.

    Raises:
        ConfigurationError: settings are missing, or there is no service of that name.
    """
    from headrace.service import AddonService
    from headrace.settings import read_settings

    load_env(env_file)
    if target is None:
        read_settings(os.environ)
        raise ConfigurationError(["Say which service to run: headrace serve MODULE:NAME, such as acme:service."])
    module_name, _, name = target.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        service = getattr(importlib.import_module(module_name), name or "service")
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise ConfigurationError([f"There is no module {module_name} in {Path.cwd()}."]) from None
    except AttributeError:
        raise ConfigurationError([f"{module_name} has no {name or 'service'}."]) from None
    if not isinstance(service, AddonService):
        raise ConfigurationError([f"{target} is a {type(service).__name__}, not an AddonService."])
    return service


def read_world(path: str | None) -> "World":
    """Return the world of a file, or the built-in one."""
    from headrace.emulator import BUILT_IN_WORLD, load_world

    if path is None:
        return load_world(BUILT_IN_WORLD)
    return load_world(Path(path).read_text(encoding="utf-8"), directory=Path(path).parent)


def describe_problems(problems: Sequence[str]) -> str:
    """Return what has to be put right, and the way to try headrace without a Heroku account."""
    count = "1 thing" if len(problems) == 1 else f"{len(problems)} things"
    lines = [f"headrace cannot start: {count} to put right.", "", *(f"  - {problem}" for problem in problems)]
    if any(problem.startswith("Missing ") for problem in problems):
        lines += [
            "",
            "No Heroku account at hand? `headrace emulate --env-file .env` runs one here and writes these settings;",
        ]
        lines += ["then `headrace serve --env-file .env MODULE:NAME`."]
    return "\n".join(lines)


def describe_inspection(inspection: "Inspection") -> dict[str, Any]:
    """Return an inspection as plain values, for people and programs."""
    place = inspection.placement
    return {
        "resource": inspection.addon.name,
        "uuid": inspection.addon.id,
        "app": inspection.app.name,
        "app_id": inspection.app.id,
        "outcome": str(inspection.outcome),
        "pipeline": place.pipeline.name if place else None,
        "pipeline_id": place.pipeline.id if place else None,
        "stage": str(place.stage) if place else None,
        "looked_up_at": inspection.looked_up_at.isoformat(timespec="seconds"),
    }
