"""The command that holds what is stored against what Heroku has, after a restore above all."""

import stat
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from headrace.cli.parts import Commands, env_file, read_uuid, require_form, spell_json, with_parts
from headrace.wording import spell_count, spell_name

if TYPE_CHECKING:
    from headrace.assembly import Parts
    from headrace.workflows.reconciling.reconciliation import Finding, Report, Terms

commands = Commands()


@commands.command()
@click.argument("file", type=click.File("rb"), required=False)
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl", "heroku"]), help="What FILE is (default: by its name)."
)
@click.option("--dry-run", is_flag=True, help="Say what differs, and change nothing.")
@click.option("--gone", multiple=True, metavar="UUID", help="You have seen at Heroku that this one is gone.")
@click.option(
    "--most-gone",
    type=click.IntRange(0, 100),
    default=10,
    show_default=True,
    metavar="PERCENT",
    help="Deprovision none if more than these are gone.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each difference, and no progress.")
@env_file
def reconcile(  # noqa: PLR0917
    file: BinaryIO | None,
    form: str | None,
    dry_run: bool,  # noqa: FBT001
    gone: tuple[str, ...],
    most_gone: int,
    as_json: bool,  # noqa: FBT001
    env_file: str | None,
) -> None:
    """Hold what is stored against what Heroku has, and mend what differs: after a backup was restored, for example.

    FILE is Heroku's list of your add-ons, or - for standard input: `GET /addons`, the list of installs, or what
    `import` takes. Each is asked about by its own token as well; without FILE that is all, and what is not known here
    is not found. It may be stopped and run again at any time. The exit status is 1 if something waits for you.
    """
    form = None if file is None else require_form(file, form)
    uuids = [read_uuid(text) for text in gone]

    async def run(parts: "Parts") -> "Report":
        from headrace.cli.progress import Progress
        from headrace.workflows.reconciling.reconciliation import Reconciliation

        terms = _read_terms(parts, file, form, uuids, most_gone=most_gone, is_rehearsal=dry_run)
        with Progress(0, is_shown=not as_json) as progress:
            reconciliation = Reconciliation(parts, parts.client, parts.imports)
            return await reconciliation.run(terms, observe=progress.show_asked)

    report = with_parts(env_file, run)
    lines = _describe_all(report) if as_json else _spell_all(report, is_rehearsal=dry_run)
    for line in lines:
        click.echo(line)
    sys.exit(1 if report.is_open else 0)


def _read_terms(
    parts: "Parts",
    file: BinaryIO | None,
    form: str | None,
    gone: list[str],
    *,
    most_gone: int,
    is_rehearsal: bool,
) -> "Terms":
    from headrace.cli.import_files import open_text, read_heroku_list
    from headrace.workflows.reconciling.reconciliation import Terms

    if file is None or form is None:
        return Terms(gone=gone, most_gone=most_gone, is_rehearsal=is_rehearsal)
    found = read_heroku_list(open_text(file), form, service=parts.manifest.id)
    for problem in found.problems:
        click.echo(f"{problem} What is missing in the list is not taken for gone.", err=True)
    if found.others:
        others = f"{spell_count(found.others, 'add-on')} of other services"
        click.echo(f"{others} {'is' if found.others == 1 else 'are'} left out.", err=True)
    return Terms(
        listed=found.listed,
        listed_at=_read_age(parts, file),
        is_list_whole=not found.problems,
        gone=gone,
        most_gone=most_gone,
        is_rehearsal=is_rehearsal,
    )


def _read_age(parts: "Parts", file: BinaryIO) -> datetime:
    """When the list was made: a file was written then, and what comes in by a pipe is as of now."""
    from pathlib import Path

    status = None if file.name == "<stdin>" else Path(file.name).stat()
    is_file = status is not None and stat.S_ISREG(status.st_mode)
    return datetime.fromtimestamp(status.st_mtime, UTC) if status and is_file else parts.clock()


def _describe_all(report: "Report") -> Iterator[str]:
    for finding in report.findings:
        yield spell_json(_describe(finding))


def _describe(finding: "Finding") -> dict[str, Any]:
    from dataclasses import asdict

    described = asdict(finding) | {"is_open": finding.is_open}
    return {name: str(value) if isinstance(value, str) else value for name, value in described.items()}


def _spell_all(report: "Report", *, is_rehearsal: bool) -> Iterator[str]:
    """A line for each difference, what each kind means, and what it came to."""
    from headrace.protocol.reconciliation import MEANINGS, Difference

    for finding in report.findings:
        yield _spell(finding)
    kinds = Counter(finding.difference for finding in report.findings)
    if kinds:
        yield ""
    for kind in (each for each in Difference if each in kinds):
        meaning = MEANINGS[kind]
        yield f"{kind} ({kinds[kind]:,}): {meaning.means} {meaning.do}"
    if any(finding.is_held_back for finding in report.findings):
        yield "More are gone than --most-gone allows, so none is deprovisioned: see whether the list is the right one."
    mended = sum(1 for finding in report.findings if finding.is_mended)
    still_open = sum(1 for finding in report.findings if finding.is_open)
    told = "Nothing was changed." if is_rehearsal else f"{mended:,} mended, {still_open:,} open."
    yield f"{report.compared:,} compared, {spell_count(len(report.findings), 'difference')}. {told}"


def _spell(finding: "Finding") -> str:
    here = f"{finding.state}, {finding.plan}" if finding.state else "not here"
    done = "held back" if finding.is_held_back else "mended" if finding.is_mended else "open" if finding.is_open else ""
    plan = finding.herokus_plan or "-"
    return spell_name(
        f"{finding.difference:<18}  {finding.uuid}  {finding.name:<30}  {here:<24}  heroku: {plan:<12}  {done}"
    ).rstrip()
