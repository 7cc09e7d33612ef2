"""The emulator: an emulated Heroku, and the one port under which it, its control API and its console are reached."""

from starlette.types import ASGIApp

from headrace.emulator.front.app import build_app
from headrace.emulator.local.app import build_local
from headrace.emulator.local.emulated import EmulatedHeroku


class Emulator(EmulatedHeroku):
    """A stateful local Heroku. Nothing of it reaches Heroku.

    It calls the partners of its world and the URLs of the webhooks that were subscribed to here, nobody else.

    Things are named by name, id, or the record itself. What Heroku would decline raises
    `headrace.emulator.Declined`.
    """

    def asgi(self) -> ASGIApp:
        """Return the ASGI app, whose lifespan lets the emulated Heroku act by itself."""
        return build_app(self._heroku, build_local(self))
