"""The command `headrace check`: options in, a report out, and whether the provider passed."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Literal

import click

from headrace.checker.kit.harness import Limits
from headrace.checker.report import Result
from headrace.checker.report_documents import render_json, render_junit
from headrace.checker.report_text import Lines, render_announcement, render_summary
from headrace.checker.run import DEFAULT_CLIENT_SECRET, DEFAULT_PLAN, Assignment, Selection, check_provider
from headrace.protocol.manifest import Manifest


async def run_check(
    *,
    manifest: Path,
    base_url: str,
    sso_url: str,
    plans: tuple[str, ...],
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    no_callback: bool,
    host: str,
    port: int,
    client_secret: str | None,
    wait: float,
    form: Literal["text", "json", "junit"],
) -> bool:
    """Judge a provider, print the report in the form wanted, and return whether the provider passed.

    A document has standard output for itself; what has to be set at the provider goes to standard error then.
    """
    is_text = form == "text"
    assignment = Assignment(
        manifest_text=await asyncio.to_thread(manifest.read_bytes),
        base_url=base_url,
        sso_url=sso_url,
        plans=plans or (DEFAULT_PLAN,),
        client_secret=client_secret or DEFAULT_CLIENT_SECRET,
        host=host,
        port=port,
        limits=Limits(wait=wait),
        selection=Selection(only=frozenset(only), exclude=frozenset(exclude), has_callback=not no_callback),
    )
    shown_secret = "what you gave" if client_secret else DEFAULT_CLIENT_SECRET
    report = await check_provider(
        assignment,
        announce=partial(_announce, client_secret=shown_secret, is_error=not is_text),
        show=partial(_print_lines, Lines()) if is_text else lambda _result: None,
    )
    click.echo({"text": render_summary, "json": render_json, "junit": render_junit}[form](report))
    return report.has_passed


def _announce(url: str, manifest: Manifest, *, client_secret: str, is_error: bool) -> None:
    click.echo(render_announcement(url, base_url=manifest.base_url, client_secret=client_secret), err=is_error)


def _print_lines(lines: Lines, result: Result) -> None:
    for line in lines.render(result):
        click.echo(line)
