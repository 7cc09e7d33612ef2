"""`headrace tokens`: made and shown once, listed without what they are, revoked by name."""

import asyncio
import json

from click.testing import Result

from cli.running import invoke
from headrace.emulator import describe
from pair import Pair, play_pair
from web.programs.calling import call


async def play(pair: Pair, *arguments: str) -> Result:
    settings = describe(pair.heroku).addon_services[0].settings
    environment = {**settings, "DATABASE_URL": pair.parts.database.url}
    return await asyncio.to_thread(invoke, "tokens", *arguments, **environment)


async def test_a_token_is_made_used_listed_and_revoked(database_url: str) -> None:
    """What `new` prints opens the API at once, and no more once it is revoked."""
    async with play_pair(database_url, has_worker=False) as pair:
        made = await play(pair, "new", "grace", "--scope", "read", "--scope", "operate")
        token = made.stdout.strip()
        before, _ = await call(pair, "GET", "/resources", token)
        listed = await play(pair, "list")
        revoked = await play(pair, "revoke", "grace")
        after, _ = await call(pair, "GET", "/resources", token)
        [told] = [json.loads(line) for line in (await play(pair, "list", "--json")).stdout.splitlines()]

        assert (0, 0, 0) == (made.exit_code, listed.exit_code, revoked.exit_code)
        assert (200, 401) == (before, after)
        assert "operate, read" in listed.stdout
        assert token not in listed.stdout
        assert ("grace", ["operate", "read"], True) == (told["name"], told["scopes"], told["revoked_at"] is not None)


async def test_what_cannot_be_made_or_revoked_is_said_in_a_line(sqlite_url: str) -> None:
    """A name that timelines use already, one that is taken, one that is not there."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        await play(pair, "new", "grace")
        refused = [await play(pair, *words) for words in (("new", "operator"), ("new", "grace"), ("revoke", "nobody"))]

        said = ["Timelines say operator of", "There is a token grace already.", "There is no token nobody,"]
        assert [1, 1, 1] == [each.exit_code for each in refused]
        assert [True] * 3 == [each.stderr.startswith(line) for each, line in zip(refused, said, strict=True)]
