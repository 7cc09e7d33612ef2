"""A customer's session: a signed cookie, short-lived, bound to one person and one resource."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

import msgspec
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from headrace.inspector.visibility import Viewer
from headrace.protocol.sso import SsoLogin

COOKIE = "headrace_session"
GOOD_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is looking, at what they were sent to look at. `csrf` is what every form has to bring back."""

    resource_uuid: str
    user_id: str
    email: str
    app: str
    is_proven: bool
    csrf: str

    @property
    def viewer(self) -> Viewer:
        return Viewer(
            resource_uuid=self.resource_uuid, user_id=self.user_id, email=self.email, is_proven=self.is_proven
        )

    def accepts(self, csrf: str) -> bool:
        return hmac.compare_digest(csrf.encode(), self.csrf.encode())


def start_session(login: SsoLogin, *, resource_uuid: str) -> Session:
    return Session(
        resource_uuid=resource_uuid,
        user_id=login.user_id,
        email=login.email,
        app=login.app,
        is_proven=login.is_user_proven,
        csrf=secrets.token_urlsafe(16),
    )


class Sessions:
    """Writes and reads the session cookie. `keys` has the current key first; the others still verify."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        # itsdangerous signs with the last of its keys.
        self._signer = URLSafeTimedSerializer(list(reversed(keys)), salt="headrace session")

    def save(self, response: Response, session: Session, *, is_secure: bool) -> None:
        response.set_cookie(
            COOKIE,
            str(self._signer.dumps(asdict(session))),
            max_age=int(GOOD_FOR.total_seconds()),
            httponly=True,
            secure=is_secure,
            samesite="lax",
        )

    def find(self, request: Request) -> Session | None:
        """Return the session of a request, or None when there is none that is good."""
        try:
            value = self._signer.loads(request.cookies.get(COOKIE, ""), max_age=int(GOOD_FOR.total_seconds()))
            return msgspec.convert(value, Session)
        except (BadData, msgspec.ValidationError):
            return None

    def end(self, response: Response) -> None:
        response.delete_cookie(COOKIE, httponly=True, samesite="lax")
