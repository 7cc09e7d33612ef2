"""Planted secrets are looked for wherever anything is written, on days when everything fails."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from browsing import OPERATOR_COOKIE, SALT, log_in, provision, visit
from headrace.emulator import Fault
from headrace.emulator.kit.faults import Kind
from headrace.encryption import KeyRing, make_key
from headrace.errors import Refused
from headrace.hooks.arguments import Resource
from headrace.logs import make_json_formatter
from headrace.models import Secret
from headrace.protocol.webhooks import SIGNATURE_HEADER, sign_delivery
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import secret
from headrace.store.state.placements import find_current_placement
from headrace.store.state.secrets import GRANT, HOOK_STEP, LOG_DRAIN_TOKEN
from headrace.store.state.webhooks import CREDENTIALS, save_credentials
from headrace.workflows.engine.redaction import NOT_SHOWN, redact_text
from headrace.workflows.lifecycle.events import make_credentials
from pair import PASSWORD, Acme, Pair, play_pair

OLD_KEY, NEW_KEY = make_key(), make_key()
API_TOKEN = "planted-api-token-of-thirty-six-letters"
METRICS_TOKEN, OPERATOR_SECRET = "planted-metrics-token-of-36-letters-", "planted-operator-secret-of-36-letters"
DATABASE_PASSWORD = "planted-database-password"
HOOK_SECRET = "planted-in-the-text-of-a-hooks-error"
DRAIN_TOKEN = "d.planted-drain-token"
CONFIG = {"ACME_SEARCH_URL": "https://u:planted-url-pass@search.acme.example", "ACME_SEARCH_TOKEN": "planted-config"}
UUID = "01234567-89ab-cdef-0123-456789abcdef"
# By the kind under which each is stored.
PLANTED = {
    GRANT: "planted-grant",
    f"{HOOK_STEP}/one": "planted-step",
    LOG_DRAIN_TOKEN: "planted-drain",
    CREDENTIALS: "planted-webhook-secret",
}
SECRETS = {
    "client secret": "client-secret",
    "manifest password": PASSWORD,
    "salt": SALT.reveal(),
    "old key": OLD_KEY,
    "new key": NEW_KEY,
    "metrics token": METRICS_TOKEN,
    "API token": API_TOKEN,
    "operator secret": OPERATOR_SECRET,
    "database password": DATABASE_PASSWORD,
    "drain token": DRAIN_TOKEN,
    "config url": "planted-url-pass",
    "config": CONFIG["ACME_SEARCH_TOKEN"],
}


@asynccontextmanager
async def play(database_url: str, acme: Acme) -> AsyncIterator[Pair]:
    """Run a service in whose settings everything is planted."""
    url = sa.make_url(database_url)
    if url.get_backend_name() == "postgresql":
        # The server trusts whoever comes from this machine, so any password will do.
        url = url.set(password=DATABASE_PASSWORD)
    settings: dict[str, Any] = {
        "HEADRACE_KEYS": f"{NEW_KEY},{OLD_KEY}",
        "HEADRACE_API_TOKEN": API_TOKEN,
        "HEADRACE_METRICS_TOKEN": METRICS_TOKEN,
        "HEADRACE_OPERATOR_SECRET": OPERATOR_SECRET,
    }
    async with play_pair(url.render_as_string(hide_password=False), acme=acme, **settings) as pair:
        yield pair


@contextmanager
def capture_log() -> Iterator[io.StringIO]:
    """Everything that any logger says, as the JSON lines that a collector gets."""
    out, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(out)
    handler.setFormatter(make_json_formatter())
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    # It names every task with its arguments at this level, in a debugging mode that is off in production.
    logging.getLogger("asyncio").setLevel(logging.INFO)
    try:
        yield out
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def dump(connection: sa.Connection) -> dict[str, str]:
    """Every value of every table, the engine's too, by the name of its table and column."""
    inspector = sa.inspect(connection)
    found: dict[str, str] = {}
    for schema in inspector.get_schema_names():
        if schema in ("information_schema", "pg_catalog"):
            continue
        for table in inspector.get_table_names(schema):
            rows = connection.exec_driver_sql(f'SELECT * FROM "{schema}"."{table}"').mappings()
            for row in rows:
                for column, value in row.items():
                    text = bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
                    found[f"{table}.{column}"] = found.get(f"{table}.{column}", "") + text
    return found


async def live_through_bad_days(pair: Pair) -> tuple[dict[str, str], str]:
    """Let everything fail that can; return the secrets that came up, and all that was answered."""
    pair.acme.error, pair.acme.failures_left = RuntimeError(HOOK_SECRET), 2
    addon = await provision(pair)
    found: dict[str, str] = {}
    for which in ("first", "second"):
        token = await pair.parts.database.read(pair.parts.secrets.find_token, addon.id)
        assert token is not None
        found |= {f"{which} access": token.access.reveal(), f"{which} refresh": token.refresh.reveal()}
        pair.heroku.expire_tokens(addon)
        await pair.parts.inspector.inspect(addon.id)
    body = {"uuid": UUID, "plan": "basic", "region": "r", "log_drain_token": DRAIN_TOKEN, "oauth_grant": None}
    await pair.call("POST", json=body)
    grant = {"code": "planted-grant-code", "type": "authorization_code", "expires_at": "2099-01-01T00:00:00Z"}
    texts = [str(await pair.call("POST", json={**body, "uuid": UUID.replace("0", "1"), "oauth_grant": grant}))]
    texts.append(str(await pair.call("POST", json={**body, "oauth_grant": {**grant, "expires_at": "soon"}})))
    texts.append(str(await pair.call("POST", password="planted-wrong-password", json=body)))
    cookie = await log_in(pair, addon)
    kinds: tuple[Kind, ...] = ("status", "truncate", "malform", "drop", "revoked_token")
    for kind in kinds:
        pair.heroku.faults.add(Fault(kind=kind, count=2))
        await pair.parts.inspector.inspect_all([addon.id])
    pair.acme.error, pair.acme.failures_left = ValueError(HOOK_SECRET), 1
    await pair.call("PUT", f"/{addon.id}", json={"plan": "free"})
    login = await visit(pair, "/operators/login", form={"secret": OPERATOR_SECRET}, name=OPERATOR_COOKIE)
    operators = login.cookie.value if login.cookie else ""
    await visit(pair, "/operators/login", form={"secret": OPERATOR_SECRET[:-1]})
    lists = ("pipelines", "resources", "requests", "workflows", "deliveries", "sync", f"resources/{addon.id}")
    paths = ["", ".json", f"/resources/{addon.id}/retry"]
    paths += [f"/{path}{ending}" for path in lists for ending in ("", ".json")]
    place = await pair.parts.database.read(find_current_placement, addon.id)
    assert place is not None
    paths += [f"/pipelines/{place.pipeline_id}{ending}" for ending in ("", ".json")]
    pages = [await visit(pair, f"/operators{path}", cookie=operators, name=OPERATOR_COOKIE) for path in paths]
    pages += [await visit(pair, path, cookie=cookie) for path in ("/board", "/board.json", "/ready", "/nowhere")]
    pages.append(await visit(pair, "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}))
    bearer = {"Authorization": f"Bearer {API_TOKEN}"}
    pages.append(await visit(pair, f"/api/resources/{addon.id}", headers=bearer))
    found |= await deliver(pair, addon.id)
    # A cookie is its owner's: nobody else may read it anywhere.
    found |= {"session": cookie, "operator session": operators}
    assert {200, 404} == {page.status for page in pages}
    texts += [page.text + str(page.headers) for page in pages]
    return found | {"grant code": grant["code"]}, "\n".join(texts)


async def deliver(pair: Pair, uuid: str) -> dict[str, str]:
    """Deliver what is signed right and what is forged; return the secrets with which Heroku proves itself."""
    ours = make_credentials()
    await pair.parts.database.write(save_credentials, pair.parts.secrets, {uuid: ours})
    for signing in (ours.secret, Secret("forged")):
        signature = sign_delivery(b"{}", secret=signing)
        headers = {"Authorization": ours.authorization.reveal(), SIGNATURE_HEADER: signature}
        await visit(pair, f"/heroku/webhooks/{uuid}", form=b"{}", headers=headers)
    return {"webhook secret": ours.secret.reveal(), "webhook header": ours.authorization.reveal()}


async def test_bad_days_leave_no_secret_anywhere(database_url: str) -> None:
    """Not in the log, a page, a JSON, the metrics, or any column of any table; of a hook's own error see below."""

    def fail(_resource: Resource) -> None:
        raise RuntimeError(HOOK_SECRET)

    acme = Acme(config=CONFIG, panel=fail)
    with capture_log() as out:
        async with play(database_url, acme) as pair:
            found, answers = await live_through_bad_days(pair)
            await pair.parts.requests.flush()
            columns = await pair.parts.database.read(dump)
    secrets = {**SECRETS, **found}
    log = out.getvalue()
    places = {"the log": log, "an answer": answers, **columns}

    # The same search finds what may be seen, so it is a good one.
    assert "step.failed" in log
    assert "inspection.failed" in log
    assert UUID in "".join(columns.values())
    assert any(column.startswith("workflow_status.") for column in columns)
    assert "client_secret=•••" in columns["kept_request.asked"]
    leaks = [f"{what} in {place}" for place, text in places.items() for what, value in secrets.items() if value in text]
    assert [] == leaks
    assert [] == [place for place, text in places.items() if HOOK_SECRET in text and place != "the log"]


async def test_the_text_of_a_hooks_error_is_in_the_log_and_nowhere_else(sqlite_url: str) -> None:
    """Its author gets the traceback, as one JSON line; what they write into an exception is theirs to answer for."""
    acme = Acme(error=RuntimeError(HOOK_SECRET), failures_left=1)
    with capture_log() as out:
        async with play(sqlite_url, acme) as pair:
            await provision(pair)
            columns = await pair.parts.database.read(dump)

    lines = [json.loads(line) for line in out.getvalue().splitlines() if HOOK_SECRET in line]
    assert ["step.failed"] == [line["event"] for line in lines]
    assert [] == [column for column, text in columns.items() if HOOK_SECRET in text]


async def test_what_a_refusal_tells_is_logged_without_the_secrets_of_its_resource(sqlite_url: str) -> None:
    """After a provision in the background nobody else is told, since Heroku shows nobody why it was given up."""
    acme = Acme(config=CONFIG)
    with capture_log() as out:
        async with play(sqlite_url, acme) as pair:
            addon = await provision(pair)
            planted = await pair.parts.database.read(list_planted, pair, addon.id)
            acme.error, acme.failures_left = Refused(f"No room beside {planted[0]}."), 1
            await pair.call("PUT", f"/{addon.id}", json={"plan": "free"})

    (line,) = [json.loads(line) for line in out.getvalue().splitlines() if '"step.refused"' in line]
    assert ("on_plan_change", "No room beside •••.") == (line["hook"], line["told"])


async def test_a_hooks_error_is_logged_without_the_secrets_of_its_resource(database_url: str) -> None:
    """Whatever the hook knew when it failed; the rest of the traceback is there for its author."""
    acme = Acme(config=CONFIG)
    with capture_log() as out:
        async with play(database_url, acme) as pair:
            addon = await provision(pair)
            await pair.parts.database.write(plant_more, pair, addon.id)
            planted = await pair.parts.database.read(list_planted, pair, addon.id)
            acme.error, acme.failures_left = OSError(f"login with <{'> <'.join(planted)}> failed"), 1
            await pair.call("PUT", f"/{addon.id}", json={"plan": "free"})

    (line,) = [json.loads(line) for line in out.getvalue().splitlines() if '"step.failed"' in line]
    assert [] == [text for text in planted if text in out.getvalue()]
    assert "login with <•••> <•••> <•••> <•••> <•••> <•••> <•••> <•••> <•••> failed" in line["traceback"]
    assert "in resize" in line["traceback"]
    assert "OSError" == line["error"]


async def test_a_panels_error_is_logged_without_the_secrets_of_its_resource(sqlite_url: str) -> None:
    """A panel is a hook like the others."""

    def fail(_resource: Resource) -> None:
        raise OSError(f"login with <{CONFIG['ACME_SEARCH_TOKEN']}> failed")

    with capture_log() as out:
        async with play(sqlite_url, Acme(config=CONFIG, panel=fail)) as pair:
            cookie = await log_in(pair, await provision(pair))
            await visit(pair, "/board", cookie=cookie)

    (line,) = [json.loads(line) for line in out.getvalue().splitlines() if '"panel.failed"' in line]
    assert "login with <•••> failed" in line["exc_info"]
    assert CONFIG["ACME_SEARCH_TOKEN"] not in out.getvalue()


async def test_what_cannot_be_masked_is_not_logged(sqlite_url: str) -> None:
    """Secrets that no key opens are not known, so no text in which they might stand is shown."""
    async with play_pair(sqlite_url, HEADRACE_KEYS=OLD_KEY) as pair:
        addon = await provision(pair)
    async with play_pair(sqlite_url, HEADRACE_KEYS=NEW_KEY) as pair:
        shown = await pair.parts.redaction.redact(addon.id, HOOK_SECRET)

    assert NOT_SHOWN == shown


@pytest.mark.parametrize(
    ("stored", "text", "shown"),
    [
        ("hush-hush", "a hush-hush b", "a ••• b"),
        ('["access-1","refresh-1"]', "access-1 refresh-1", "••• •••"),
        ('{"A":{"b":["deep-one"]}}', "the deep-one", "the •••"),
        ('{"URL":"https://u:p%40ssword@db.example/x"}', "p%40ssword or p@ssword", "••• or •••"),
        ('{"URL":"https://u:password@db.example/x"}', "to https://u:password@db.example/x", "to •••"),
        ('{"A":"secret","B":"secret-and-more"}', "secret-and-more", "•••"),
        ('{"PORT":"5432","ON":true}', "5432 True", "5432 True"),
        ("", "nothing", "nothing"),
    ],
)
def test_secrets_are_masked_as_they_are_written(stored: str, text: str, shown: str) -> None:
    """A JSON value by each of its strings, a URL by its password too, the longest first; what is short stays."""
    assert shown == redact_text(text, [stored])


async def test_keys_are_rotated_while_the_service_runs(database_url: str) -> None:
    """Sessions and tokens of the old key stay good; once all is sealed again, the new key alone opens everything."""
    async with play_pair(database_url, HEADRACE_KEYS=OLD_KEY) as pair:
        addon = await provision(pair)
        cookie = await log_in(pair, addon)
    async with play_pair(database_url, HEADRACE_KEYS=f"{NEW_KEY},{OLD_KEY}") as pair:
        # The one before ended with its emulator; what it stored and signed is what counts here.
        database, secrets = pair.parts.database, pair.parts.secrets
        board = await visit(pair, "/board", cookie=cookie)
        old = await database.read(secrets.count_old)
        rotated = 0
        while await database.read(secrets.count_old):
            rotated += await database.write(secrets.rotate, limit=1)
            if rotated == 1:
                # The service goes on working: it seals with the new key.
                await provision(pair, "blog")
        token = await database.read(secrets.find_token, addon.id)
        alone = await database.read(find_sealed_by, KeyRing.parse(NEW_KEY))

    async with play_pair(database_url, HEADRACE_KEYS=NEW_KEY) as pair:
        without_old = await visit(pair, "/board", cookie=cookie)

    assert [200, 401] == [board.status, without_old.status]
    assert old == rotated > 1
    assert token is not None
    assert alone


def plant_more(connection: sa.Connection, pair: Pair, uuid: str) -> None:
    """What a resource has only at some times of its life."""
    for kind, text in PLANTED.items():
        pair.parts.secrets.save(connection, uuid, kind, msgspec.json.encode({"a": [text]}).decode())


def list_planted(connection: sa.Connection, pair: Pair, uuid: str) -> list[str]:
    """One secret of each kind that a resource has, and one of its service's."""
    token = pair.parts.secrets.find_token(connection, uuid)
    assert token is not None
    tokens = [token.access.reveal(), token.refresh.reveal()]
    config = [CONFIG["ACME_SEARCH_TOKEN"], "planted-url-pass"]
    return [*tokens, *config, *PLANTED.values(), PASSWORD]


def find_sealed_by(connection: sa.Connection, keys: KeyRing) -> bool:
    """Whether a key ring opens every stored secret."""
    rows = connection.execute(sa.select(secret)).all()
    return all(keys.open(row.sealed, row=f"secret/{row.resource_uuid}/{row.kind}") for row in rows) and bool(rows)


def test_a_rings_repr_is_a_number() -> None:
    """Neither keys nor secrets print."""
    things: list[Any] = [KeyRing.parse(f"{NEW_KEY},{OLD_KEY}"), Secret(OPERATOR_SECRET)]

    assert ["KeyRing(2 keys)", "•••"] == [repr(thing) for thing in things]


def test_a_database_prints_no_password() -> None:
    """An engine's repr has three stars in its place."""
    database = Database(f"postgresql+psycopg://ada:{DATABASE_PASSWORD}@127.0.0.1:1/acme")
    shown = f"{database!r} {database} {database.engine!r} {database.engine.url}"
    database.close()

    assert DATABASE_PASSWORD not in shown
