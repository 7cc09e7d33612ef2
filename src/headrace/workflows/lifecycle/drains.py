"""Where Heroku sends the log of a resource's app: told when the resource is made, and whenever the partner wishes.

Heroku makes the drain with the add-on, names it by a token in the provision, and removes it with the add-on. To point
it to where it points already changes nothing, so that a step that does so may run twice.
"""

from headrace.client import HerokuClient
from headrace.protocol.platform import build_log_drain_update
from headrace.store.state.secrets import LOG_DRAIN_TOKEN, LOG_DRAIN_URL
from headrace.store.state.sights import Sight
from headrace.store.state.timeline import TimelineName
from headrace.workflows.engine.run import Run
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.steps import Traced, Write, note

TOLD = (TimelineName.HOOK_RETURNED, TimelineName.LOG_DRAIN_SET)


class LogDrains:
    """Points the log drains of resources."""

    def __init__(self, core: Core, client: HerokuClient) -> None:
        self._core = core
        self._client = client
        # The step that tells Heroku; the drain of a provision is told before the add-on is marked (contract §1.4).
        self.step = Traced(look=_find_unset, act=self._set, lines=TOLD, kinds=(LOG_DRAIN_URL,))

    async def _set(self, _run: Run, uuid: str, url: str) -> Write:
        await self.tell(uuid, url)
        return note(self._core, uuid, TimelineName.LOG_DRAIN_SET)

    async def tell(self, uuid: str, url: str) -> None:
        token = await self._core.database.read(self._core.secrets.find, uuid, LOG_DRAIN_TOKEN)
        assert token is not None
        await self._client.call(uuid, build_log_drain_update(uuid, token, url))


def _find_unset(sight: Sight, _told: object) -> str | None:
    """Return where a provision's hook wants the log, until Heroku has been told so."""
    return None if sight.last == TimelineName.LOG_DRAIN_SET else sight.find(LOG_DRAIN_URL)
