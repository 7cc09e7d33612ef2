"""What the partner shows of a resource on a card of the board."""

from headrace.errors import HookFailed, MisuseError
from headrace.hooks.panel import Panel
from headrace.hooks.registry import Hooks
from headrace.hooks.steps import StepBook, refuse_steps
from headrace.inspector.board import PlacedResource
from headrace.workflows.engine.redaction import Redaction, spell_error
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.failures import Failures
from headrace.workflows.lifecycle.hook_arguments import find_hook_resource


class Panels:
    """Asks the partner's panel hook, while somebody waits for the board."""

    def __init__(self, core: Core, hooks: Hooks, redaction: Redaction, failures: Failures) -> None:
        self._failures = failures
        self._core = core
        self._hooks = hooks
        self._redaction = redaction

    @property
    def is_there(self) -> bool:
        """Whether the partner has such a hook."""
        return self._hooks.has("panel")

    async def find(self, placed: PlacedResource) -> Panel | None:
        """Return what the hook shows of a resource.

        Raises:
            HookFailed: it raised an error; the text is its traceback without secrets.
            MisuseError: it returned something else.
        """
        resource = await find_hook_resource(self._core, placed.uuid, steps=StepBook(refuse_steps))
        try:
            panel = await self._hooks.call("panel", resource)
        except Exception as error:  # noqa: BLE001 - whatever it is, its text goes no further unredacted
            text = await self._redaction.redact(placed.uuid, spell_error(error))
            await self._failures.tell(placed.uuid, error, 1, False)
            raise HookFailed(text) from None
        if panel is not None and not isinstance(panel, Panel):
            raise MisuseError(f"The panel hook returned a {type(panel).__name__}; return a Panel or None.")
        return panel
