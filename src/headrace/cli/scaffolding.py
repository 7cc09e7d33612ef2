"""The commands of the first afternoon: a new add-on, and running it while it is written."""

import os
from typing import TYPE_CHECKING

import click

from headrace.cli.parts import PORT, Commands, FilePath
from headrace.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

commands = Commands()

WRITTEN = """{title} is in {where}. It runs, and is tested:

{enter}  headrace dev --provision                                      its board, on this machine
  pip install -r requirements-dev.txt && python -m pytest       what customers do

addon.py is yours to write; addon-manifest.json and .env hold secrets, and .gitignore keeps them out of git."""


@commands.command()
@click.argument("name", required=False)
def init(name: str | None) -> None:
    """Make a new add-on, in a folder NAME or in this one: code, manifest, test, and what deploys it."""
    from pathlib import Path

    from headrace.scaffold.files import build_files
    from headrace.scaffold.names import guess_name, read_name
    from headrace.scaffold.wheels import make_wheel
    from headrace.scaffold.writing import write_files

    try:
        names = guess_name(Path.cwd()) if name is None else read_name(name)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    folder = Path() if name is None else Path(name)
    write_files(folder, build_files(names, make_wheel()))
    enter = "" if name is None else f"  cd {name}\n"
    click.echo(WRITTEN.format(title=names.title, where="this folder" if name is None else name, enter=enter))


@commands.command()
@click.argument("target", metavar="MODULE:NAME", default="addon:service", required=False)
@click.option(
    "--world",
    type=FilePath(exists=True, dir_okay=False),
    help="What Heroku begins with (default: world.toml, or a world with the add-on of this folder's manifest).",
)
@click.option("--port", type=PORT, default=5050, show_default=True, help="Where the add-on listens; 0: any free port.")
@click.option("--heroku-port", type=PORT, default=4999, show_default=True, help="Where Heroku listens; 0: any.")
@click.option("--env-file", type=click.Path(dir_okay=False), default=".env", show_default=True, help="Settings.")
@click.option("--provision", is_flag=True, help="Let an app have the add-on from the start.")
def dev(  # noqa: PLR0917
    target: str,
    world: "Path | None",
    port: int,
    heroku_port: int,
    env_file: str,
    provision: bool,  # noqa: FBT001
) -> None:
    """Run the add-on of this folder and a Heroku beside it; what is saved starts the add-on again."""
    import asyncio
    from pathlib import Path

    from headrace.cli.env_files import load_env
    from headrace.developing import Wanted, run_dev
    from headrace.emulator import load_world

    path = world or Path("world.toml")
    environment = {name: value for name, value in os.environ.items() if name not in {"DYNO", "PORT"}}
    if Path(env_file).exists():
        load_env(env_file, environment)
    wanted = Wanted(
        folder=Path.cwd(),
        target=target,
        world=load_world(_read_world(path), directory=path.parent),
        world_path=path.absolute(),
        port=port,
        heroku_port=heroku_port,
        environment=environment,
        has_first=provision,
    )
    asyncio.run(run_dev(wanted, say=click.echo))


def _read_world(path: "Path") -> str:
    """Return a world's text: of the file, of one with the add-on whose manifest is here, or of the built-in one.

    Raises:
        ConfigurationError: the file is no text.
    """
    from pathlib import Path

    from headrace.emulator import BUILT_IN_WORLD
    from headrace.manifests.files import FILE, read_file
    from headrace.scaffold.files import render_world

    try:
        if path.exists():
            return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError([f"{path} is not a text file in UTF-8."]) from None
    return render_world(str(read_file(Path(FILE)).get("id"))) if Path(FILE).exists() else BUILT_IN_WORLD
