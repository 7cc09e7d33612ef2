"""What an operator may order of a resource that is stuck, for a partner's own code."""

from collections.abc import Callable

from headrace.protocol.partner import parse_uuid
from headrace.resources.ordering import CODE, read_orderer
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.operations import Operations, Retried
from headrace.workflows.lifecycle.waiting import WaitingStep


class Operating:
    """An operator's orders: `service.operations`. Each is on disk once it returns, and a worker carries it out.

    `by` is who gave the order, for the timeline. What does not fit the resource raises NothingToDo, which says why, and
    changes nothing; a uuid that is nobody's raises UnknownResource, and one that is none Malformed.
    """

    def __init__(self, find_core: Callable[[], Core]) -> None:
        self._find_core = find_core

    async def retry(self, uuid: str, *, by: str = CODE) -> Retried:
        """Try again what failed of a resource, and return what that is: provision, deprovision or last plan change."""
        return await self._operations.retry(parse_uuid(uuid), by=read_orderer(by))

    async def abandon(self, uuid: str, *, by: str = CODE) -> None:
        """Give a failed resource up: it counts as deprovisioned, its secrets are forgotten, and no hook is called."""
        await self._operations.abandon(parse_uuid(uuid), by=read_orderer(by))

    async def try_now(self, uuid: str, *, by: str = CODE) -> WaitingStep:
        """Have the attempt made at once for which a resource waits after one that failed; return what that is."""
        return await self._operations.try_now(parse_uuid(uuid), by=read_orderer(by))

    async def give_up(self, uuid: str, *, by: str = CODE) -> WaitingStep:
        """Have no other attempt made: what waits for one has failed, with all that a last failure brings.

        An attempt that has begun counts: if it is done, the order came too late.
        """
        return await self._operations.give_up(parse_uuid(uuid), by=read_orderer(by))

    @property
    def _operations(self) -> Operations:
        return Operations(self._find_core())
