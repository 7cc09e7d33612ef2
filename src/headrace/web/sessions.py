"""Sessions: signed cookies, short-lived. A customer's is bound to one person and one resource."""

import hashlib
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar

import msgspec
from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import Response

from headrace.client import Clock
from headrace.inspector.visibility import Viewer
from headrace.models import Secret
from headrace.protocol.sso import SsoLogin
from headrace.store.seal import KeyRing
from headrace.web.origin import is_secure

GOOD_FOR = timedelta(hours=1)
# A browser takes a cookie of such a name from https and from this very host only: no neighbour can plant one.
HOST_PREFIX = "__Host-"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSession:
    """Somebody who knew the operators' secret."""

    csrf: str


T = TypeVar("T", Session, OperatorSession)


def start_session(login: SsoLogin, *, resource_uuid: str) -> Session:
    return Session(
        resource_uuid=resource_uuid,
        user_id=login.user_id,
        email=login.email,
        app=login.app,
        is_proven=login.is_user_proven,
        csrf=make_csrf(),
    )


def make_csrf() -> str:
    return secrets.token_urlsafe(16)


class Sessions(Generic[T]):
    """Writes and reads one kind of session. What the cookie holds can be read by its owner, but not altered."""

    def __init__(
        self,
        kind: type[T],
        *,
        cookie: str,
        signer: URLSafeSerializer,
        same_site: Literal["lax", "strict"],
        clock: Clock,
    ) -> None:
        self._kind: type[T] = kind
        self._cookie = cookie
        self._signer = signer
        self._same_site = same_site
        self._clock = clock

    def save(self, request: Request, response: Response, session: T) -> None:
        ends_at = int((self._clock() + GOOD_FOR).timestamp())
        value = str(self._signer.dumps([ends_at, asdict(session)]))
        self._set(request, response, value, max_age=int(GOOD_FOR.total_seconds()))

    def find(self, request: Request) -> T | None:
        """Return the session of a request, or None when there is none that is good."""
        try:
            loaded = self._signer.loads(request.cookies.get(self._name(request), ""))
            ends_at, fields = msgspec.convert(loaded, tuple[int, dict[str, Any]])
            return msgspec.convert(fields, self._kind) if self._clock().timestamp() < ends_at else None
        except (BadData, msgspec.ValidationError):
            return None

    def end(self, request: Request, response: Response) -> None:
        self._set(request, response, "", max_age=0)

    def _set(self, request: Request, response: Response, value: str, *, max_age: int) -> None:
        response.set_cookie(
            self._name(request),
            value,
            max_age=max_age,
            httponly=True,
            secure=is_secure(request),
            samesite=self._same_site,
        )

    def _name(self, request: Request) -> str:
        return f"{HOST_PREFIX}{self._cookie}" if is_secure(request) else self._cookie


def keep_customers(keys: KeyRing, *, clock: Clock) -> Sessions[Session]:
    """Return the customers' sessions.

    The cookie is `Lax`: a `Strict` one would be missing on the board, to which Heroku's page leads through a redirect.
    """
    signer = build_signer(keys, "session")
    return Sessions(Session, cookie="headrace_session", signer=signer, same_site="lax", clock=clock)


def keep_operators(keys: KeyRing, secret: Secret, *, clock: Clock) -> Sessions[OperatorSession]:
    """Return the operators' sessions, which end when their secret is changed."""
    bound_to = hashlib.sha256(secret.reveal().encode()).hexdigest()
    signer = build_signer(keys, f"operator session {bound_to}")
    return Sessions(OperatorSession, cookie="headrace_operator", signer=signer, same_site="strict", clock=clock)


def build_signer(keys: KeyRing, purpose: str) -> URLSafeSerializer:
    """Sign with the current key; what the older ones signed still verifies."""
    # itsdangerous signs with the last of its keys.
    signing = list(reversed(keys.derive_all(purpose)))
    return URLSafeSerializer(signing, salt=f"headrace {purpose}", signer_kwargs={"digest_method": hashlib.sha256})
