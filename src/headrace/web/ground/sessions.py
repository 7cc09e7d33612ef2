"""Sessions: signed cookies, short-lived. A customer's is bound to one person and one resource.

One that is ended stays so on the server, for every process: a copy of its cookie opens nothing.
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

import msgspec
from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import Response

from headrace.clock import Clock
from headrace.encryption import KeyRing
from headrace.inspector.visibility import Viewer
from headrace.models import Secret
from headrace.protocol.sso import SsoLogin
from headrace.store.sql.database import Database
from headrace.store.state.people.logins import add_ended_session, is_session_ended
from headrace.web.ground.addresses import find_prefix
from headrace.web.ground.bounded import Bounded
from headrace.web.ground.csrf import make_csrf
from headrace.web.ground.origin import is_secure

GOOD_FOR = timedelta(hours=1)
# Of a kilobyte each. What an open board's script brings every few seconds is verified once.
MOST_VERIFIED = 5_000
# Who gave an order, where all operators share a secret.
OPERATOR = "operator"
# A browser takes a cookie of the first kind of name from https and from this very host only: no neighbour can plant
# one. It belongs to the whole host, though; where we share that, the second kind, taken from https, has our own path.
HOST_PREFIX, SHARED_HOST_PREFIX = "__Host-", "__Secure-"


@dataclass(frozen=True, kw_only=True)
class Session:
    """Who is looking, at what they were sent to look at. `csrf` is what every form has to bring back.

    `let_in_at` is the Unix time at which Heroku let them in.
    """

    resource_uuid: str
    user_id: str
    email: str
    app: str
    is_proven: bool
    csrf: str
    # One that an older release began counts against no answer.
    let_in_at: float = 0.0

    @cached_property
    def viewer(self) -> Viewer:
        return Viewer(
            resource_uuid=self.resource_uuid,
            user_id=self.user_id,
            email=self.email,
            is_proven=self.is_proven,
            let_in_at=datetime.fromtimestamp(self.let_in_at, UTC),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSession:
    """Somebody who knew the operators' secret, or had a token of their own: then `by` is its name."""

    csrf: str
    by: str = OPERATOR
    token_id: int | None = None


T = TypeVar("T", Session, OperatorSession)


def start_session(login: SsoLogin, *, resource_uuid: str, now: datetime) -> Session:
    return Session(
        resource_uuid=resource_uuid,
        user_id=login.user_id,
        email=login.email,
        app=login.app,
        is_proven=login.is_user_proven,
        csrf=make_csrf(),
        # By Heroku's clock, which may be ahead.
        let_in_at=min(login.signed_at, now).timestamp(),
    )


class Sessions(Generic[T]):
    """Writes and reads one kind of session. What the cookie holds can be read by its owner, but not altered."""

    def __init__(
        self,
        kind: type[T],
        *,
        database: Database,
        cookie: str,
        signer: URLSafeSerializer,
        same_site: Literal["lax", "strict"],
        clock: Clock,
    ) -> None:
        self._kind: type[T] = kind
        self._database = database
        self._cookie = cookie
        self._signer = signer
        self._same_site = same_site
        self._clock = clock
        # What cookies say that were signed by us, and until when.
        self._verified: Bounded[str, tuple[int, T]] = Bounded(MOST_VERIFIED)

    def save(self, request: Request, response: Response, session: T) -> None:
        ends_at = int((self._clock() + GOOD_FOR).timestamp())
        value = str(self._signer.dumps([ends_at, asdict(session)]))
        self._set(request, response, value, max_age=int(GOOD_FOR.total_seconds()))

    async def find(self, request: Request) -> T | None:
        """Return the session of a request, or None when there is none that is good."""
        session = self.read(request)
        if session is None or await self._database.read(is_session_ended, self.digest(session)):
            return None
        return session

    def read(self, request: Request) -> T | None:
        """Return the session of a request's cookie, which may have been ended since."""
        cookie = request.cookies.get(self._name(request), "")
        verified = self._verified.get(cookie) or self._verify(cookie)
        if verified is None:
            return None
        ends_at, session = verified
        if self._clock().timestamp() < ends_at:
            return session
        self._verified.pop(cookie, None)
        return None

    def _verify(self, cookie: str) -> tuple[int, T] | None:
        """Return what a cookie says, and until when; the same text says the same, so it is asked once."""
        try:
            ends_at, fields = msgspec.convert(self._signer.loads(cookie), tuple[int, dict[str, Any]])
            verified = ends_at, msgspec.convert(fields, self._kind)
        except (BadData, msgspec.ValidationError):
            return None
        self._verified.keep(cookie, verified)
        return verified

    async def end(self, request: Request, response: Response, session: T) -> None:
        """End a session, whoever has its cookie, and have the browser forget it."""
        forgotten_at = self._clock() + GOOD_FOR
        await self._database.write(add_ended_session, self.digest(session), forgotten_at=forgotten_at)
        self.forget(request, response)

    def forget(self, request: Request, response: Response) -> None:
        """Have the browser forget a session's cookie."""
        self._set(request, response, "", max_age=0)

    def digest(self, session: T) -> str:
        """Return what a session is known by once it has ended."""
        # Each session has a token of its own, which nobody can guess.
        return hashlib.sha256(f"{self._cookie} {session.csrf}".encode()).hexdigest()

    def _set(self, request: Request, response: Response, value: str, *, max_age: int) -> None:
        response.set_cookie(
            self._name(request),
            value,
            max_age=max_age,
            path=f"{find_prefix(request)}/",
            httponly=True,
            secure=is_secure(request),
            samesite=self._same_site,
        )

    def _name(self, request: Request) -> str:
        return f"{find_cookie_prefix(request)}{self._cookie}"


def find_cookie_prefix(request: Request) -> str:
    """Return what the names of sessions' cookies begin with where a browser sees them."""
    if not is_secure(request):
        return ""
    return SHARED_HOST_PREFIX if find_prefix(request) else HOST_PREFIX


def keep_customers(keys: KeyRing, *, database: Database, clock: Clock) -> Sessions[Session]:
    """Return the customers' sessions.

    The cookie is `Lax`: a `Strict` one would be missing on the board, to which Heroku's page leads through a redirect.
    """
    signer = build_signer(keys, "session")
    return Sessions(Session, database=database, cookie="headrace_session", signer=signer, same_site="lax", clock=clock)


def keep_operators(keys: KeyRing, secret: Secret, *, database: Database, clock: Clock) -> Sessions[OperatorSession]:
    """Return the operators' sessions, which end when their secret is changed."""
    bound_to = hashlib.sha256(secret.reveal().encode()).hexdigest()
    signer = build_signer(keys, f"operator session {bound_to}")
    return Sessions(
        OperatorSession, database=database, cookie="headrace_operator", signer=signer, same_site="strict", clock=clock
    )


def build_signer(keys: KeyRing, purpose: str) -> URLSafeSerializer:
    """Sign with the current key; what the older ones signed still verifies."""
    # itsdangerous signs with the last of its keys.
    signing = list(reversed(keys.derive_all(purpose)))
    return URLSafeSerializer(signing, salt=f"headrace {purpose}", signer_kwargs={"digest_method": hashlib.sha256})
