"""The command that joins a partner's own numbers with where each app stood."""

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from headrace.cli.parts import Commands, FilePath, env_file, opened_database
from headrace.wording import spell_count

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.enriching.joining import Wish

FORMS = click.Choice(["csv", "jsonl", "parquet"])

commands = Commands()


@commands.command()
@click.argument("file", type=FilePath(exists=True, allow_dash=True))
@click.option("--uuid", metavar="COLUMN", required=True, help="Which column names the resource.")
@click.option("--at", metavar="COLUMN", required=True, help="Which column says when.")
@click.option("--zone", metavar="NAME", help="What times without a zone are in: UTC, Europe/Berlin.")
@click.option(
    "--unit", type=click.Choice(["s", "ms", "us", "ns"]), help="What a time that is a number counts since 1970."
)
@click.option(
    "--group",
    metavar="KEY,…",
    default="",
    help="Count by stage, pipeline, app, plan, state, day, or columns of FILE, in place of giving out each row.",
)
@click.option("--value", metavar="COLUMN", help="What to sum and average, with --group.")
@click.option("--p95", is_flag=True, help="And its 95th percentile: what 95 of 100 rows do not exceed.")
@click.option("--prefix", default="", help="Put this before the names of the columns that are added.")
@click.option("--format", "form", type=FORMS, help="What FILE is (default: by its name).")
@click.option("--to", type=FORMS, help="What to write (default: by the name of --output, or CSV).")
@click.option("--output", type=FilePath(dir_okay=False), help="Write here (default: standard output).")
@env_file
def enrich(
    *, file: "Path", form: str | None, to: str | None, output: "Path | None", env_file: str | None, **asked: Any
) -> None:
    """Add to each row of FILE where its resource's app stood at that moment, or count the rows by it.

    FILE has your own numbers: CSV, JSON lines, Parquet, a folder of Parquet files, or - for standard input. Where no
    stage can stand there is a word: none (in no pipeline), unknown (not known then), gone (not any more), unseen (no
    such resource here). docs/enrich.md has the rules.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from headrace.enriching.enriching import enrich as write_enriched
    from headrace.enriching.rows import FORMS as SUFFIXES
    from headrace.fleet.formats import writing
    from headrace.store.sql.migrate import require_migrated

    wish = _read_wish(**asked)
    out_form = to or (SUFFIXES.get(output.suffix, "csv") if output else "csv")
    if output is None and out_form == "parquet" and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal: say where it goes with --output.")
    with opened_database(env_file) as database, TemporaryDirectory() as folder:
        with database.engine.connect() as connection:
            require_migrated(connection)
        rows = _keep_input(Path(folder), form) if str(file) == "-" else file
        with writing(output) if output else nullcontext(sys.stdout.buffer) as out:
            count = write_enriched(database, rows, wish, form=form, out=out, out_form=out_form)
    if output:
        click.echo(f"Wrote {spell_count(count, 'row')} to {output}.", err=True)


def _read_wish(*, group: str, p95: bool, **columns: Any) -> "Wish":
    from headrace.enriching.joining import Wish

    keys = tuple(key.strip() for key in group.split(",") if key.strip())
    if (columns["value"] or p95) and not keys:
        raise click.UsageError("--value and --p95 reckon with groups: say which with --group.")
    if p95 and not columns["value"]:
        raise click.UsageError("Say with --value of which column --p95 is wanted.")
    return Wish(keys=keys, wants_p95=p95, **columns)


def _keep_input(folder: "Path", form: str | None) -> "Path":
    """Keep what comes in on disk: it may be read twice."""
    import shutil

    if form is None:
        raise click.UsageError("Say what comes in with --format csv, jsonl or parquet.")
    path = folder / f"standard-input.{form}"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path
