"""The twins of a service's methods for code without an event loop: a script, a Django or Flask view, a plain hook."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar, Unpack

from headrace.hooks.arguments import KnownResource
from headrace.models import Secret
from headrace.resources.jobs import FOREVER, ConfigJob, Jobs, Ordered
from headrace.resources.known import ResourceFilters, ResourcePage
from headrace.resources.labels import ResourceLabels
from headrace.resources.operating import Operating
from headrace.resources.ordering import AT_ONCE, CODE, ConfigChange, Orders
from headrace.resources.reading import LONGEST_PAGE, PAGE, Resources
from headrace.store.state.config.jobs import FailedChange
from headrace.workflows.lifecycle.operations import Retried
from headrace.workflows.lifecycle.waiting import WaitingStep

T = TypeVar("T")

# Runs a coroutine to its end and returns what it returns.
RunToEnd = Callable[[Coroutine[Any, Any, T]], T]


class PlainResources:
    """`Resources` without `await`; each method is described there."""

    def __init__(self, run: RunToEnd[Any], resources: Resources) -> None:
        self._run = run
        self._resources = resources

    def get(
        self,
        uuid: str | None = None,
        *,
        name: str | None = None,
        app: str | None = None,
        as_of: datetime | None = None,
    ) -> KnownResource:
        """Return one resource, as `Resources.get` does."""
        found: KnownResource = self._run(self._resources.get(uuid, name=name, app=app, as_of=as_of))
        return found

    def list(self, *, after: str | None = None, limit: int = PAGE, **filters: Unpack[ResourceFilters]) -> ResourcePage:
        """Return a page of the resources that are wanted, as `Resources.list` does."""
        page: ResourcePage = self._run(self._resources.list(after=after, limit=limit, **filters))
        return page

    def iterate(self, **filters: Unpack[ResourceFilters]) -> Iterator[KnownResource]:
        """Go through all resources that are wanted, as `Resources.iterate` does."""
        after: str | None = None
        while True:
            page = self.list(after=after, limit=LONGEST_PAGE, **filters)
            yield from page.resources
            if page.next is None:
                return
            after = page.next

    def find_config(self, uuid: str) -> Mapping[str, Secret]:
        """Return the config vars that Heroku was last told, as `Resources.find_config` does."""
        config: Mapping[str, Secret] = self._run(self._resources.find_config(uuid))
        return config

    def find_log_drain(self, uuid: str) -> Secret | None:
        """Return where Heroku sends the log, as `Resources.find_log_drain` does."""
        url: Secret | None = self._run(self._resources.find_log_drain(uuid))
        return url


class PlainJobs:
    """`Jobs` without `await`; each method is described there."""

    def __init__(self, run: RunToEnd[Any], jobs: Jobs) -> None:
        self._run = run
        self._jobs = jobs

    def set_config(
        self,
        config: Mapping[str, str | None],
        *,
        by: str = CODE,
        dry_run: bool = False,
        **filters: Unpack[ResourceFilters],
    ) -> Ordered:
        """Set config vars of every resource that is wanted, as `Jobs.set_config` does."""
        ordered: Ordered = self._run(self._jobs.set_config(config, by=by, dry_run=dry_run, **filters))
        return ordered

    def rotate(self, *, by: str = CODE, dry_run: bool = False, **filters: Unpack[ResourceFilters]) -> Ordered:
        """Renew the credentials of every resource that is wanted, as `Jobs.rotate` does."""
        ordered: Ordered = self._run(self._jobs.rotate(by=by, dry_run=dry_run, **filters))
        return ordered

    def get(self, job_id: str) -> ConfigJob:
        """Return a job, as `Jobs.get` does."""
        job: ConfigJob = self._run(self._jobs.get(job_id))
        return job

    def list(self, *, limit: int = 20) -> Sequence[ConfigJob]:
        """Return the latest jobs, as `Jobs.list` does."""
        jobs: Sequence[ConfigJob] = self._run(self._jobs.list(limit=limit))
        return jobs

    def iterate_failed(self, job_id: str) -> Iterator[FailedChange]:
        """Go through what failed of a job, as `Jobs.iterate_failed` does."""
        yield from self._run(_gather(self._jobs.iterate_failed(job_id)))

    def stop(self, job_id: str) -> ConfigJob:
        """Let a job rest, as `Jobs.stop` does."""
        job: ConfigJob = self._run(self._jobs.stop(job_id))
        return job

    def resume(self, job_id: str) -> ConfigJob:
        """Go on with a job, as `Jobs.resume` does."""
        job: ConfigJob = self._run(self._jobs.resume(job_id))
        return job

    def wait(self, job_id: str, *, within: timedelta = FOREVER) -> ConfigJob:
        """Wait until a job is over, as `Jobs.wait` does."""
        job: ConfigJob = self._run(self._jobs.wait(job_id, within=within))
        return job


class PlainOperations:
    """`Operating` without `await`; each method is described there."""

    def __init__(self, run: RunToEnd[Any], operations: Operating) -> None:
        self._run = run
        self._operations = operations

    def retry(self, uuid: str, *, by: str = CODE) -> Retried:
        """Try again what failed, as `Operating.retry` does."""
        retried: Retried = self._run(self._operations.retry(uuid, by=by))
        return retried

    def abandon(self, uuid: str, *, by: str = CODE) -> None:
        """Give a failed resource up, as `Operating.abandon` does."""
        self._run(self._operations.abandon(uuid, by=by))

    def try_now(self, uuid: str, *, by: str = CODE) -> WaitingStep:
        """Have the next attempt made at once, as `Operating.try_now` does."""
        waiting: WaitingStep = self._run(self._operations.try_now(uuid, by=by))
        return waiting

    def give_up(self, uuid: str, *, by: str = CODE) -> WaitingStep:
        """Have no other attempt made, as `Operating.give_up` does."""
        waiting: WaitingStep = self._run(self._operations.give_up(uuid, by=by))
        return waiting


class PlainService:
    """A connected service without `await`: what `with service.connected() as acme:` gives."""

    def __init__(
        self,
        run: RunToEnd[Any],
        *,
        resources: Resources,
        orders: Orders,
        jobs: Jobs,
        operations: Operating,
        find_labels: Callable[[str], ResourceLabels],
    ) -> None:
        self.operations = PlainOperations(run, operations)
        self.resources = PlainResources(run, resources)
        self.jobs = PlainJobs(run, jobs)
        self._run = run
        self._orders = orders
        self._find_labels = find_labels

    def labels(self, uuid: str) -> ResourceLabels:
        """Return what a resource is now, as `AddonService.labels` does."""
        return self._find_labels(uuid)

    def set_config(
        self, uuid: str, config: Mapping[str, str | None], *, by: str = CODE, wait: timedelta = AT_ONCE
    ) -> ConfigChange:
        """Set config vars, as `AddonService.set_config` does."""
        change: ConfigChange = self._run(self._orders.set_config(uuid, config, by=by, wait=wait))
        return change

    def rotate(self, uuid: str, *, by: str = CODE, wait: timedelta = AT_ONCE) -> ConfigChange:
        """Renew credentials, as `AddonService.rotate` does."""
        change: ConfigChange = self._run(self._orders.rotate(uuid, by=by, wait=wait))
        return change

    def set_log_drain(self, uuid: str, url: str, *, by: str = CODE, wait: timedelta = AT_ONCE) -> ConfigChange:
        """Have a log sent elsewhere, as `AddonService.set_log_drain` does."""
        change: ConfigChange = self._run(self._orders.set_log_drain(uuid, url, by=by, wait=wait))
        return change

    def list_actions(self) -> Sequence[str]:
        """Return the names of your actions, as `AddonService.list_actions` does."""
        return self._orders.list_actions()

    def order_action(self, uuid: str, action: str, *, by: str = CODE, wait: timedelta = AT_ONCE) -> ConfigChange:
        """Have an action of yours done, as `AddonService.order_action` does."""
        change: ConfigChange = self._run(self._orders.order_action(uuid, action, by=by, wait=wait))
        return change


async def _gather(items: AsyncIterator[T]) -> list[T]:
    return [item async for item in items]
