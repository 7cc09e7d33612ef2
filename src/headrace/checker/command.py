"""The command `headrace check`: options in, a report out, and whether the provider passed."""

import asyncio
from pathlib import Path
from typing import Literal

import click

from headrace.checker.bench import Limits
from headrace.checker.documents import render_json, render_junit
from headrace.checker.report import Result
from headrace.checker.run import DEFAULT_CLIENT_SECRET, DEFAULT_PLAN, Order, Selection, check_provider
from headrace.checker.text import Lines, render_announcement, render_summary
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
    lines = Lines()

    def announce(url: str, read: Manifest) -> None:
        secret = "what you gave" if client_secret else DEFAULT_CLIENT_SECRET
        click.echo(render_announcement(url, base_url=read.base_url, client_secret=secret), err=not is_text)

    def show(result: Result) -> None:
        if is_text:
            for line in lines.render(result):
                click.echo(line)

    order = Order(
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
    report = await check_provider(order, announce=announce, show=show)
    click.echo({"text": render_summary, "json": render_json, "junit": render_junit}[form](report))
    return report.has_passed
