"""What hooks may return that have more to say than config vars."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from headrace.errors import MisuseError
from headrace.hooks.config import read_config, require_config
from headrace.protocol.manifest import SYSLOG_DRAIN, Manifest, is_drain_url

# Heroku prints it in a terminal.
LONGEST_MESSAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """What a provision's hook may return in place of a dict.

    `config` are the config vars. `log_drain_url` is where Heroku sends the app's log, an address of `https://` or
    `syslog://` that the manifest's `requires: ["syslog_drain"]` asks for; an app that has no log drains, which is one
    of the Fir generation, goes without. `message` is for the customer: Heroku shows it where it waits for the answer,
    and not where you provision in the background.
    """

    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    message: str | None = None
    log_drain_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanged:
    """What a plan change's hook may return in place of a dict: the config vars that change, and a word to the customer.

    Heroku shows the `message` when the hook takes no longer than Heroku waits.
    """

    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    message: str | None = None


Answer = TypeVar("Answer", Provisioned, PlanChanged)


def read_provisioned(returned: object, *, manifest: Manifest, has_drain: bool) -> Provisioned:
    """Return what a provision's hook returned, checked as Heroku will check it; `has_drain` if Heroku gave a token.

    Raises:
        MisuseError: something Heroku would refuse, or what the manifest declares is missing; the text says what to do.
    """
    answer = _take_apart(returned, Provisioned)
    config = read_config(answer.config, manifest=manifest)
    require_config(answer.config, config, manifest=manifest)
    url = answer.log_drain_url
    if url is None and has_drain and SYSLOG_DRAIN in manifest.requires:
        raise MisuseError(
            "The manifest requires syslog_drain, and the on_provision hook named no drain. Return Provisioned(config="
            '{…}, log_drain_url="https://…").'
        )
    return Provisioned(config=config, message=answer.message, log_drain_url=read_drain_url(url, manifest=manifest))


def read_plan_changed(returned: object, *, manifest: Manifest) -> PlanChanged:
    """Return what a plan change's hook returned.

    Raises:
        MisuseError: something Heroku would refuse; the text says what to do.
    """
    answer = _take_apart(returned, PlanChanged)
    return PlanChanged(config=read_config(answer.config, manifest=manifest), message=answer.message)


def read_told(returned: object) -> str | None:
    """Return what an action's hook has to tell.

    Raises:
        MisuseError: it returned something else.
    """
    if returned is None or (isinstance(returned, str) and len(returned) <= LONGEST_MESSAGE):
        return returned or None
    raise MisuseError(
        f"The hook returned a {type(returned).__name__}; an action returns nothing, or a text of {LONGEST_MESSAGE} "
        "characters at the most for the timeline."
    )


def read_drain_url(url: object, *, manifest: Manifest) -> str | None:
    """Return where a log is to be sent to; None is nowhere.

    Raises:
        MisuseError: Heroku would refuse it, or the manifest does not ask for it.
    """
    if url is None:
        return None
    if SYSLOG_DRAIN not in manifest.requires:
        raise MisuseError(
            'There is a log drain only for a manifest that says so: add "syslog_drain" to api.requires and push it.'
        )
    # What is wrong may be a secret, so it is not shown.
    if not isinstance(url, str) or not is_drain_url(url, or_local=True):
        raise MisuseError("A log drain's URL is a text that begins with https:// or syslog://.")
    return url


def _take_apart(returned: object, kind: type[Answer]) -> Answer:
    """Return an answer with its message checked; anything but one of its kind are config vars."""
    if isinstance(returned, (Provisioned, PlanChanged)) and not isinstance(returned, kind):
        raise MisuseError(f"The hook returned {type(returned).__name__}; it returns {kind.__name__}, or config vars.")
    if not isinstance(returned, kind):
        # What they are is for whoever reads config vars to say.
        return kind(config=returned)  # type: ignore[arg-type]
    message: object = returned.message
    if message is not None and (not isinstance(message, str) or len(message) > LONGEST_MESSAGE):
        raise MisuseError(f"A message for the customer is a text of {LONGEST_MESSAGE} characters at the most.")
    return returned
