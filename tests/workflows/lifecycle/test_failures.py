"""`on_error`: told of each attempt of a hook that failed, with all that an error tracker wants and no secret."""

import asyncio
import traceback

import pytest

from headrace import AddonService, Failure, PlanChange, Provision, Refused, Resource
from headrace.emulator import Declined
from headrace.errors import HookFailed
from headrace.models import State
from headrace.workflows.lifecycle.failures import mask_error
from pair import Acme, play_pair

PASSWORD = "pass-of-the-new-index-7f3a"


class ToldAcme(Acme):
    """A partner that keeps what it is told of errors, and may fail to."""

    def __init__(self, *, failures: int = 0, plainly: bool = True) -> None:
        super().__init__(failures_left=failures)
        self.told: list[Failure] = []
        self.plainly = plainly
        self.tell_error: Exception | None = None
        self.returned: object = {"ACME_SEARCH_URL": "https://search.acme.example/"}

    def tell(self, failure: Failure) -> None:
        self.told.append(failure)
        if self.tell_error is not None:
            raise self.tell_error

    async def tell_later(self, failure: Failure) -> None:
        await asyncio.sleep(0)
        self.tell(failure)

    def register(self, service: AddonService) -> None:
        service.on_error(self.tell if self.plainly else self.tell_later)

        @service.on_provision
        async def create(provision: Provision) -> dict[str, str]:
            password = await provision.step("make a password", lambda: PASSWORD)
            if self.failures_left:
                self.failures_left -= 1
                raise RuntimeError(f"https://acme:{password}@cloud.example is down") from LookupError(password)
            return self.returned  # type: ignore[return-value]

        @service.on_plan_change
        def resize(change: PlanChange) -> None:
            raise Refused("It does not fit.")

        @service.on_deprovision
        def drop(resource: Resource) -> None: ...


@pytest.mark.parametrize("plainly", [True, False])
async def test_each_attempt_that_failed_is_told_with_its_traceback(database_url: str, plainly: bool) -> None:  # noqa: FBT001
    """Whose it was, which hook and which attempt, and whether another follows; secrets are masked in all of it."""
    acme = ToldAcme(failures=2, plainly=plainly)
    async with play_pair(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        first = acme.told[0]

        assert [(addon.id, "on_provision", 1, True), (addon.id, "on_provision", 2, True)] == [
            (each.uuid, each.hook, each.attempt, each.will_retry) for each in acme.told
        ]
        assert "RuntimeError: https://acme:•••@cloud.example is down" in first.traceback
        assert ("https://acme:•••@cloud.example is down", "•••") == (str(first.error), str(first.error.__cause__))
        assert "create" in [frame.name for frame in traceback.extract_tb(first.error.__traceback__)]
        spelt = "".join("".join(traceback.format_exception(each.error)) + each.traceback for each in acme.told)
        assert PASSWORD not in spelt + repr(acme.told)


async def test_what_a_hook_returned_wrongly_is_its_fault_too_and_is_not_tried_again(sqlite_url: str) -> None:
    acme = ToldAcme()
    acme.returned = {"OTHER": "x"}
    async with play_pair(sqlite_url, acme=acme) as pair:
        await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        assert [("on_provision", 1, False)] == [(each.hook, each.attempt, each.will_retry) for each in acme.told]
        assert "does not declare" in str(acme.told[0].error)


async def test_a_hook_that_says_no_is_no_error(sqlite_url: str) -> None:
    """Nor is what Heroku answers."""
    acme = ToldAcme()
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        with pytest.raises(Declined, match="It does not fit"):
            await pair.heroku.change_plan(addon, "free")
        await pair.settle()

        assert [] == acme.told


async def test_whoever_is_told_and_fails_keeps_nobody_from_the_next_attempt(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log, with secrets masked."""
    acme = ToldAcme(failures=1)
    acme.tell_error = ValueError(PASSWORD)
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()

        assert State.PROVISIONED is (await pair.find(addon.id)).state
    said = [vars(record)["traceback"] for record in caplog.records if record.msg == "on_error.failed"]
    assert 1 == len(said)
    assert "ValueError: •••" in said[0]
    assert PASSWORD not in said[0]


class Stubborn(Exception):
    """Its text is not made of its arguments."""

    def __init__(self, password: str) -> None:
        super().__init__()
        self.password = password

    def __str__(self) -> str:
        return f"wrong: {self.password}"


def test_an_error_that_keeps_its_text_elsewhere_is_told_as_another() -> None:
    """Its kind and its traceback stay."""

    def mask(text: str) -> str:
        return text.replace(PASSWORD, "•••")

    with pytest.raises(Stubborn) as caught:
        raise Stubborn(PASSWORD)
    caught.value.add_note(PASSWORD)
    told = mask_error(caught.value, mask)

    assert isinstance(told, HookFailed)
    assert "Stubborn: wrong: •••" == str(told)
    assert told.__traceback__ is not None
    assert PASSWORD not in "".join(traceback.format_exception(told))


def test_an_error_without_secrets_is_told_as_it_is() -> None:
    """Numbers and whatever else it has too."""
    error = OSError(2, "No such file", "acme.toml")

    assert error is mask_error(error, lambda text: text)
    assert (2, "No such file") == error.args
