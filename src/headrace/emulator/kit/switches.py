"""The points on which Heroku's documents are silent or contradict each other, each with the default we chose."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from inspect import getsource
from typing import Any, Literal, get_type_hints

import msgspec

FIELD = re.compile(r"(\w+): .* = ")


@dataclass(slots=True, kw_only=True)
class Switches:
    """How the emulated Heroku behaves where the contract is uncertain, or goes wrong when a test wants it to.

    Change a field at any time; the next request sees it.
    """

    # GET /apps/{app}/pipeline-couplings: the article shows partners an array, schema and CLI one object (§7.3).
    partner_couplings: Literal["array", "object"] = "array"
    user_couplings: Literal["array", "object"] = "object"
    # The array form for an app in no pipeline: `[]`, or a 404 as in the object form (§7.4).
    uncoupled_array: Literal["empty", "not_found"] = "empty"
    # `pipeline.name` inside a coupling: relied upon by the CLI, absent from the schema (§7.1).
    has_pipeline_name: bool = True
    # Whether a partner sees couplings of apps that are not its own, in pipelines that are (§7.5).
    siblings_visible: bool = False
    # Whether every pipeline call of a partner is answered 403 (§6.2).
    pipelines_forbidden: bool = False
    # Formation, releases and dynos, and webhooks about them, are open to a partner only on request (§6.2, §8.3).
    extras_allowed: bool = False

    # The article's legacy provision body: `heroku_id`, a callback under /vendor/apps, no grant (§1.2).
    legacy_body: bool = False
    # The entry of a manifest's `requires` that asks for `log_input_url`; its name was not found (§5).
    log_input_requirement: str = "log_input"
    # How long a partner may take to answer; the article speaks of 30 seconds, the reference of 25 (§1.1).
    cut_off: timedelta = timedelta(seconds=25)
    # How often a provision is sent again after a time-out, a 5xx or no answer at all (§1.2).
    provision_retry_count: int = 0
    # Whether a failed provision is followed by a DELETE for the same uuid (§1.2).
    delete_after_failure: bool = False
    # How long an asynchronous provision may take (§3).
    provision_limit: timedelta = timedelta(hours=12)

    # Whether an app has one add-on of a service, on its own app only, unless the manifest's `requires` has
    # `many_per_app` and `attachable`: what the entries do was seen in code only (§5).
    requires_enforced: bool = True
    # Whether a pipeline takes apps of another generation than its own: not found in any text (§7.1).
    mixed_generations: bool = False
    # Whether the beta is on, in which a DELETE may be answered 202, and how long a partner then has (§1.4).
    async_deprovision: bool = False
    deprovision_limit: timedelta = timedelta(hours=12)

    # Whether a grant can be had anew with the manifest's credentials; Heroku opens it to some (§2.4).
    grant_backfill: bool = False

    # How long the tests of a run take, on any number of nodes, and the status with which each of these ends: nothing
    # is really run.
    test_run_lasts: timedelta = timedelta(0)
    test_exit_code: int = 0

    # How long a webhook's receiver may take to answer (§8.4).
    webhook_cut_off: timedelta = timedelta(seconds=10)
    # When a failed delivery is first tried again. It doubles up to an hour; from one second on that makes the
    # "about 180 tries in 7 days" of the early documents (§8.4).
    webhook_delay: timedelta = timedelta(seconds=1)
    # How many webhook subscriptions an add-on may have; only the limit of apps is known (§8.2).
    addon_webhook_limit: int = 10

    # Whether webhooks go to other machines, as Heroku's do; off, they go to loopback addresses only (§8.2).
    foreign_webhooks: bool = False

    # Whether a refresh also replaces the refresh token (§2.2).
    rotate_refresh: bool = False
    # What `expires_in` says; the token dies when it says (§2.2).
    token_lifetime: timedelta = timedelta(seconds=28799)
    # Whether a request that does not ask for version 3 is answered 406, as an older text says (§9).
    needs_accept: bool = False
    # Whether pages of any origin may call the API with a token, as they may at Heroku (§9). Off, because any site
    # that the developer looks at could; programs are no pages.
    cross_origin: bool = False
    # The rate pool of one token owner; it refills by 75 a minute (§9).
    rate_limit: int = 4500

    # Knobs for login forms that a partner has to refuse, and one it may take (§4.3).
    sso_is_stale: bool = False
    sso_has_bad_token: bool = False
    sso_has_user_token: bool = True

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change switches by name, all or none; a duration is seconds or ISO 8601, and text may stand for a number.

        Raises:
            msgspec.ValidationError: there is no such switch, or it cannot be set to that.

        """
        kinds = get_type_hints(type(self))
        read = {}
        for name, value in msgspec.convert(changes, dict[str, Any]).items():
            if name not in kinds:
                raise msgspec.ValidationError(f"there is no switch {name}; there are {', '.join(kinds)}")
            try:
                read[name] = msgspec.convert(value, kinds[name], strict=False)
            except msgspec.ValidationError as error:
                raise msgspec.ValidationError(f"{name}: {error}") from None
        for name, value in read.items():
            setattr(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return every switch by name, durations as seconds."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: v.total_seconds() if isinstance(v, timedelta) else v for name, v in values.items()}


def read_explanations() -> dict[str, str]:
    """Return what the comment above each switch says, which neighbours share, so that it is written once."""
    found: dict[str, str] = {}
    told: list[str] = []
    is_comment = False
    for line in map(str.strip, getsource(Switches).splitlines()):
        if line.startswith("# "):
            told = [*told, line[2:]] if is_comment else [line[2:]]
        elif name := FIELD.match(line):
            found[name[1]] = " ".join(told)
        is_comment = line.startswith("# ")
    return found
