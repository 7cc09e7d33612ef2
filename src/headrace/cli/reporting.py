"""The command that tells a product manager about the weeks that are over."""

from typing import TYPE_CHECKING

import click

from headrace.cli.parts import Commands, FilePath, env_file, with_parts

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.assembly import Parts
    from headrace.fleet.report import Report

commands = Commands()


@commands.command()
@click.option(
    "--weeks", type=click.IntRange(1, 52), default=1, show_default=True, help="Of how many weeks, up to last Sunday."
)
@click.option("--html", type=FilePath(dir_okay=False), help="Write one HTML file here that opens offline.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, as /operators/report.json has it.")
@env_file
def report(weeks: int, html: "Path | None", as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Tell of the weeks that are over what a product manager asks on Monday, beside as many weeks before.

    Coverage, stages, growth without review and CI apps, pipelines that grew and shrank, the way to production,
    production on small plans, churn by stage, and cohorts: each figure with its change, its list and its definition.
    """
    import msgspec

    from headrace.fleet.formats import writing
    from headrace.fleet.report import load_report
    from headrace.fleet.report_text import render_text

    if html is not None and as_json:
        raise click.UsageError("Give --html or --json: one of them.")

    async def run(parts: "Parts") -> "tuple[Report, str, str]":
        now, small_plans = parts.clock(), parts.settings.small_plans
        found = await parts.database.read(load_report, weeks=weeks, small_plans=small_plans, now=now)
        if html is None:
            return found, parts.manifest.name, ""
        from headrace.web.operators.report import render_report_file

        page = render_report_file(found, service_name=parts.manifest.name, small_plans=small_plans, now=now)
        return found, parts.manifest.name, page

    found, service_name, page = with_parts(env_file, run)
    if html is not None:
        with writing(html) as out:
            out.write(page.encode())
        click.echo(f"Wrote the report to {html}.")
    elif as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        click.echo(render_text(found, service=service_name), nl=False)
