"""The commands about a fleet: bring its placements up to date, import it, look back, and see whether all is well."""

import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from headrace.commands import env_file, with_parts
from headrace.errors import ConfigurationError

if TYPE_CHECKING:
    from headrace.inspector.looks import Tally
    from headrace.service import Parts
    from headrace.store.placements import PlacementRow

# Lines that are written in one transaction.
LINES = 500
# Batches that are looked at at a time, so that one asks Heroku while another is written.
BATCHES = 3
FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "heroku"}


@click.command()
@click.argument("uuids", nargs=-1, metavar="[UUID…]")
@click.option("--all", "is_whole", is_flag=True, help="Look at every placement, due or not.")
@click.option("--due", is_flag=True, help="Look at what is due (the default).")
@click.option("--json", "as_json", is_flag=True, help="Print what it came to as JSON, and no progress.")
@env_file
def sync(uuids: tuple[str, ...], is_whole: bool, due: bool, as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Ask Heroku where resources are, now: what is due, everything, or these.

    It may be stopped at any time: the next run, or the service itself, goes on with what is left.
    """
    import asyncio

    if sum((bool(uuids), is_whole, due)) > 1:
        raise click.UsageError("Name resources, or give --all or --due: one of them.")

    async def run(parts: "Parts") -> dict[str, Any]:
        from headrace.inspector.looks import Tally
        from headrace.serving import spare_collector
        from headrace.store.looks import count_due, want_every_look, want_looks

        await _require_migrated(parts)
        spare_collector()
        now, total, tally = parts.clock(), 0, Tally()
        only = [_read_uuid(text) for text in uuids] or None
        if only is not None:
            await parts.database.write(want_looks, only, now=now)
        elif is_whole:
            await parts.database.write(want_every_look, now=now)
        total = await parts.database.read(count_due, now=now, only=only)
        began = time.monotonic()
        with _Progress(total, is_shown=not as_json) as progress:

            async def work() -> None:
                while (part := await parts.sweep.look_here(only)) is not None:
                    tally.add(part)
                    progress.show(tally)

            await asyncio.gather(*(work() for _ in range(BATCHES)))
        return _summarize(tally, seconds=time.monotonic() - began)

    summary = with_parts(env_file, run)
    click.echo(json.dumps(summary) if as_json else _spell(summary))
    sys.exit(1 if summary["errors"] else 0)


@click.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl", "heroku"]), help="What FILE is (default: by its name)."
)
@click.option("--dry-run", is_flag=True, help="Say what would come of it, and change nothing.")
@env_file
def import_resources(file: Any, form: str | None, dry_run: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Import resources that another provider provisions, from FILE, or - for standard input.

    CSV with a header or JSON lines: uuid, plan, and whatever else is known of name, region, state, created_at,
    refresh_token, access_token, expires_at, app_id, app_name; or Heroku's own list of your resources.
    The same file twice is as good as once. Lines that cannot be read are named and left out; then the exit status is 1.
    """
    from headrace.imports import read_lines

    form = form or FORMATS.get(Path(file.name).suffix)
    if form is None:
        raise click.UsageError("Say what it is with --format csv, jsonl or heroku.")
    bad = 0

    async def run(parts: "Parts") -> Counter[str]:
        nonlocal bad
        await _require_migrated(parts)
        changes: Counter[str] = Counter()
        for lines in read_lines(file, form, size=LINES):
            for problem in lines.problems:
                bad += 1
                click.echo(problem, err=True)
            found = await parts.imports.take_all(lines.resources, is_rehearsal=dry_run)
            changes.update({str(change): count for change, count in found.items()})
        return changes

    changes = with_parts(env_file, run)
    told = [f"{changes.get(change, 0):,} {change}" for change in ("new", "changed", "same", "kept")]
    click.echo(f"{', '.join(told)}, {bad:,} not read.{' Nothing was changed.' if dry_run else ''}")
    sys.exit(1 if bad else 0)


@click.command()
@click.argument("uuid")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]), help="Where it was then (UTC).")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each place.")
@env_file
def history(uuid: str, as_of: datetime | None, as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Show every pipeline and stage that a resource's app has been in, and when."""
    from headrace.errors import UnknownResource
    from headrace.store.placements import list_placements, pick_placement
    from headrace.store.resources import find_resource

    async def run(parts: "Parts") -> "list[PlacementRow]":
        await _require_migrated(parts)
        found = _read_uuid(uuid)
        if await parts.database.read(find_resource, found) is None:
            raise UnknownResource(found)
        return await parts.database.read(list_placements, found)

    places = with_parts(env_file, run)
    if as_of is not None:
        place = pick_placement(places, as_of=as_of.replace(tzinfo=UTC))
        places = [] if place is None else [place]
    for place in places:
        click.echo(json.dumps(_describe(place)) if as_json else _spell_place(place))
    if not places and not as_json:
        click.echo("Nothing is known about where it was." if as_of else "It has not been looked up yet.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each finding.")
@env_file
def doctor(as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """See whether all is well: settings, database, keys, clock, Heroku, tokens, placements, workflows."""
    from headrace.doctor import Level, examine

    findings = examine(env_file)
    for finding in findings:
        if as_json:
            click.echo(json.dumps({"subject": finding.subject, "level": finding.level, "finding": finding.text}))
        else:
            click.echo(f"{finding.level:<5} {finding.subject:<11} {finding.text}")
    sys.exit(1 if any(finding.level is Level.FAIL for finding in findings) else 0)


class _Progress:
    """A bar on a terminal; elsewhere nothing, because a log has no use for it."""

    def __init__(self, total: int, *, is_shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("looking"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not is_shown or not console.is_terminal,
        )
        self._task = self._bar.add_task("looking", total=total, detail="")
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, tally: "Tally") -> None:
        done = tally.looked + tally.failed
        per_second = done / max(time.monotonic() - self._began, 0.001)
        errors = ", ".join(f"{count} {kind}" for kind, count in tally.errors.most_common())
        detail = f"{per_second:,.0f}/s, {tally.requests:,} requests, {tally.unmodified:,} unmodified"
        self._bar.update(self._task, completed=done, detail=f"{detail}, {errors}" if errors else detail)


async def _require_migrated(parts: "Parts") -> None:
    from headrace.store.migrate import is_migrated

    if not await parts.database.read(is_migrated):
        raise ConfigurationError(["The database is not up to date; run `headrace migrate`."])


def _read_uuid(text: str) -> str:
    from headrace.protocol.partner import parse_uuid

    return parse_uuid(text)


def _summarize(tally: "Tally", *, seconds: float) -> dict[str, Any]:
    return {
        "looked": tally.looked,
        "moved": tally.moved,
        "requests": tally.requests,
        "unmodified": tally.unmodified,
        "errors": dict(tally.errors),
        "seconds": round(seconds, 3),
    }


def _spell(summary: dict[str, Any]) -> str:
    errors = ", ".join(f"{count:,} {kind}" for kind, count in summary["errors"].items())
    return (
        f"Looked at {summary['looked']:,} resource(s) in {summary['seconds']:,.1f} s with {summary['requests']:,} "
        f"request(s), {summary['unmodified']:,} of them not modified; {summary['moved']:,} moved"
        + (f"; errors: {errors}." if errors else ".")
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
    return f"{described['from']}  {described['to'] or 'until now':<25}  {place.app_name or place.app_id}  {where}"
