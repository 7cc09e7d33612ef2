"""The threads that plain hooks run on, so that they may block: those of one service are nobody else's."""

from concurrent.futures import ThreadPoolExecutor

MOST_HOOKS = 1000
MOST_PANELS = 32
HOOK_THREAD = "headrace-hook"
PANEL_THREAD = "headrace-panel"


class HookThreads:
    """Threads for hooks and, apart from them, for panels: a panel that hangs costs no hook its thread.

    They are made when they are needed, also after the end.
    """

    def __init__(self) -> None:
        self._hooks: ThreadPoolExecutor | None = None
        self._panels: ThreadPoolExecutor | None = None

    @property
    def for_hooks(self) -> ThreadPoolExecutor:
        self._hooks = self._hooks or ThreadPoolExecutor(MOST_HOOKS, thread_name_prefix=HOOK_THREAD)
        return self._hooks

    @property
    def for_panels(self) -> ThreadPoolExecutor:
        self._panels = self._panels or ThreadPoolExecutor(MOST_PANELS, thread_name_prefix=PANEL_THREAD)
        return self._panels

    def end(self) -> None:
        """End every thread that is idle now, and each of the others once its hook returns; nobody is waited for."""
        pools = self._hooks, self._panels
        self._hooks = self._panels = None
        for pool in pools:
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)
