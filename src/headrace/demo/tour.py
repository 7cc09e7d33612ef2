"""The tour: one step at a time, begun by a key in the terminal or a button of the page."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp

from headrace.demo.steps import STEPS, Scene, Step
from headrace.errors import HeadraceError


@dataclass(slots=True, kw_only=True)
class Tour:
    """Plays steps, never two at once, and keeps what each has told; `say` is called with every line as well."""

    scene: Scene
    say: Callable[[str], None]
    steps: Sequence[Step] = STEPS
    told: dict[str, list[str]] = field(default_factory=dict)
    playing: Step | None = None
    _task: "asyncio.Task[None] | None" = None

    async def begin(self, key: str) -> bool:
        """Begin a step, and wait until it has told something; return whether it was begun: no other may be playing.

        Raises:
            KeyError: there is no such step.
        """
        step = {each.key: each for each in self.steps}[key]
        if self.playing is not None:
            self.say(f"  {step.key}  Wait until “{self.playing.title}” is over.")
            return False
        self.playing, self.told[key] = step, []
        has_told = asyncio.Event()
        self._task = asyncio.create_task(self._play(step, has_told))
        await has_told.wait()
        return True

    async def end(self) -> None:
        """Stop what is playing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _play(self, step: Step, has_told: asyncio.Event) -> None:
        def tell(line: str) -> None:
            self.told[step.key].append(line)
            self.say(f"  {step.key}  {line}")
            has_told.set()

        try:
            await step.play(self.scene, tell)
        except (HeadraceError, TimeoutError, aiohttp.ClientError) as error:
            # Whoever watches is told, and may play it again.
            tell(f"This did not work: {str(error) or type(error).__name__}")
        finally:
            self.playing = None
            has_told.set()
