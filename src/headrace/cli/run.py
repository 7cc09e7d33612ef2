"""The commands that run an add-on service: its web process, its worker, and a demo of both."""

import importlib
import os
import sys
from textwrap import indent
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from headrace.cli.parts import PORT, Commands, env_file, load_env
from headrace.errors import ConfigurationError, HeadraceError

if TYPE_CHECKING:
    from headrace.assembly import Parts
    from headrace.service import AddonService

DEFAULT_PORT = "5050"

FLEET_MODE = (
    "Fleet mode, because no MODULE:NAME was given: imported resources are kept current and shown. Heroku's calls are "
    "not answered, and no hook is called."
)

# In a traceback, what is between a command and the partner's code.
NOT_THEIRS = (__file__, importlib.__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")

commands = Commands()


leash = click.option("--leash", type=int, hidden=True, help="The descriptor that ties this process to its parent.")


@commands.command()
@click.argument("target", metavar="MODULE:NAME", required=False)
@click.option("--host", help="Address to listen on (default: 127.0.0.1, or every address when PORT is set).")
@click.option("--port", type=PORT, help="Port to listen on (default: PORT, or 5050).")
@click.option("--prefix", default="", help="Path below which everything is, such as /addon, as in the manifest.")
@click.option("--worker-port", type=PORT, help="Port on which the worker answers /health, /ready and /metrics, if any.")
@click.option("--web-only", is_flag=True, help="Leave the background work to `headrace worker`.")
@click.option("--one-process", is_flag=True, help="Do the background work in the web process: less memory, slower.")
@click.option("--before-worker", is_flag=True, hidden=True, help="The worker beside this process is yet to start.")
@click.option("--socket", "descriptor", type=int, hidden=True, help="The descriptor of a socket to listen on.")
@leash
@env_file
@click.pass_context
def serve(context: click.Context, /, target: str | None, web_only: bool, one_process: bool, **options: Any) -> None:  # noqa: FBT001
    """Serve the add-on service that MODULE:NAME names, from two processes: one for the web, one for background work.

    Without MODULE:NAME it is a fleet's: of resources that another provider provisions and that are imported, with their
    board, the API, the operators' pages and metrics. Heroku's calls are not answered then, and no hook is called.
    """
    if target is None and options["leash"] is None:
        click.echo(FLEET_MODE, err=True)
    is_one = web_only or one_process
    if web_only and one_process:
        raise click.UsageError("--web-only and --one-process exclude each other.")
    if is_one and options["worker_port"] is not None:
        raise click.UsageError("--worker-port is for a worker in a process of its own.")
    if is_one or options["leash"] is not None:
        serve_here(target, has_worker=one_process, **options)
        return
    from headrace.logs import configure_logging
    from headrace.process.parent import run_both

    configure_logging()
    given = {name: options[name] for name in ("host", "port", "env_file")}
    web = ["serve", *_list_arguments(target, prefix=options["prefix"] or None, **given)]
    worker = ["worker", *_list_arguments(target, port=options["worker_port"], env_file=options["env_file"])]
    context.exit(run_both(web=web, worker=worker))


def serve_here(
    target: str | None,
    *,
    has_worker: bool,
    before_worker: bool,
    leash: int | None,
    descriptor: int | None,
    host: str | None,
    port: int | None,
    prefix: str,
    env_file: str | None,
    **_others: object,
) -> None:
    """Serve from this process, until a signal asks to stop or the leash ends."""
    from headrace.logs import configure_logging
    from headrace.process.parent import Leash
    from headrace.process.ports import bind, read_port, take_socket
    from headrace.running import require_free_worker
    from headrace.service import find_assembly
    from headrace.serving import leave_hooks_behind, run_server
    from headrace.store.sql.usable import require_usable

    configure_logging()
    service = load_service(target, env_file)
    is_apart = not has_worker and leash is None
    if is_apart and "DYNO" in os.environ and service.settings.database.is_sqlite:
        setting = service.settings.database.setting
        raise ConfigurationError([f"--web-only: dynos share no SQLite file. Set {setting} to a PostgreSQL database."])
    host = host or ("0.0.0.0" if "PORT" in os.environ else "127.0.0.1")
    port = read_port(os.environ.get("PORT", DEFAULT_PORT)) if port is None else port
    app = service.asgi(prefix=prefix, has_worker=has_worker)
    parts = find_assembly(service).assemble()
    require_usable(parts.database)
    if has_worker or before_worker:
        require_free_worker(parts)
    if leash is not None and not has_worker:
        migrate_apart(parts, env_file)
    with bind(host, port) if descriptor is None else take_socket(descriptor) as bound:
        run_server(app, host=host, port=port, bound=bound, leash=None if leash is None else Leash(leash))
    leave_hooks_behind(service)


def migrate_apart(parts: "Parts", env_file: str | None) -> None:
    """Create or upgrade the database from another process: what it takes of memory for that would stay in this one."""
    import subprocess

    from headrace.process.parent import build_command
    from headrace.store.sql.migrate import is_migrated

    with parts.database.engine.connect() as connection:
        if is_migrated(connection):
            return
    # If it fails, so does this process's own look at the database, and says why.
    command = build_command("migrate", *_list_arguments(None, env_file=env_file))
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ours


def _list_arguments(target: str | None, **options: object) -> list[str]:
    """Return the words of a command line that say the same."""
    given = [(f"--{name.replace('_', '-')}", str(value)) for name, value in options.items() if value is not None]
    return [*([] if target is None else [target]), *(word for pair in given for word in pair)]


@commands.command()
@click.argument("target", metavar="MODULE:NAME", required=False)
@click.option("--port", type=PORT, help="Also answer /health, /ready and /metrics on this port.")
@leash
@env_file
def worker(target: str | None, port: int | None, leash: int | None, env_file: str | None) -> None:
    """Do the background work of the add-on service that MODULE:NAME names, beside `serve --web-only`.

    Without MODULE:NAME it is that of a fleet, as `headrace serve` says.
    """
    import asyncio

    from headrace.logs import configure_logging
    from headrace.process.parent import Leash
    from headrace.service import find_assembly
    from headrace.serving import WORKER_NICENESS, leave_hooks_behind, run_worker
    from headrace.store.sql.usable import require_usable

    configure_logging()
    service = load_service(target, env_file)
    require_usable(find_assembly(service).assemble().database)
    os.nice(WORKER_NICENESS)
    asyncio.run(run_worker(service, port=port, leash=None if leash is None else Leash(leash)))
    leave_hooks_behind(service)


@commands.command()
@click.option("--once", is_flag=True, help="Do the work, print the board, and stop.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the board as JSON.")
def demo(once: bool, as_json: bool) -> None:  # noqa: FBT001
    """Show the main job at work: a Heroku, an add-on and its board, on this machine, with a tour of five steps."""
    import asyncio
    import logging

    from headrace.demo import run_demo
    from headrace.logs import configure_logging

    if as_json and not once:
        raise click.UsageError("--json goes with --once.")
    configure_logging(level=logging.ERROR)
    asyncio.run(run_demo(once=once, as_json=as_json))


def load_service(target: str | None, env_file: str | None) -> "AddonService":
    """Import MODULE:NAME from the current folder and return the service; without one, a fleet's, which has no hooks.

    Raises:
        ConfigurationError: settings are missing, or there is no service of that name.
    """
    from pathlib import Path

    from headrace.service import AddonService, build_fleet
    from headrace.settings import read_settings

    load_env(env_file)
    if target is None:
        return build_fleet(read_settings(os.environ))
    module_name, _, name = target.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigurationError([f"{target} names no module; write it as addon:service, for service of addon.py."])
    sys.path.insert(0, str(Path.cwd()))
    module = _import(module_name)
    try:
        service = getattr(module, name or "service")
    except AttributeError:
        raise ConfigurationError([f"{module_name} has no {name or 'service'}."]) from None
    if not isinstance(service, AddonService):
        raise ConfigurationError([f"{target} is a {type(service).__name__}, not an AddonService."])
    return service


def _import(module_name: str) -> ModuleType:
    from pathlib import Path

    try:
        return importlib.import_module(module_name)
    except HeadraceError:
        raise
    except SyntaxError as error:
        raise ConfigurationError([_describe_syntax(error)]) from None
    except Exception as error:  # noqa: BLE001 - a module of somebody's may raise anything
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            raise ConfigurationError([f"There is no module {module_name} in {Path.cwd()}."]) from None
        told = indent(_spell_own_part(error), "    ")
        raise ConfigurationError([f"{module_name} cannot be imported:\n\n{told}"]) from None


def _spell_own_part(error: Exception) -> str:
    """Return the traceback from the partner's own code on: what comes before it is ours, and Python's."""
    from traceback import format_exception

    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in NOT_THEIRS:
        trace = trace.tb_next
    return "".join(format_exception(error.with_traceback(trace)))


def _describe_syntax(error: SyntaxError) -> str:
    """Return where a file cannot be read as Python, why, and the line."""
    from pathlib import Path

    place = Path(error.filename or "?")
    name = place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place
    return ": ".join(filter(None, [f"{name}, line {error.lineno}", error.msg, (error.text or "").strip()]))
