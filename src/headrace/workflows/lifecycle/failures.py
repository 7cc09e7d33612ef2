"""Hooks that failed, told to the partner's own hook for that: for Sentry, say, with secrets masked."""

import asyncio
import logging
from collections.abc import Callable

from headrace.errors import HookFailed, Refused
from headrace.hooks.arguments import Failure
from headrace.hooks.registry import Hooks, find_blamed
from headrace.logs import LogName
from headrace.workflows.engine.redaction import Redaction, spell_error

log = logging.getLogger(__name__)

Mask = Callable[[str], str]

# Whoever waits for the next attempt does not wait longer than this for who is told.
TOLD_WITHIN_SECONDS = 10.0


class Failures:
    """Tells of each attempt of a hook that failed."""

    def __init__(self, hooks: Hooks, redaction: Redaction) -> None:
        self._hooks = hooks
        self._redaction = redaction

    async def tell(self, uuid: str, error: Exception, attempt: int, will_retry: bool) -> None:  # noqa: FBT001
        """Tell of an error, if it is a hook's; that a hook says no is none. Nothing comes out of this."""
        hook = find_blamed(error)
        if hook is None or isinstance(error, Refused) or not self._hooks.has("on_error"):
            return
        mask = await self._redaction.find_mask(uuid)
        text = mask(spell_error(error))
        failure = Failure(
            uuid=uuid,
            hook=hook,
            attempt=attempt,
            error=mask_error(error, mask),
            traceback=text,
            will_retry=will_retry,
        )
        try:
            async with asyncio.timeout(TOLD_WITHIN_SECONDS):
                await self._hooks.call("on_error", failure)
        except Exception as wrong:  # noqa: BLE001 - whatever it is, nobody is kept from the next attempt
            log.error(LogName.ON_ERROR_FAILED, extra={"traceback": mask(spell_error(wrong))})  # noqa: TRY400


def mask_error(error: Exception, mask: Mask) -> Exception:
    """Return an error, with its traceback, whose text and whose causes' texts hold no secret."""
    masked = _mask_chain(error, mask, seen=set())
    return masked if isinstance(masked, Exception) else error


def _mask_chain(error: BaseException, mask: Mask, *, seen: set[int]) -> BaseException:
    if id(error) in seen:
        return error
    seen.add(id(error))
    for name in ("__cause__", "__context__"):
        linked = getattr(error, name)
        if linked is not None:
            suppressed = error.__suppress_context__
            setattr(error, name, _mask_chain(linked, mask, seen=seen))
            error.__suppress_context__ = suppressed
    error.args = tuple(_mask_argument(each, mask) for each in error.args)
    if hasattr(error, "__notes__"):
        error.__notes__ = [mask(note) for note in error.__notes__]
    if mask(str(error)) == str(error):
        return error
    # Its text is made of something else than its arguments.
    instead = HookFailed(f"{type(error).__name__}: {mask(str(error))}").with_traceback(error.__traceback__)
    instead.__cause__, instead.__context__ = error.__cause__, error.__context__
    instead.__suppress_context__ = error.__suppress_context__
    return instead


def _mask_argument(argument: object, mask: Mask) -> object:
    if isinstance(argument, str):
        return mask(argument)
    spelt = repr(argument)
    return argument if mask(spelt) == spelt else mask(spelt)
