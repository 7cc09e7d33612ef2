"""The commands that play Heroku: to try a provider, to judge it, and to send it again what it was sent before."""

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from headrace.cli.parts import PORT, Commands, FilePath

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.emulator import ReadyInfo, World

commands = Commands()


@commands.command()
@click.option("--world", type=click.Path(exists=True, dir_okay=False), help="A TOML world (default: a built-in one).")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where Heroku listens.")
@click.option("--port", type=PORT, default=4999, show_default=True, help="Its port; 0 takes any free one.")
@click.option("--url", help="Where others reach it, such as http://emulator:4999 (default: host and port).")
@click.option("--json", "as_json", is_flag=True, help="Print addresses, tokens and settings as one line of JSON.")
@click.option(
    "--env-file", type=click.Path(dir_okay=False), help="Write the settings of the first add-on service here."
)
@click.option("--load", type=FilePath(exists=True, dir_okay=False), help="Begin with what was saved.")
@click.option("--save", type=FilePath(dir_okay=False), help="Save everything here at the end.")
@click.option("--record", type=FilePath(dir_okay=False), help="Write the traffic here, masked.")
@click.option(
    "--scenario",
    type=click.Choice(["a-week-of-pull-requests"]),
    help="Have customers do this, once the service listens.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed plans the same scenario.")
@click.option("--pull-requests", default=500, show_default=True, help="How many there are in the scenario.")
def emulate(  # noqa: PLR0917
    world: str | None,
    host: str,
    port: int,
    url: str | None,
    as_json: bool,  # noqa: FBT001
    env_file: str | None,
    load: "Path | None",
    save: "Path | None",
    record: "Path | None",
    scenario: str | None,
    seed: int,
    pull_requests: int,
) -> None:
    """Run a Heroku on this machine: apps, teams, pipelines, and your add-on service."""
    import asyncio

    from uvicorn.loops.auto import auto_loop_factory

    from headrace.emulator import Scenario, Size
    from headrace.emulator import serve as serve_emulator

    serving = serve_emulator(
        _read_world(world, load),
        host=host,
        port=port,
        url=url,
        as_json=as_json,
        out=sys.stdout,
        log=None if as_json else sys.stderr,
        load=load,
        save=save,
        record_to=record,
        scenario=Scenario(size=Size(pull_requests=pull_requests), seed=seed) if scenario else None,
        ready=lambda info: _write_settings(info, env_file),
    )
    # uvicorn's choice, which is uvloop where `headrace[fast]` has brought it, answers twice as fast.
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(serving)


@commands.command()
@click.option(
    "--manifest",
    required=True,
    type=FilePath(exists=True, dir_okay=False),
    help="The add-on manifest.",
)
@click.option("--base-url", default="", help="Where the provider is called (default: the manifest's test address).")
@click.option("--sso-url", default="", help="Where the provider takes login forms (default: the manifest's).")
@click.option("--plan", "plans", multiple=True, help="A plan to provision; a second one to change to (default: test).")
@click.option("--only", multiple=True, metavar="FEATURE", help="Judge this feature only; may be repeated.")
@click.option("--exclude", multiple=True, metavar="FEATURE", help="Leave this feature out; may be repeated.")
@click.option("--no-callback", is_flag=True, help="The provider cannot be set to call the checker's Heroku.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the checker's Heroku listens.")
@click.option("--port", type=PORT, default=5055, show_default=True, help="Its port; 0 takes any free one.")
@click.option(
    "--client-secret",
    envvar="HEADRACE_CLIENT_SECRET",
    # While it is rotated there are two; the provider asks with the new one first.
    callback=lambda _context, _parameter, value: value and value.partition(",")[0].strip(),
    help="What the provider exchanges grants with.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for what a provider does after a 202.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "junit"]),
    default="text",
    show_default=True,
    help="How the report is written.",
)
def check(**options: Any) -> None:
    """Judge whether a provider keeps Heroku's contract, whatever it is written in. Exit 0: it does, 1: it does not."""
    import asyncio

    from headrace.checker.command import run_check

    sys.exit(0 if asyncio.run(run_check(**options)) else 1)


@commands.command()
@click.argument("recording", type=click.Path(exists=True, dir_okay=False))
@click.option("--base-url", help="Where the provider is (default: where the world has it).")
@click.option("--world", type=click.Path(exists=True, dir_okay=False), help="The world that was recorded.")
@click.option("--load", type=click.Path(exists=True, dir_okay=False), help="Begin with what was saved instead.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where Heroku listens.")
@click.option("--port", type=PORT, default=4999, show_default=True, help="Where the provider finds Heroku.")
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

    beginning = _read_world(world, load)
    exchanges = read_recording(recording)

    async def play() -> Report:
        async with run(beginning, host=host, port=port) as emulator:
            if load:
                emulator.load(load)
            for service in {exchange.subject.service for exchange in exchanges if exchange.subject and base_url}:
                emulator.point(service, base_url=base_url or "")
            return await replay_recording(emulator, exchanges, speed=speed, callback_within=timedelta(seconds=wait))

    report = asyncio.run(play())
    click.echo(str(report))
    sys.exit(0 if report.is_good else 1)


def _read_world(path: str | None, load: "str | Path | None") -> "World":
    """Return the world of a file, or the built-in one, for what is loaded to go into.

    Raises:
        click.UsageError: what is loaded has a world already.
    """
    from pathlib import Path

    from headrace.emulator import BUILT_IN_WORLD, load_world

    if path is None:
        return load_world(BUILT_IN_WORLD)
    if load is not None:
        raise click.UsageError("--world and --load: what was saved has a world already.")
    return load_world(Path(path).read_text(encoding="utf-8"), directory=Path(path).parent)


def _write_settings(info: "ReadyInfo", env_file: str | None) -> None:
    from headrace.cli.env_files import render_env

    if env_file is not None and info.addon_services:
        with open(env_file, "w", encoding="utf-8", opener=_open_privately) as file:
            file.write(render_env(info.addon_services[0].settings))


def _open_privately(path: str, flags: int) -> int:
    """Open a file that only its owner may read: secrets are written there."""
    return os.open(path, flags, 0o600)
