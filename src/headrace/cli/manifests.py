"""The commands about a partner's manifest: the file here, and the one that is in force at Heroku."""

from typing import TYPE_CHECKING

import click

from headrace.cli.parts import Commands, FilePath
from headrace.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.manifests.host import AddonsHost

ROTATED = """{path} has a new password. In this order, and before {until}:

  heroku config:set HEADRACE_MANIFEST="$(cat {path})"     the service takes the old one and the new
  headrace manifest push                                  Heroku calls with the new one

From {until} on the service refuses the old one by itself."""

commands = Commands()

file_option = click.option("--file", type=FilePath(dir_okay=False), help="The manifest (default: addon-manifest.json).")
url_option = click.option(
    "--url",
    envvar="HEROKU_ADDONS_URL",
    default="https://addons.heroku.com",
    show_default=True,
    help="Heroku's host.",
)


@commands.group()
def manifest() -> None:
    """Make, judge, show, pull and push the add-on's manifest."""


@manifest.command()
@click.argument("name", required=False)
@file_option
def new(name: str | None, file: "Path | None") -> None:
    """Write a manifest with secrets of its own for an add-on NAME (default: this folder's)."""
    from pathlib import Path

    from headrace.manifests.files import FILE
    from headrace.scaffold.files import PRIVATE, NewFile
    from headrace.scaffold.manifests import build_manifest, render
    from headrace.scaffold.names import guess_name, read_name
    from headrace.scaffold.writing import write_files

    try:
        names = guess_name(Path.cwd()) if name is None else read_name(name)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    path = file or Path(FILE)
    write_files(path.parent, {path.name: NewFile(render(build_manifest(names)).encode(), PRIVATE)})
    click.echo(f"{path} is written. It holds two secrets: keep it out of git.")


@manifest.command()
@file_option
@click.pass_context
def check(context: click.Context, file: "Path | None") -> None:
    """Judge the manifest by Heroku's rules. Exit 1: it has problems."""
    from headrace.manifests.files import read_file, render
    from headrace.protocol.manifest import read_manifest

    path = _find(file)
    text = render(read_file(path))
    readings = [read_manifest(text, environment=environment) for environment in ("production", "test")]
    problems = dict.fromkeys(problem for reading in readings for problem in reading.problems)
    for problem in problems:
        click.echo(f"{path}: {problem}")
    if problems:
        context.exit(1)
    click.echo(f"{path} is good.")


@manifest.command()
@file_option
def show(file: "Path | None") -> None:
    """Print the manifest without its secrets."""
    from headrace.manifests.files import mask, read_file, render

    click.echo(render(mask(read_file(_find(file)))))


@manifest.command()
@click.argument("slug", required=False)
@click.option("--force", is_flag=True, help="Also where the file here has changes that Heroku has not.")
@file_option
@url_option
def pull(slug: str | None, force: bool, file: "Path | None", url: str) -> None:  # noqa: FBT001
    """Write the manifest that is in force at Heroku into the file here."""
    from headrace.clock import read_clock
    from headrace.manifests.files import BadManifest, list_differences, read_file, write_file
    from headrace.manifests.rotation import keep_before, strip_before

    path = _find(file)
    ours = read_file(path) if slug is None or path.exists() else None
    theirs = _open_host(url).pull(slug or str((ours or {}).get("id", "")))
    if ours is not None and not force and (found := list(list_differences(strip_before(ours), theirs))):
        raise BadManifest([*found, f"{path} differs so from what is in force. --force takes the latter."])
    write_file(path, keep_before(theirs, ours or {}, now=read_clock()))
    click.echo(f"{path} is what is in force.")


@manifest.command()
@file_option
@url_option
def push(file: "Path | None", url: str) -> None:
    """Put the manifest of the file here in force at Heroku; the file becomes what Heroku makes of it."""
    from headrace.clock import read_clock
    from headrace.manifests.files import read_file, write_file
    from headrace.manifests.rotation import keep_before, strip_before

    path = _find(file)
    ours = read_file(path)
    write_file(path, keep_before(_open_host(url).push(strip_before(ours)), ours, now=read_clock()))
    click.echo(f"{path} is in force.")


@manifest.command()
@file_option
@url_option
@click.pass_context
def diff(context: click.Context, file: "Path | None", url: str) -> None:
    """Tell what would change at Heroku by a push, by value and without secrets. Exit 1: something would."""
    from headrace.manifests.files import list_differences, read_file
    from headrace.manifests.rotation import strip_before

    ours = strip_before(read_file(_find(file)))
    found = list(list_differences(ours, _open_host(url).pull(str(ours.get("id", "")))))
    for difference in found:
        click.echo(difference)
    if found:
        context.exit(1)
    click.echo("Nothing differs.")


@manifest.command("rotate-password")
@click.option(
    "--hours", type=click.FloatRange(1, 24 * 30), default=24.0, show_default=True, help="How long the old one is good."
)
@file_option
def rotate_password(hours: float, file: "Path | None") -> None:
    """Give the manifest here a new password; the service takes the old one too, for some hours."""
    from datetime import timedelta

    from headrace.clock import read_clock
    from headrace.manifests.files import read_file, write_file
    from headrace.manifests.rotation import begin_rotation
    from headrace.scaffold.manifests import make_secret

    path, now = _find(file), read_clock()
    until = now + timedelta(hours=hours)
    write_file(path, begin_rotation(read_file(path), password=make_secret(), until=until, now=now))
    click.echo(ROTATED.format(path=path, until=f"{until:%Y-%m-%d %H:%M} UTC"))


def _find(file: "Path | None") -> "Path":
    from pathlib import Path

    from headrace.manifests.files import find_file

    return file or find_file(Path())


def _open_host(url: str) -> "AddonsHost":
    import os

    from headrace.manifests.host import AddonsHost
    from headrace.models import Secret

    return AddonsHost(url, Secret(os.environ.get("HEROKU_API_KEY", "")))
