"""The commands about tokens: who of a partner's programs and operators may ask and order, by name."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from headrace.cli.parts import Commands, env_file, spell_json, with_parts
from headrace.wording import spell_name

if TYPE_CHECKING:
    from headrace.assembly import Parts
    from headrace.models import Secret
    from headrace.store.state.people.api_tokens import ApiTokenRow

SCOPES = ("read", "write", "operate")

commands = Commands()


@commands.group()
def tokens() -> None:
    """Make and revoke the tokens of programs, for /api, and of operators, who log in with theirs."""


@tokens.command("new")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="What it may: read; write, that is import, set config and rotate; operate, that is log in to the operators' "
    "pages, retry, abandon and settle. Several may be given; without any it may read.",
)
@env_file
def new(name: str, scopes: tuple[str, ...], env_file: str | None) -> None:
    """Make a token and print it, this once: it is stored nowhere.

    NAME is who has it, a person or a program; timelines say it of each order that comes with the token.
    """
    from headrace.store.state.people.api_tokens import Scope, add_api_token

    wanted = [Scope(each) for each in scopes or ("read",)]

    async def run(parts: "Parts") -> "Secret":
        return await parts.database.write(add_api_token, name, wanted, now=parts.clock())

    click.echo(with_parts(env_file, run).reveal())


@tokens.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each.")
@env_file
def list_tokens(as_json: bool, env_file: str | None) -> None:  # noqa: FBT001
    """List the tokens, those that were revoked too: name, scopes, and since when."""
    from headrace.store.state.people.api_tokens import list_api_tokens

    async def run(parts: "Parts") -> "list[ApiTokenRow]":
        return await parts.database.read(list_api_tokens)

    rows = with_parts(env_file, run)
    for row in rows:
        created_at, revoked_at = _spell(row.created_at), row.revoked_at and _spell(row.revoked_at)
        if as_json:
            told = {"name": row.name, "scopes": row.scopes, "created_at": created_at, "revoked_at": revoked_at}
            click.echo(spell_json(told))
        else:
            revoked = f"  revoked {revoked_at}" if revoked_at else ""
            click.echo(spell_name(f"{row.name:<24}  {', '.join(row.scopes):<20}  made {created_at}{revoked}"))
    if not rows and not as_json:
        click.echo("There are none. `headrace tokens new NAME` makes one.")


@tokens.command("revoke")
@click.argument("name")
@env_file
def revoke(name: str, env_file: str | None) -> None:
    """Let a token open nothing from now on; an operator's session that began with it ends too."""
    from headrace.store.state.people.api_tokens import revoke_api_token

    async def run(parts: "Parts") -> None:
        await parts.database.write(revoke_api_token, name, now=parts.clock())

    with_parts(env_file, run)
    click.echo(spell_name(f"Revoked {name}."))


def _spell(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
