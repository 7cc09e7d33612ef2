"""The commands that change resources' config vars: one by one, or as a job over a filter or a file of uuids."""

import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from headrace.cli.parts import Commands, env_file, read_uuid, spell_json, with_parts
from headrace.wording import spell_name

if TYPE_CHECKING:
    from headrace.assembly import Parts
    from headrace.resources.jobs import ConfigJob, Jobs, Ordered
    from headrace.resources.known import ResourceFilters

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])

BY = "command"
# Only so many of what failed are printed, unless as JSON.
FAILED_SHOWN = 20
LOOK_EVERY = timedelta(seconds=0.5)
MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])

commands = Commands()


@commands.group()
def config() -> None:
    """Set config vars of resources, and renew their credentials: of one, of some, or of all."""


def choosing(command: Command) -> Command:
    """Add the options that say of which resources, and what to do beside."""
    options = (
        click.option("--file", type=click.File("rb"), help="Those whose uuids are in FILE, one a line."),
        click.option("--all", "is_whole", is_flag=True, help="All that are provisioned."),
        *(
            click.option(f"--{name}", multiple=True, help=what)
            for name, what in (
                ("state", "Those in this state."),
                ("plan", "Those on this plan."),
                ("region", "Those in this region."),
                ("stage", "Those whose app is at this stage; none and unknown are two more."),
                ("pipeline", "Those in this pipeline, by id or name."),
                ("app", "Those on this app, by id or name."),
            )
        ),
        click.option("--made-after", type=MOMENT, help="Those made then (UTC) or later."),
        click.option("--made-before", type=MOMENT, help="Those made before (UTC)."),
        click.option("--by", default=BY, show_default=True, help="Who orders it, for the timelines."),
        click.option("--dry-run", is_flag=True, help="Say of how many, and order nothing."),
        click.option("--no-wait", is_flag=True, help="Do not wait for it to be done: a worker does it anyway."),
        click.option("--json", "as_json", is_flag=True, help="Print what it came to as JSON, and no progress."),
        env_file,
    )
    for option in reversed(options):
        command = option(command)
    return command


@config.command("set")
@click.argument("uuids_and_values", nargs=-1, metavar="[UUID…] [NAME=VALUE…]")
@click.option("--remove", multiple=True, metavar="NAME", help="Remove this config var.")
@click.option("--values", type=click.File("rb"), help="Read names and values from a JSON object; null removes.")
@choosing
def set_config(
    uuids_and_values: tuple[str, ...], remove: tuple[str, ...], values: BinaryIO | None, **chosen: Any
) -> None:
    """Set config vars of resources by name; those that are not named stay.

    What stands on a command line is read by others on the machine and kept by the shell: give passwords by --values.
    It is done by a worker, one restart for each app, and goes on when this command is stopped.
    """
    uuids = [each for each in uuids_and_values if "=" not in each]
    changes: dict[str, Any] = _read_values(values) if values is not None else {}
    changes |= dict(each.split("=", 1) for each in uuids_and_values if "=" in each)
    changes |= dict.fromkeys(remove)

    async def order(jobs: "Jobs", filters: "ResourceFilters") -> "Ordered":
        return await jobs.set_config(changes, by=chosen["by"], dry_run=chosen["dry_run"], **filters)

    _order(uuids, order, chosen)


@config.command("rotate")
@click.argument("uuids", nargs=-1, metavar="[UUID…]")
@choosing
def rotate(uuids: tuple[str, ...], **chosen: Any) -> None:
    """Renew the credentials of resources: your on_rotate hook makes new ones, which are then set.

    It is done by a worker, and goes on when this command is stopped. (`headrace secrets rotate` is about headrace's own
    keys.)
    """

    async def order(jobs: "Jobs", filters: "ResourceFilters") -> "Ordered":
        return await jobs.rotate(by=chosen["by"], dry_run=chosen["dry_run"], **filters)

    _order(uuids, order, chosen)


@config.command("jobs")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each job.")
@env_file
def list_jobs(as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """List the latest jobs, and how far each is."""
    jobs = _with_jobs(env_file, lambda jobs: jobs.list())
    for job in jobs:
        click.echo(spell_json(_describe(job)) if as_json else _spell(job))
    if not jobs and not as_json:
        click.echo("Nothing was ordered yet.")


@config.command("show")
@click.argument("job_id", metavar="JOB")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, with all that failed.")
@env_file
def show(job_id: str, as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Show how far a job is, and what failed of it and why."""

    async def report(jobs: "Jobs") -> int:
        return await _report(jobs, await jobs.get(job_id), as_json=as_json)

    sys.exit(_with_jobs(env_file, report))


@config.command("stop")
@click.argument("job_id", metavar="JOB")
@env_file
def stop(job_id: str, env_file: str | None) -> None:
    """Let a job rest: what is under way is brought to its end, what waits does not begin."""
    job = _with_jobs(env_file, lambda jobs: jobs.stop(job_id))
    click.echo(f"Stopped. {_spell(job)}\nGo on with `headrace config resume {job_id}`.")


@config.command("resume")
@click.argument("job_id", metavar="JOB")
@env_file
def resume(job_id: str, env_file: str | None) -> None:
    """Go on with a job that was stopped."""
    click.echo(f"A worker goes on. {_spell(_with_jobs(env_file, lambda jobs: jobs.resume(job_id)))}")


def _order(
    uuids: Iterable[str],
    order: "Callable[[Jobs, ResourceFilters], Awaitable[Ordered]]",
    chosen: dict[str, Any],
) -> None:
    """Order something of the resources that were chosen, and wait until it is done; say what it came to."""
    filters = _read_filters(list(uuids), chosen)

    async def run(jobs: "Jobs") -> int:
        ordered = await order(jobs, filters)
        if ordered.job_id is None or chosen["no_wait"]:
            click.echo(spell_json(_describe_ordered(ordered)) if chosen["as_json"] else _spell_ordered(ordered))
            return 0
        if not chosen["as_json"]:
            click.echo(_spell_ordered(ordered), err=True)
        await _watch(jobs, ordered.job_id, is_shown=not chosen["as_json"])
        return await _report(jobs, await jobs.get(ordered.job_id), as_json=chosen["as_json"])

    sys.exit(_with_jobs(chosen["env_file"], run))


async def _watch(jobs: "Jobs", job_id: str, *, is_shown: bool) -> None:
    """Show how far a job is until it is over, or somebody stops it."""
    from headrace.cli.progress import Progress

    job = await jobs.get(job_id)
    with Progress(job.total, is_shown=is_shown, what="ordered") as progress:
        while not job.is_over and job.stopped_at is None:
            progress.show_done(job.total - job.waiting, failed=job.failed)
            job = await jobs.wait(job_id, within=LOOK_EVERY)
        progress.show_done(job.total - job.waiting, failed=job.failed)


async def _report(jobs: "Jobs", job: "ConfigJob", *, as_json: bool) -> int:
    """Say how far a job is and what failed; return the exit status."""
    failed = [each async for each in jobs.iterate_failed(job.id)]
    if as_json:
        told = [{"uuid": each.uuid, "name": each.name, "step": each.step, "reason": each.reason} for each in failed]
        click.echo(spell_json({**_describe(job), "failures": told}))
        return 1 if failed else 0
    click.echo(_spell(job))
    for each in failed[:FAILED_SHOWN]:
        click.echo(spell_name(f"  failed  {each.uuid}  {each.name}  {each.step}: {each.reason}"))
    if len(failed) > FAILED_SHOWN:
        click.echo(f"  … and {len(failed) - FAILED_SHOWN:,} more: `headrace config show {job.id} --json`")
    return 1 if failed else 0


def _with_jobs(env_file: str | None, use: "Callable[[Jobs], Awaitable[T]]") -> T:
    """Have the jobs of a service that is not running here; whether it has a hook its worker knows."""
    from headrace.resources.jobs import Jobs

    async def run(parts: "Parts") -> T:
        return await use(Jobs(lambda: parts, None))

    return with_parts(env_file, run)


def _read_filters(uuids: list[str], chosen: dict[str, Any]) -> "ResourceFilters":
    from headrace.models import State

    if chosen["file"] is not None:
        uuids += [line.strip() for line in chosen["file"].read().decode("utf-8-sig").splitlines() if line.strip()]
    texts = {name: list(chosen[name]) for name in ("state", "plan", "region", "stage", "pipeline", "app")}
    filters: dict[str, Any] = {name: values for name, values in texts.items() if values}
    filters |= {
        name: chosen[name].replace(tzinfo=UTC) for name in ("made_after", "made_before") if chosen[name] is not None
    }
    if uuids:
        filters["uuid"] = [read_uuid(each) for each in uuids]
    if bool(filters) == chosen["is_whole"]:
        raise click.UsageError("Name resources, give filters, or say --all: one of them.")
    found: Any = filters or {"state": State.PROVISIONED}
    chosen_ones: ResourceFilters = found
    return chosen_ones


def _read_values(file: BinaryIO) -> dict[str, Any]:
    import json

    try:
        values = json.load(file)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise click.UsageError('--values takes a JSON object, such as {"ACME_TOKEN": "…"}.')
    return values


def _describe_ordered(ordered: "Ordered") -> dict[str, Any]:
    return {"job": ordered.job_id, "resources": ordered.count, "left_out": dict(ordered.left_out)}


def _spell_ordered(ordered: "Ordered") -> str:
    left = ", ".join(f"{count:,} {why}" for why, count in sorted(ordered.left_out.items()))
    what = f"Job {ordered.job_id}" if ordered.job_id else "Nothing was ordered. It would be"
    return f"{what}: {ordered.count:,} resource(s)" + (f"; left out: {left}." if left else ".")


def _describe(job: "ConfigJob") -> dict[str, Any]:
    moments: dict[str, datetime | None] = {"created_at": job.created_at, "stopped_at": job.stopped_at}
    return {
        "job": job.id,
        "what": job.kind,
        "config_vars": list(job.names),
        "by": job.ordered_by,
        **{name: moment.isoformat(timespec="seconds") if moment else None for name, moment in moments.items()},
        "total": job.total,
        "waiting": job.waiting,
        "done": job.done,
        "failed": job.failed,
        "dropped": job.dropped,
    }


def _spell(job: "ConfigJob") -> str:
    state = "stopped" if job.stopped_at else "over" if job.is_over else "under way"
    counts = f"{job.done:,} of {job.total:,} done, {job.failed:,} failed, {job.waiting:,} waiting"
    dropped = f", {job.dropped:,} went away" if job.dropped else ""
    what = f"{job.kind} {', '.join(job.names)}".strip()
    ordered = f"{job.id}  {job.created_at:%Y-%m-%d %H:%M}  {what}"
    return spell_name(f"{ordered}: {state}; {counts}{dropped}  ({job.ordered_by})")
