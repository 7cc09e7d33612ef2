"""The commands of an operator: ask about one resource, settle what failed, look after database and keys."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from headrace.cli.parts import Commands, env_file, opened_database, read_uuid, spell_json, with_parts
from headrace.wording import spell_count, spell_name

if TYPE_CHECKING:
    from headrace.assembly import Parts
    from headrace.models import Inspection
    from headrace.store.reports.vitals import Trouble
    from headrace.store.state.notices import NoticeRow

# Who gave an order, as timelines say it.
BY = "command"

commands = Commands()


@commands.command()
@click.argument("uuid")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@env_file
def inspect(uuid: str, as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Ask Heroku which app, pipeline and stage a resource is in."""
    inspection = with_parts(env_file, lambda parts: parts.inspector.inspect(read_uuid(uuid)))
    described = _describe_inspection(inspection)
    if as_json:
        click.echo(spell_json(described))
        return
    for name, value in described.items():
        click.echo(spell_name(f"{name.replace('_', ' ') + ':':<15} {value if value is not None else '-'}"))


@commands.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each.")
@env_file
@click.pass_context
def notices(context: click.Context, as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """List what waits for an operator: what failed, and why."""
    if context.invoked_subcommand is not None:
        return
    troubles, rows = with_parts(env_file, _load_notices)
    if not rows and not troubles and not as_json:
        click.echo("Nothing waits for an operator.")
    for trouble in troubles:
        line = {"uuid": None, "resource": None, "kind": trouble.kind, "detail": {"text": trouble.text}}
        click.echo(spell_json(line) if as_json else f"{trouble.kind:<20}  {trouble.text}")
    for row in rows:
        at = row.raised_at.isoformat(timespec="seconds")
        if as_json:
            described = {"id": row.id, "uuid": row.resource_uuid, "resource": row.resource_name, "kind": row.kind}
            click.echo(spell_json({**described, "raised_at": at, "detail": row.detail}))
        else:
            detail = ", ".join(f"{name} {value}" for name, value in row.detail.items() if value is not None)
            click.echo(
                spell_name(f"{row.id:>5}  {at}  {row.kind:<20}  {row.resource_uuid}  {row.resource_name}  {detail}")
            )


@notices.command()
@click.argument("notice_id", type=click.IntRange(min=1), metavar="ID")
@env_file
def show(notice_id: int, env_file: str | None) -> None:
    """Print what a notice is about, whole: of a webhook event of an odd form, what Heroku delivered last."""
    from headrace.store.state.notices import NoticeKind, find_notice
    from headrace.store.state.secrets import ODD_EVENT

    async def run(parts: "Parts") -> "tuple[NoticeRow | None, str | None]":
        row = await parts.database.read(find_notice, notice_id)
        if row is None or row.kind != NoticeKind.EVENT_ODD:
            return row, None
        return row, await parts.database.read(parts.secrets.find, row.resource_uuid, ODD_EVENT)

    row, body = with_parts(env_file, run)
    if row is None:
        raise click.ClickException(f"There is no notice {notice_id}.")
    whose = "" if row.is_of_service else f"  {row.resource_uuid}  {row.resource_name}"
    click.echo(spell_name(f"{row.kind}{whose}"))
    for name, value in row.detail.items():
        click.echo(spell_name(f"{name}: {value}"))
    if body is not None:
        click.echo(spell_name(body))


@notices.command()
@click.argument("ids", type=click.IntRange(min=1), nargs=-1, required=True, metavar="ID...")
@env_file
def settle(ids: tuple[int, ...], env_file: str | None) -> None:
    """Close notices, by the numbers that the list shows: somebody has seen to what they tell of."""
    from headrace.store.state.notices import settle_notice

    async def run(parts: "Parts") -> list[int]:
        write, now = parts.database.write, parts.clock()
        return [each for each in ids if not await write(settle_notice, each, by=BY, now=now)]

    closed = with_parts(env_file, run)
    if closed:
        raise click.ClickException(f"Not open, or not there: {', '.join(map(str, closed))}.")
    click.echo(f"Closed {len(ids)}.")


async def _load_notices(parts: "Parts") -> "tuple[list[Trouble], list[NoticeRow]]":
    """Return what is wrong with the service as a whole, and what failed of resources."""
    from headrace.store.reports.vitals import load_troubles
    from headrace.store.state.notices import list_open_notices

    every = parts.settings.recheck_every
    troubles = await parts.database.read(load_troubles, now=parts.clock(), recheck_every=every)
    return troubles, await parts.database.read(list_open_notices)


@commands.command()
@click.argument("uuid")
@env_file
def retry(uuid: str, env_file: str | None) -> None:
    """Try again what failed of a resource: its provision, its deprovision or its last plan change."""
    what = with_parts(env_file, lambda parts: parts.operations.retry(read_uuid(uuid), by=BY))
    click.echo(f"The {what} is tried again; a worker takes it up.")


@commands.command()
@click.argument("uuid")
@click.confirmation_option(prompt="No hook is called: have you removed at your side what belongs to it?")
@env_file
def abandon(uuid: str, env_file: str | None) -> None:
    """Give a failed resource up: it counts as deprovisioned, and its secrets are forgotten."""
    with_parts(env_file, lambda parts: parts.operations.abandon(read_uuid(uuid), by=BY))
    click.echo("Given up.")


@commands.command("try-now")
@click.argument("uuid")
@env_file
def try_now(uuid: str, env_file: str | None) -> None:
    """Have the attempt made at once for which a resource waits, after one that failed."""
    found = with_parts(env_file, lambda parts: parts.operations.try_now(read_uuid(uuid), by=BY))
    click.echo(f"Attempt {found.attempts + 1} at {found.step} is made now: its worker hears of it within seconds.")


@commands.command("give-up")
@click.argument("uuid")
@click.confirmation_option(prompt="What is tried fails now, and Heroku is told so. Is that meant?")
@env_file
def give_up(uuid: str, env_file: str | None) -> None:
    """Have no other attempt made of what a resource waits for: it fails now."""
    found = with_parts(env_file, lambda parts: parts.operations.give_up(read_uuid(uuid), by=BY))
    tried = f"after {spell_count(found.attempts, 'attempt')} at {found.step}"
    click.echo(f"The {found.kind.replace('-', ' ')} is given up {tried}; a worker ends it.")


@commands.command()
@click.argument("target", metavar="MODULE:NAME")
@click.argument("uuid", required=False)
@click.argument("name", metavar="[ACTION]", required=False)
@click.option("--list", "is_list", is_flag=True, help="List the actions that there are, and order nothing.")
@click.option("--wait", type=click.IntRange(0), default=0, help="How many seconds to wait for it to be done.")
@env_file
def action(
    *,
    target: str,
    uuid: str | None,
    name: str | None,
    wait: int,
    is_list: bool,
    env_file: str | None,
) -> None:
    """Have an action of the add-on's own done for a resource: one that stands in its code as `@service.action`.

    MODULE:NAME is the service, as for `serve`.
    """
    from headrace.cli.run import load_service

    service = load_service(target, env_file)
    if is_list:
        click.echo("\n".join(service.list_actions()) or "There is no @service.action in this service.")
        return
    if uuid is None or name is None:
        raise click.UsageError("Say of which resource, and which action; --list lists the actions.")
    with service.connected() as connected:
        change = connected.order_action(read_uuid(uuid), name, by=BY, wait=timedelta(seconds=wait))
    if change.outcome is None:
        click.echo(f"Ordered: {name}, order {change.number} of the resource; a worker does it.")
    elif change.outcome == "done":
        click.echo(f"Done: {name}.")
    else:
        raise click.ClickException(f"{name} has {change.outcome}: {change.step}, {change.reason}.")


@commands.command()
@click.option("--to-schema", is_flag=True, help="First move an older release's tables to HEADRACE_DATABASE_SCHEMA.")
@env_file
def migrate(to_schema: bool, env_file: str | None) -> None:  # noqa: FBT001
    """Create or upgrade the database; `serve` and `worker` do it too when they start. Needs no other setting."""
    from headrace.running import prepare
    from headrace.workflows.engine.moving import move_to_schema

    with opened_database(env_file) as database:
        moved_from = move_to_schema(database) if to_schema else None
        newer = prepare(database)
    if moved_from is not None:
        where = f"from {moved_from.tables} to {database.whereabouts.schema}"
        click.echo(f"The tables were moved {where}; restart web and worker.")
    click.echo(f"Nothing is done: {newer}." if newer else "The database is up to date.")


@commands.group()
def secrets() -> None:
    """Make and rotate the key that seals stored secrets."""


@secrets.command("new-key")
def new_key() -> None:
    """Print a new key for HEADRACE_KEYS."""
    from headrace.encryption import make_key

    click.echo(make_key())


@secrets.command("rotate")
@env_file
def rotate(env_file: str | None) -> None:
    """Seal every stored secret with the first key of HEADRACE_KEYS; older keys may go afterwards."""

    async def run(parts: "Parts") -> int:
        count = 0
        while await parts.database.read(parts.secrets.count_old):
            count += await parts.database.write(parts.secrets.rotate, limit=500)
        return count

    click.echo(f"Sealed {spell_count(with_parts(env_file, run), 'secret')} with the new key.")


def _describe_inspection(inspection: "Inspection") -> dict[str, Any]:
    """Return an inspection as plain values, for people and programs."""
    place = inspection.placement
    return {
        "resource": inspection.addon.name,
        "uuid": inspection.addon.id,
        "app": inspection.app.name,
        "app_id": inspection.app.id,
        "outcome": str(inspection.outcome),
        "pipeline": place.pipeline.name if place else None,
        "pipeline_id": place.pipeline.id if place else None,
        "stage": str(place.stage) if place else None,
        "looked_up_at": inspection.looked_up_at.isoformat(timespec="seconds"),
    }
