"""Provisioning, from Heroku's request to the mark, on both databases."""

import asyncio

import pytest

from headrace.emulator import Declined, Fault, Switches
from headrace.encryption import KeyRing, make_key
from headrace.errors import MisuseError, Refused
from headrace.models import Outcome, Stage, State
from headrace.store.state.secrets import LOG_INPUT_URL, SecretStore
from headrace.store.state.timeline import TimelineName
from headrace.testing import eventually
from pair import Acme, Pair, play_pair


async def test_a_provision_knows_its_pipeline_before_the_hook_runs(database_url: str) -> None:
    """Grant, add-on, coupling, pipeline, hook, config vars, mark: the whole main job."""
    async with play_pair(database_url) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic", options={"size": "10"})
        assert State.PROVISIONING == addon.state
        await pair.settle()

        row = await pair.find(addon.id)
        provision = pair.acme.created[0]
        app = pair.heroku.state.apps["shop-staging"]
        assert 1 == len(pair.acme.created)
        assert (Stage.STAGING, "shop", "shop-staging") == (
            provision.stage,
            provision.pipeline and provision.pipeline.name,
            provision.app and provision.app.name,
        )
        assert ("basic", {"size": "10"}, Outcome.PLACED) == (provision.plan, provision.options, provision.outcome)
        assert (State.PROVISIONED, State.PROVISIONED) == (addon.state, row.state)
        assert f"https://search.acme.example/{addon.id}" == app.config_vars["ACME_SEARCH_URL"]
        assert addon.id == addon.provider_id
        names = [event.name for event in await pair.list_events(addon.id)]
        assert [
            "provision.requested",
            "grant.exchanged",
            "placement.found",
            "hook.returned",
            "config.set",
            "provision.done",
        ] == names


async def test_a_repeated_provision_makes_one_resource(database_url: str) -> None:
    """Heroku delivers at least once: the same answer each time, and one run of the hook."""
    acme = Acme()
    acme.may_go_on.clear()
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        during = await pair.heroku.send_provision(addon, times=3)
        acme.may_go_on.set()
        await pair.settle()
        after = await pair.heroku.send_provision(addon)
        await pair.settle()

        assert 1 == len(set(during + after))
        assert 202 == after[0][0]
        assert addon.id in after[0][1].decode()
        assert 1 == len(acme.created)
        assert 1 == (await pair.find(addon.id)).workflow_count


async def test_a_uuid_with_other_content_is_a_conflict(sqlite_url: str) -> None:
    """A repeat asks for the same; anything else under the same uuid is refused and changes nothing."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        status, body = await pair.call("POST", json=_provision_body(addon.id, plan="premium"))

        assert 409 == status
        assert "another plan" in body["message"]
        assert "basic" == (await pair.find(addon.id)).plan


async def test_a_provision_after_deprovision_is_gone(database_url: str) -> None:
    """What was removed does not come back: 410."""
    async with play_pair(database_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        await pair.heroku.deprovision(addon)
        await pair.settle()
        answers = await pair.heroku.send_provision(addon)

        assert 410 == answers[0][0]
        assert State.DEPROVISIONED == (await pair.find(addon.id)).state
        assert 1 == len(pair.acme.created)


async def test_a_deprovision_during_provisioning_wins(database_url: str) -> None:
    """The running workflow stops at its next step and hands over: created, then dropped, in this order."""
    acme = Acme()
    acme.may_go_on.clear()
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: acme.created)
        await pair.heroku.deprovision(addon)
        before_hook_returned = list(acme.dropped)
        acme.may_go_on.set()
        await pair.settle()

        row = await pair.find(addon.id)
        assert [] == before_hook_returned
        assert [addon.id] == [resource.uuid for resource in acme.dropped]
        assert State.DEPROVISIONED == row.state
        assert "provision.done" not in [event.name for event in await pair.list_events(addon.id)]


async def test_without_a_grant_the_hook_runs_within_the_request(database_url: str) -> None:
    """The legacy body brings no grant: nobody could tell Heroku later, so the answer is 200 with the config."""
    async with play_pair(database_url, switches=Switches(legacy_body=True)) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")

        app = pair.heroku.state.apps["shop"]
        assert State.PROVISIONED == addon.state
        assert f"https://search.acme.example/{addon.id}" == app.config_vars["ACME_SEARCH_URL"]
        assert (None, None) == (pair.acme.created[0].stage, pair.acme.created[0].outcome)
        again = await pair.heroku.send_provision(addon)
        assert 200 == again[0][0]
        assert 1 == len(pair.acme.created)


async def test_a_refusal_without_a_grant_is_shown_to_the_customer(sqlite_url: str) -> None:
    """422 with the hook's message, the same for a repeat."""
    acme = Acme(error=Refused("No room in this region."), failures_left=1)
    async with play_pair(sqlite_url, acme=acme, switches=Switches(legacy_body=True)) as pair:
        with pytest.raises(Declined, match="No room in this region"):
            await pair.heroku.create_addon("shop", "acme-search:basic")


@pytest.mark.parametrize(
    ("app", "switches", "outcome"),
    [
        ("ada-notes", Switches(), Outcome.UNCOUPLED),
        ("ada-notes", Switches(uncoupled_array="not_found"), Outcome.UNCOUPLED),
        ("ada-notes", Switches(partner_couplings="object"), Outcome.UNCOUPLED),
        ("shop", Switches(pipelines_forbidden=True), Outcome.FORBIDDEN),
    ],
)
async def test_an_app_without_a_known_pipeline_is_provisioned_all_the_same(
    sqlite_url: str, app: str, switches: Switches, outcome: Outcome
) -> None:
    """In no pipeline, or Heroku will not say: the hook learns which, and the customer gets the add-on."""
    async with play_pair(sqlite_url, switches=switches) as pair:
        addon = await pair.heroku.create_addon(app, "acme-search:basic")
        await pair.settle()

        assert (None, outcome) == (pair.acme.created[0].stage, pair.acme.created[0].outcome)
        assert State.PROVISIONED == addon.state


async def test_a_coupling_as_one_object_is_understood(sqlite_url: str) -> None:
    """Heroku's schema says object where the article says array."""
    async with play_pair(sqlite_url, switches=Switches(partner_couplings="object")) as pair:
        await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        assert Stage.PRODUCTION == pair.acme.created[0].stage


async def test_a_hook_that_fails_is_tried_again(database_url: str) -> None:
    """Trouble in the partner's cloud passes; the customer sees nothing of it."""
    acme = Acme(error=RuntimeError("the cloud is down"), failures_left=3)
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        assert 4 == len(acme.created)
        assert State.PROVISIONED == addon.state


async def test_a_provision_that_the_hook_refuses_is_given_up_in_order(database_url: str) -> None:
    """Recorded, cleaned up at the partner's, and Heroku removes the add-on: nobody pays for nothing."""
    acme = Acme(error=Refused("We are full."), failures_left=1)
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        row = await pair.find(addon.id)
        assert (State.FAILED, "We are full.") == (row.state, row.message)
        assert [addon.id] == [resource.uuid for resource in acme.dropped]
        assert addon.id not in pair.heroku.state.addons


async def test_heroku_hears_of_a_failed_provision_although_the_clean_up_fails(sqlite_url: str) -> None:
    """Nobody pays for a month because the partner's own cloud could not tidy up."""
    acme = Acme(error=Refused("We are full."), failures_left=1, drop_error=MisuseError("There is no such index."))
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        names = [event.name for event in await pair.list_events(addon.id)]
        assert addon.id not in pair.heroku.state.addons
        assert State.FAILED == (await pair.find(addon.id)).state
        assert "clean_up.failed" == names[-1]


async def test_config_vars_the_manifest_does_not_declare_fail_with_a_clear_error(sqlite_url: str) -> None:
    """Heroku would refuse them; headrace says so before Heroku has to, and does not try again."""
    acme = Acme(config={"OTHER_URL": "https://x.example"})
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        failed = [event for event in await pair.list_events(addon.id) if event.name == "provision.failed"]
        assert {"step": "run_hook", "reason": "MisuseError"} == failed[0].detail
        assert 1 == len(acme.created)


async def test_many_provisions_at_once_all_end_provisioned(database_url: str) -> None:
    """Ten customers in the same moment: ten resources, each made once."""
    async with play_pair(database_url) as pair:
        addons = await asyncio.gather(
            *(pair.heroku.create_addon("shop", "acme-search:free", name=f"acme-{number}") for number in range(10))
        )
        await pair.settle()

        assert {State.PROVISIONED} == {addon.state for addon in addons}
        assert sorted(addon.id for addon in addons) == sorted(provision.uuid for provision in pair.acme.created)


def _provision_body(uuid: str, **changes: object) -> dict[str, object]:
    return {
        "uuid": uuid,
        "name": "acme-search-curved-1",
        "plan": "basic",
        "region": "amazon-web-services::us-east-1",
        "options": {},
        "callback_url": f"https://api.heroku.com/addons/{uuid}",
        **changes,
    }


async def test_a_step_that_cannot_look_leaves_the_one_before_it_done(database_url: str) -> None:
    """It looks in that one's transaction; that nobody can open a secret of its own is its own failure."""
    lost = SecretStore(KeyRing.parse(make_key()))
    async with play_pair(database_url) as pair:
        pair.heroku.faults.add(Fault(kind="status", status=503, path="/oauth/token"))
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.parts.database.write(lost.save, addon.id, LOG_INPUT_URL, "https://logs.example")
        pair.heroku.faults.clear()
        await eventually(lambda: _has_found(pair, addon.id))

        assert [] == pair.acme.created


async def _has_found(pair: Pair, uuid: str) -> bool:
    return TimelineName.PLACEMENT_FOUND in [event.name for event in await pair.list_events(uuid)]
