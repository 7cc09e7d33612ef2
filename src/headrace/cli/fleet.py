"""The commands about a fleet: bring it up to date, import it, look back, count it, and see whether all is well."""

import sys
import time
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from headrace.cli.parts import Commands, FilePath, env_file, read_uuid, require_form, spell_json, with_parts
from headrace.errors import ConfigurationError
from headrace.wording import spell_count, spell_name

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.assembly import Parts
    from headrace.inspector.batch_state import Tally
    from headrace.store.state.placements import PlacementRow

# Lines of an import that are written in one transaction.
LINES = 500
# Batches that are inspected at a time, so that one asks Heroku while another is written.
BATCHES = 3

commands = Commands()


@commands.command()
@click.argument("uuids", nargs=-1, metavar="[UUID…]")
@click.option("--all", "is_whole", is_flag=True, help="Look at every placement, due or not.")
@click.option("--due", is_flag=True, help="Look at what is due (the default).")
@click.option("--json", "as_json", is_flag=True, help="Print what it came to as JSON, and no progress.")
@env_file
def sync(uuids: tuple[str, ...], is_whole: bool, due: bool, as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Ask Heroku where resources are, now: what is due, everything, or these.

    It may be stopped at any time: the next run, or the service itself, goes on with what is left.
    """
    if sum((bool(uuids), is_whole, due)) > 1:
        raise click.UsageError("Name resources, or give --all or --due: one of them.")

    async def run(parts: "Parts") -> dict[str, Any]:
        only = [read_uuid(text) for text in uuids] or None
        return await _sync(parts, only, is_whole=is_whole, is_shown=not as_json)

    summary = with_parts(env_file, run)
    click.echo(spell_json(summary) if as_json else _spell_summary(summary))
    sys.exit(1 if summary["errors"] else 0)


@commands.command("import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl", "heroku"]), help="What FILE is (default: by its name)."
)
@click.option("--dry-run", is_flag=True, help="Say what would come of it, and change nothing.")
@env_file
def import_resources(file: Any, form: str | None, dry_run: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Import resources that another provider provisions, from FILE, or - for standard input.

    CSV with a header, as spreadsheets and psql write it, or JSON lines: uuid, plan, and whatever else is known of name,
    region, state, created_at, refresh_token, access_token, expires_at, app_id, app_name; or Heroku's own list of your
    resources.
    The same file twice is as good as once. Lines that cannot be read are named and left out; then the exit status is 1.
    Add-ons of other services are left out too.
    """
    from headrace.cli.import_files import open_text, read_lines

    form = require_form(file, form)

    async def run(parts: "Parts") -> Counter[str]:
        changes: Counter[str] = Counter()
        for lines in read_lines(open_text(file), form, size=LINES, service=parts.manifest.id):
            for problem in lines.problems:
                click.echo(problem, err=True)
            found = await parts.imports.take_all(lines.resources, by="command", is_rehearsal=dry_run)
            changes.update({str(change): count for change, count in found.items()})
            changes["not read"] += len(lines.problems)
            changes["of other services"] += lines.others
        return changes

    changes = with_parts(env_file, run)
    told = [f"{changes[change]:,} {change}" for change in ("new", "changed", "same", "kept", "not read")]
    if changes["of other services"]:
        told.append(f"{changes['of other services']:,} of other services left out")
    click.echo(f"{', '.join(told)}.{' Nothing was changed.' if dry_run else ''}")
    sys.exit(1 if changes["not read"] else 0)


@commands.command()
@click.argument("uuid")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]), help="Where it was then (UTC).")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each place.")
@env_file
def history(uuid: str, as_of: datetime | None, as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Show every pipeline and stage that a resource's app has been in, and when."""
    from headrace.errors import UnknownResource
    from headrace.store.state.placements import list_placements, pick_placement
    from headrace.store.state.resources import find_resource

    async def run(parts: "Parts") -> "list[PlacementRow]":
        found = read_uuid(uuid)
        if await parts.database.read(find_resource, found) is None:
            raise UnknownResource(found)
        return await parts.database.read(list_placements, found)

    places = with_parts(env_file, run)
    if as_of is not None:
        place = pick_placement(places, as_of=as_of.replace(tzinfo=UTC))
        places = [] if place is None else [place]
    for place in places:
        click.echo(spell_json(_describe(place)) if as_json else _spell_place(place))
    if not places and not as_json:
        click.echo("Nothing is known about where it was." if as_of else "It has not been looked up yet.")


@commands.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each finding.")
@env_file
def doctor(as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """See whether all is well, from the settings to what is switched on; the receiver of notices is sent a ping."""
    from headrace.doctor import Level, examine, find_misconfigured

    try:
        findings = with_parts(env_file, examine, is_migrated=False)
    except ConfigurationError as error:
        findings = find_misconfigured(error)
    for finding in findings:
        if as_json:
            click.echo(spell_json({"subject": finding.subject, "level": finding.level, "finding": finding.text}))
        else:
            click.echo(f"{finding.level:<5} {finding.subject:<11} {finding.text}")
    sys.exit(1 if any(finding.level is Level.FAIL for finding in findings) else 0)


@commands.command()
@click.argument(
    "what",
    type=click.Choice(
        [
            "resources",
            "placements",
            "moves",
            "pipelines",
            "stage-mix",
            "figures",
            "production-on-small-plan",
            "one-ended-pipelines",
            "changes",
        ]
    ),
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    default="csv",
    show_default=True,
    help="What to write.",
)
@click.option(
    "--output",
    type=FilePath(),
    help="Write here (default: standard output); changes go into a folder, by day.",
)
@click.option("--since", metavar="CURSOR", help="Of changes, those behind this cursor (default: all there ever were).")
@env_file
def export(what: str, form: str, output: "Path | None", since: str | None, env_file: str | None) -> None:
    """Write rows to analyse elsewhere. WHAT they are: docs/metrics.md says what stands in each column.

    Changes in a folder are written by day, and then the cursor to go on from is printed, for the next --since.
    """
    import asyncio

    from headrace.fleet.formats import export as write_export
    from headrace.fleet.formats import writing

    if what == "changes":
        _export_changes(form, output, since or "", env_file)
        return
    if since is not None:
        raise click.UsageError("--since is for changes: every other export is of one moment.")

    async def run(parts: "Parts") -> int:
        with writing(output) if output else nullcontext(sys.stdout.buffer) as out:
            small_plans = parts.settings.small_plans
            return await asyncio.to_thread(write_export, parts.database, what, form, out, small_plans=small_plans)

    count = with_parts(env_file, run)
    if output:
        click.echo(f"Wrote {spell_count(count, 'row')} to {output}.")


def _export_changes(form: str, folder: "Path | None", since: str, env_file: str | None) -> None:
    import asyncio

    from headrace.fleet.change_files import export_changes, require_cursor, write_changes
    from headrace.store.state.changes import write_change_cursor

    def write(parts: "Parts") -> None:
        cursor = require_cursor(parts.database, since)
        if folder is None:
            write_changes(parts.database, form, sys.stdout.buffer, since=cursor)
            return
        count, following = export_changes(parts.database, folder, form, since=cursor)
        click.echo(f"Wrote {spell_count(count, 'row')} to {folder}.", err=True)
        click.echo(write_change_cursor(following) if following else "")

    async def run(parts: "Parts") -> None:
        await asyncio.to_thread(write, parts)

    with_parts(env_file, run)


@commands.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Count the days since then again.")
@env_file
def count(since: datetime | None, env_file: str | None) -> None:
    """Count the fleet's days at once: those that were not counted, or those since an import."""
    from headrace.store.reports.figures.counted_days import make_uncounted

    async def run(parts: "Parts") -> int:
        if since is not None:
            await parts.database.write(make_uncounted, since=since.date())
        return await parts.roll_up.count_all()

    click.echo(f"Counted {spell_count(with_parts(env_file, run), 'day')}.")


async def _sync(parts: "Parts", only: list[str] | None, *, is_whole: bool, is_shown: bool) -> dict[str, Any]:
    """Ask where these resources are, or all, or those that are due; return what it came to."""
    import asyncio

    from headrace.cli.progress import Progress
    from headrace.inspector.batch_state import Tally
    from headrace.process.collector import spare_collector
    from headrace.store.state.due import count_due, make_all_due, make_due
    from headrace.transport import load_aiohttp

    spare_collector()
    now, tally = parts.clock(), Tally()
    if only is not None:
        await parts.database.write(make_due, only, now=now)
    elif is_whole:
        await parts.database.write(make_all_due, now=now)
    total = await parts.database.read(count_due, now=now, only=only)
    if total:
        # With the first request it would be imported while a batch is claimed already.
        await load_aiohttp()
    began = time.monotonic()
    with Progress(total, is_shown=is_shown) as progress:

        async def inspect_batches() -> None:
            while (part := await parts.sweep.inspect_here(only, since=now)) is not None:
                tally.add(part)
                progress.show(tally)

        await asyncio.gather(*(inspect_batches() for _ in range(BATCHES)))
    return _summarize(tally, seconds=time.monotonic() - began)


def _summarize(tally: "Tally", *, seconds: float) -> dict[str, Any]:
    return {
        "looked": tally.inspected,
        "moved": tally.moved,
        "requests": tally.requests,
        "unmodified": tally.unmodified,
        "errors": dict(tally.errors),
        "seconds": round(seconds, 3),
    }


def _spell_summary(summary: dict[str, Any]) -> str:
    errors = ", ".join(f"{count:,} {kind}" for kind, count in summary["errors"].items())
    return (
        f"Looked at {spell_count(summary['looked'], 'resource')} in {summary['seconds']:,.1f} s with "
        f"{spell_count(summary['requests'], 'request')}, {summary['unmodified']:,} of them not modified; "
        f"{summary['moved']:,} moved" + (f"; errors: {errors}." if errors else ".")
    )


def _describe(place: "PlacementRow") -> dict[str, Any]:
    return {
        "from": place.valid_from.isoformat(timespec="seconds"),
        "to": place.valid_to.isoformat(timespec="seconds") if place.valid_to else None,
        "app": place.app_name,
        "app_id": place.app_id,
        "pipeline": place.pipeline_name,
        "pipeline_id": place.pipeline_id,
        "stage": place.stage,
    }


def _spell_place(place: "PlacementRow") -> str:
    described = _describe(place)
    where = f"{place.pipeline_name or place.pipeline_id}, {place.stage}" if place.pipeline_id else "in no pipeline"
    app = place.app_name or place.app_id
    return spell_name(f"{described['from']}  {described['to'] or 'until now':<25}  {app}  {where}")
