"""What the commands share: settings from a file, and the parts of a service that is not running."""

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from headrace.service import Parts

T = TypeVar("T")

env_file = click.option(
    "--env-file", type=click.Path(exists=True, dir_okay=False), help="Read settings from this file first."
)


def load_env(path: str | None) -> None:
    """Read settings from a file; what the environment has already wins."""
    if path is not None:
        from dotenv import load_dotenv

        load_dotenv(path, override=False)


def with_parts(env_file: str | None, use: Callable[["Parts"], Awaitable[T]]) -> T:
    """Put the parts of a service together, without its hooks, for as long as `use` takes; return what it returns."""
    import asyncio

    from headrace.client import read_clock
    from headrace.service import assemble
    from headrace.settings import read_settings
    from headrace.workflows.hooks import Hooks

    async def run() -> T:
        parts = assemble(read_settings(os.environ), Hooks(), clock=read_clock)
        try:
            return await use(parts)
        finally:
            await parts.client.close()
            await parts.engine.stop()
            parts.database.close()

    load_env(env_file)
    return asyncio.run(run())
