"""What steps look at, in one statement, on both databases: state, the latest of some lines, and some secrets."""

import pytest

from headrace.encryption import KeyRing, make_key
from headrace.errors import SealBroken
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.state.secrets import CONFIG, GRANT, LOG_INPUT_URL, TOKEN, SecretStore
from headrace.store.state.sights import find_sights
from headrace.store.state.timeline import TimelineName, add_event
from store.making import NOON, add_resource, id_of
from store.state.test_secrets import GRANTED, ISSUED

LINES = (TimelineName.HOOK_RETURNED, TimelineName.CONFIG_SET)


async def test_a_sight_has_the_state_the_latest_line_and_the_secrets_that_were_asked_about(database: Database) -> None:
    """Whatever else there is of the resource, and of others, is not in it."""
    store = SecretStore(KeyRing.parse(make_key()))
    with database.transaction() as connection:
        uuid, other = add_resource(connection, "acme-1"), add_resource(connection, "acme-2")
        for name in (TimelineName.CONFIG_SET, TimelineName.HOOK_RETURNED, TimelineName.PROVISION_DONE):
            add_event(connection, uuid, name, now=NOON)
        add_event(connection, other, TimelineName.CONFIG_SET, now=NOON)
        store.save_token(connection, uuid, ISSUED)
        store.save_config(connection, uuid, {"ACME_URL": "https://acme.example"})
        store.save_grant(connection, other, GRANTED)
        found = find_sights(connection, store, [uuid], lines=LINES, kinds=(TOKEN, GRANT, CONFIG)).get(uuid)
        narrow = find_sights(connection, store, [uuid], lines=(), kinds=()).get(uuid)
        beside = find_sights(connection, store, [other, uuid], lines=LINES, kinds=(TOKEN, GRANT)).get(other)

    assert found is not None
    assert narrow is not None
    assert beside is not None
    assert (State.PROVISIONING, TimelineName.HOOK_RETURNED, ISSUED, None) == (
        found.state,
        found.last,
        found.token,
        found.grant,
    )
    assert {"ACME_URL": "https://acme.example"} == found.find_config()
    assert (State.PROVISIONING, None, None, None) == (narrow.state, narrow.last, narrow.token, narrow.find_config())
    assert (TimelineName.CONFIG_SET, None, GRANTED) == (beside.last, beside.token, beside.grant)


async def test_there_is_no_sight_of_a_resource_that_is_not_there(database: Database) -> None:
    """A step has left the state then, whichever it is for."""
    store = SecretStore(KeyRing.parse(make_key()))

    with database.transaction() as connection:
        assert {} == find_sights(connection, store, [id_of("nobody")], lines=LINES, kinds=(TOKEN,))


async def test_a_secret_is_opened_when_it_is_read(database: Database) -> None:
    """Who does not need it goes on without the key of it."""
    lost, store = SecretStore(KeyRing.parse(make_key())), SecretStore(KeyRing.parse(make_key()))
    with database.transaction() as connection:
        uuid = add_resource(connection)
        lost.save(connection, uuid, LOG_INPUT_URL, "https://logs.example")
        found = find_sights(connection, store, [uuid], lines=(), kinds=(TOKEN, LOG_INPUT_URL)).get(uuid)

    assert found is not None
    assert found.token is None
    assert "logs.example" not in repr(found)
    with pytest.raises(SealBroken):
        found.find(LOG_INPUT_URL)
