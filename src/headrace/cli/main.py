"""The command `headrace`: gathers the commands, and turns our errors into text and an exit status."""

import os
from typing import Any

import click

from headrace.cli import (
    config,
    databases,
    enriching,
    fleet,
    heroku,
    manifests,
    operate,
    reconciling,
    reporting,
    run,
    scaffolding,
    tokens,
    triggering,
)
from headrace.cli.parts import GIVEN, Commands
from headrace.errors import ConfigurationError, HeadraceError

FAILED = 1
MISUSE = 2
# What runs until it is ended; everything else does one thing.
STARTS = ("serve", "worker", "dev", "demo", "emulate")


class _Main(Commands):
    """Turns our errors into text and an exit status: 2 for what is configured wrongly, 1 for the rest."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            click.echo(_describe_problems(error, " ".join(ctx.meta.get(GIVEN, ()))), err=True)
            ctx.exit(MISUSE)
        except HeadraceError as error:
            click.echo(str(error), err=True)
            ctx.exit(FAILED)


@click.group(cls=_Main)
@click.version_option(package_name="headrace")
def main() -> None:
    """Run a Heroku add-on: provisioning, pipelines, a board for customers, and a Heroku to try it on."""
    if os.getpid() == 1:
        import signal

        # A container's first process is ended by no signal that it does not handle; servers have handlers of their own.
        signal.signal(signal.SIGTERM, signal.default_int_handler)


for subject in (
    scaffolding,
    triggering,
    manifests,
    run,
    heroku,
    operate,
    databases,
    tokens,
    config,
    fleet,
    reporting,
    enriching,
    reconciling,
):
    main.commands |= subject.commands.commands


def _describe_problems(error: ConfigurationError, command: str) -> str:
    """Return what has to be put right, and the way to try headrace without a Heroku account."""
    problems = error.problems
    undone = "headrace cannot start" if command in STARTS else f"`headrace {command}` cannot be done"
    count = "1 thing" if len(problems) == 1 else f"{len(problems)} things"
    lines = [f"{error.headline or undone}: {count} to put right.", "", *(f"  - {problem}" for problem in problems)]
    if any(problem.startswith("Missing ") for problem in problems):
        lines += [
            "",
            "No Heroku account at hand? `headrace emulate --env-file .env` runs one here and writes these settings;",
        ]
        lines += ["then `headrace serve --env-file .env MODULE:NAME`."]
    return "\n".join(lines)
