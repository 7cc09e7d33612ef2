"""The secret table on both databases: sealed at rest, found again, rotated."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from headrace.encryption import KeyRing, make_key
from headrace.errors import SealBroken
from headrace.models import Grant, Secret, Token
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import placement_check, secret
from headrace.store.state.secrets import GRANT, LOG_DRAIN_TOKEN, TOKEN, Sealing, SecretStore
from store.making import HOUR, NOON, add_resource

GRANTED = Grant(code=Secret("the-grant-code"), expires_at=NOON + timedelta(minutes=5))
ISSUED = Token(access=Secret("the-access-token"), refresh=Secret("the-refresh-token"), expires_at=NOON + 8 * HOUR)


async def test_a_secret_is_saved_found_replaced_and_deleted(database: Database) -> None:
    """One value per resource and kind."""
    store = SecretStore(KeyRing.parse(make_key()))
    with database.transaction() as connection:
        uuid = add_resource(connection)
        store.save(connection, uuid, LOG_DRAIN_TOKEN, "d.1")
        store.save(connection, uuid, LOG_DRAIN_TOKEN, "d.2")

    assert "d.2" == await database.read(store.find, uuid, LOG_DRAIN_TOKEN)
    assert await database.read(store.find, uuid, GRANT) is None
    await database.write(store.delete, uuid, LOG_DRAIN_TOKEN)
    assert await database.read(store.find, uuid, LOG_DRAIN_TOKEN) is None


async def test_many_secrets_are_one_statement(postgres_url: str) -> None:
    """Over a network each would wait for its own answer; of two for the same the latter counts."""
    store, are_repeated = SecretStore(KeyRing.parse(make_key())), Counter[bool]()

    def count(*about: Any) -> None:
        are_repeated[about[-1]] += 1

    database = Database(postgres_url)
    with database.transaction() as connection:
        uuids = [add_resource(connection, f"acme-{number}") for number in range(3)]
        event.listen(connection, "before_cursor_execute", count)
        sealings = [Sealing(uuid, kind, f"{kind} {uuid}", NOON) for uuid in uuids for kind in (TOKEN, LOG_DRAIN_TOKEN)]
        store.save_all(connection, [Sealing(uuids[0], TOKEN, "an older one"), *sealings])

    assert {False: 1} == are_repeated
    for each in sealings:
        assert each.text == await database.read(store.find, each.uuid, each.kind)
    database.close()


async def test_a_grant_and_a_token_come_back_with_their_expiry(database: Database) -> None:
    """The moment of expiry survives, aware and in UTC."""
    store = SecretStore(KeyRing.parse(make_key()))
    with database.transaction() as connection:
        granted, issued = add_resource(connection, "acme-1"), add_resource(connection, "acme-2")
        store.save_grant(connection, granted, GRANTED)
        store.save_token(connection, issued, ISSUED)

    assert GRANTED == await database.read(store.find_grant, granted)
    assert ISSUED == await database.read(store.find_token, issued)
    assert await database.read(store.find_token, granted) is None


async def test_tokens_of_a_batch_come_back_each_as_it_was_kept(database: Database) -> None:
    """One that cannot be opened is nobody's token, and keeps no other from being found; who is in no batch has none."""
    store = SecretStore(KeyRing.parse(make_key()))
    with database.transaction() as connection:
        issued, spoilt, outside = (add_resource(connection, f"acme-{number}") for number in range(3))
        for uuid in (issued, spoilt, outside):
            store.save_token(connection, uuid, ISSUED)
        for uuid in (issued, spoilt):
            connection.execute(sa.insert(placement_check), {"resource_uuid": uuid, "next_check_at": NOON, "batch": "b"})
        is_spoilt = sa.and_(secret.c.resource_uuid == spoilt, secret.c.kind == TOKEN)
        connection.execute(sa.update(secret).where(is_spoilt).values(sealed=b"not one of ours"))
    tokens = await database.read(store.find_tokens, "b")

    assert [ISSUED, ISSUED, None, None] == [tokens.find(uuid) for uuid in (issued, issued, spoilt, outside)]
    assert ISSUED.access.reveal() not in repr(tokens)


async def test_saving_a_token_removes_the_grant_it_came_from(database: Database) -> None:
    """A grant is good for one exchange; spent, it is not kept."""
    store = SecretStore(KeyRing.parse(make_key()))
    with database.transaction() as connection:
        uuid = add_resource(connection)
        store.save_grant(connection, uuid, GRANTED)
        store.save_token(connection, uuid, ISSUED)

    assert await database.read(store.find_grant, uuid) is None
    assert ISSUED == await database.read(store.find_token, uuid)


async def test_config_vars_are_kept_as_they_are(database: Database) -> None:
    """Names, values, and nothing for a resource that has none."""
    store = SecretStore(KeyRing.parse(make_key()))
    with database.transaction() as connection:
        uuid = add_resource(connection)
        assert store.find_config(connection, uuid) is None
        store.save_config(connection, uuid, {"ACME_SEARCH_URL": "https://ü.example/"})

    assert {"ACME_SEARCH_URL": "https://ü.example/"} == await database.read(store.find_config, uuid)


async def test_delete_all_leaves_nothing_of_one_resource_and_all_of_another(database: Database) -> None:
    """A resource that is gone keeps no secret; its neighbour keeps its own."""
    store = SecretStore(KeyRing.parse(make_key()))
    with database.transaction() as connection:
        gone, kept = add_resource(connection, "acme-1"), add_resource(connection, "acme-2")
        for uuid in (gone, kept):
            store.save_token(connection, uuid, ISSUED)
            store.save_config(connection, uuid, {"A": "b"})
        store.delete_all(connection, gone)

    with database.transaction() as connection:
        assert {kept} == set(connection.execute(sa.select(secret.c.resource_uuid)).scalars())
        assert ISSUED == store.find_token(connection, kept)


async def test_the_table_holds_no_text_that_was_sealed(database: Database) -> None:
    """Whoever reads a backup of the database learns no token."""
    store = SecretStore(KeyRing.parse(make_key()))
    with database.transaction() as connection:
        uuid = add_resource(connection)
        store.save_token(connection, uuid, ISSUED)
        store.save(connection, uuid, LOG_DRAIN_TOKEN, "the-drain-token")
        stored = connection.execute(sa.select(secret)).all()

    raw = b"".join(bytes(column) for row in stored for column in row if isinstance(column, (bytes, memoryview)))
    assert len(raw) > 60
    for text in ("the-access-token", "the-refresh-token", "the-drain-token"):
        assert text.encode() not in raw
        assert text not in str(stored)


async def test_a_token_copied_to_another_resource_does_not_open(database: Database) -> None:
    """Somebody who can write to the table still cannot make one customer's resource use another's token."""
    store = SecretStore(KeyRing.parse(make_key()))
    with database.transaction() as connection:
        mine, theirs = add_resource(connection, "acme-1"), add_resource(connection, "acme-2")
        store.save_token(connection, mine, ISSUED)
        connection.execute(sa.update(secret).where(secret.c.kind == TOKEN).values(resource_uuid=theirs))

    with pytest.raises(SealBroken, match="belongs to another row"):
        await database.read(store.find_token, theirs)


async def test_rotation_seals_everything_again_in_batches_and_the_old_key_may_go(database: Database) -> None:
    """New key in front, rotate until nothing is left, drop the old key: every secret still opens."""
    old, new = make_key(), make_key()
    with database.transaction() as connection:
        uuids = [add_resource(connection, f"acme-{number}") for number in range(5)]
        for uuid in uuids:
            SecretStore(KeyRing.parse(old)).save_token(connection, uuid, ISSUED)
    both = SecretStore(KeyRing.parse(f"{new},{old}"))

    assert [2, 2, 1, 0] == [await database.write(both.rotate, limit=2) for _ in range(4)]
    alone = SecretStore(KeyRing.parse(new))
    assert [ISSUED] * 5 == [await database.read(alone.find_token, uuid) for uuid in uuids]


async def test_rotation_keeps_what_the_new_key_sealed(database: Database) -> None:
    """Nothing is done twice, and the moment of expiry stays."""
    old, new = make_key(), make_key()
    both = SecretStore(KeyRing.parse(f"{new},{old}"))
    with database.transaction() as connection:
        uuid = add_resource(connection)
        both.save_grant(connection, uuid, GRANTED)

    assert 0 == await database.write(both.rotate, limit=10)
    assert GRANTED == await database.read(both.find_grant, uuid)


async def test_rotation_passes_over_what_a_service_is_writing(postgres_url: str) -> None:
    """A token that is refreshed at that moment keeps its new value, and is sealed again in the next round."""
    old, new = make_key(), make_key()
    before, both = SecretStore(KeyRing.parse(old)), SecretStore(KeyRing.parse(f"{new},{old}"))
    service, rotation = Database(postgres_url), Database(postgres_url)
    refreshed = replace(ISSUED, access=Secret("refreshed"))
    with service.transaction() as connection:
        uuids = [add_resource(connection, f"acme-{number}") for number in range(3)]
        for uuid in uuids:
            before.save_token(connection, uuid, ISSUED)
    with service.transaction() as connection:
        before.save_token(connection, uuids[0], refreshed)
        passed_over = await rotation.write(both.rotate, limit=10)
    left = await rotation.read(both.count_old)
    then = await rotation.write(both.rotate, limit=10)
    found = await rotation.read(SecretStore(KeyRing.parse(new)).find_token, uuids[0])
    for database in (service, rotation):
        database.close()

    assert (2, 1, 1) == (passed_over, left, then)
    assert refreshed == found
