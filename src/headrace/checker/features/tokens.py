"""Tokens that die before their time: a provider refreshes them and goes on."""

from datetime import timedelta

from headrace.checker.features.asynchronous import begin_another, complain_unless_provisioned
from headrace.checker.kit.articles import PARTNERS
from headrace.checker.kit.calls import is_done, is_token
from headrace.checker.kit.fact import Complaint, Feature, NotJudged, Sureness, Why
from headrace.checker.kit.harness import Harness
from headrace.emulator import Exchange

tokens: Feature[Harness] = Feature("tokens", "What a provider does about tokens that die.", needs_callback=True)

# What `expires_in` says of a token that is about to die, for those who go by the clock.
SHORT = timedelta(seconds=1)


@tokens.must(PARTNERS)
async def dead_access_token(harness: Harness) -> Complaint | None:
    """An access token that dies in the middle of a provision is refreshed, and the provision goes on."""
    addon = await begin_another(harness)
    killed: list[Exchange] = []

    def kill(call: Exchange) -> None:
        if is_token(call) and call.addon_id == addon.id and not killed:
            killed.append(call)
            harness.heroku.expire_tokens(addon)
            harness.heroku.switches.token_lifetime = lifetime

    lifetime = harness.heroku.switches.token_lifetime
    with harness.switched(token_lifetime=SHORT), harness.reacting(kill):
        return await complain_unless_provisioned(harness, addon)


@tokens.should(PARTNERS, Sureness.UNCERTAIN)
async def rotated_refresh_token(harness: Harness) -> Complaint | None:
    """A refresh that brings a new refresh token replaces the old one: the next refresh works too."""
    addon = await begin_another(harness)
    seen: list[Exchange] = []

    def kill(call: Exchange) -> None:
        """End the first access token at once, and the second after its first use."""
        if call.addon_id != addon.id or not is_done(call):
            return
        seen.append(call)
        is_first = len(seen) == 1
        is_second_in_use = len(seen) == 3 and not is_token(call)
        if is_first or is_second_in_use:
            harness.heroku.expire_tokens(addon)

    with harness.switched(rotate_refresh=True), harness.reacting(kill):
        complaint = await complain_unless_provisioned(harness, addon)
    if complaint is None and sum(is_token(call) for call in seen) < 3:
        raise NotJudged(Why.NOT_DECLARED, "the provider made too few calls to need a second refresh")
    return complaint
