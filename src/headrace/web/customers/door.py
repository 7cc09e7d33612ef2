"""The door to what customers see: who comes with a session and may look, who sends a form, and what others are told."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from headrace.errors import NotOurForm, Rejected, ResourceGone, SsoRejected, UnknownResource
from headrace.inspector.visibility import Seen
from headrace.protocol.manifest import Manifest
from headrace.web.customers.boards import Boards
from headrace.web.ground.bodies import read_own_form
from headrace.web.ground.pages import MessageContext, show_message
from headrace.web.ground.sessions import Session, Sessions

_TITLES: dict[type[Rejected], str] = {
    SsoRejected: "This login link does not work",
    NotOurForm: "This form does not work",
    UnknownResource: "There is no such resource",
    ResourceGone: "This resource was removed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Lets customers in, each to what they may see."""

    boards: Boards
    sessions: Sessions[Session]
    manifest: Manifest

    async def find_visible(self, request: Request, *, has_session: bool = False) -> tuple[Session, Seen] | Response:
        """Return whoever looks and what they may see, or what to answer.

        `has_session` tells that their session was found not to have ended since they asked.
        """
        session = self.sessions.read(request) if has_session else await self.sessions.find(request)
        if session is None:
            return self.show_no_session()
        seen = await self.boards.find_seen(session.viewer)
        return await self.refuse(request, session) if seen is None else (session, seen)

    async def find_sender(self, request: Request) -> Session | Response:
        """Return the session of whoever sent a form of the board's own, or what to answer."""
        session = await self.sessions.find(request)
        if session is None:
            return self.show_no_session()
        try:
            await read_own_form(request, csrf=session.csrf)
        except Rejected as error:
            return self.show_error(error)
        return session

    async def refuse(self, request: Request, session: Session) -> Response:
        """End the session of somebody who has lost access, and tell them."""
        response = self.show_message(
            "You have no access to this app any more",
            "Heroku says that you are no longer a collaborator of the app you came from.",
            hint=f"Ask the app's owner, or open {self.manifest.name} from another app.",
            status=403,
        )
        await self.sessions.end(request, response, session)
        return response

    def show_no_session(self) -> Response:
        return self.show_message(
            "Open this add-on from Heroku",
            "You are not logged in, or were logged in too long ago.",
            hint=f"Open {self.manifest.name} again from the Resources tab of your app on Heroku, or with the CLI:",
            command=f"heroku addons:open {self.manifest.id} --app your-app",
            status=401,
        )

    def show_error(self, error: Rejected) -> Response:
        title = _TITLES.get(type(error), "This request cannot be read")
        return self.show_message(title, error.message, status=error.status)

    def show_message(self, title: str, text: str, *, status: int, hint: str = "", command: str = "") -> Response:
        context = MessageContext(
            title=title, text=text, hint=hint, command=command, service_name=self.manifest.name, status=status
        )
        return show_message(context)
