"""Users' own tokens: OAuth authorizations and the clients that they may belong to (contract §10.1)."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from headrace.emulator.kit.clock import Clock
from headrace.emulator.world.records import User
from headrace.emulator.world.tokens import make_access_token
from headrace.models import Secret


@dataclass(slots=True, kw_only=True, eq=False)
class OAuthClient:
    """A program that its owner has registered."""

    id: str
    owner: User
    name: str
    redirect_uri: str
    secret: Secret
    created_at: datetime
    updated_at: datetime

    def has_secret(self, text: str) -> bool:
        return hmac.compare_digest(self.secret.reveal().encode(), text.encode())


@dataclass(slots=True, kw_only=True, eq=False)
class Authorization:
    """An access token of a user, which replaces itself but keeps this record. Without `lifetime` it never expires."""

    id: str
    user: User
    access: Secret
    access_id: str
    description: str
    scope: tuple[str, ...]
    client: OAuthClient | None
    lifetime: timedelta | None
    issued_at: datetime
    created_at: datetime
    updated_at: datetime

    @property
    def expires_at(self) -> datetime | None:
        return None if self.lifetime is None else self.issued_at + self.lifetime


@dataclass(slots=True, eq=False)
class AuthorizationBook:
    """Every authorization by its id, by its owner and by its token, and every client by its id."""

    clock: Clock
    clients: dict[str, OAuthClient] = field(default_factory=dict)
    _by_token: dict[str, Authorization] = field(default_factory=dict, repr=False)
    _by_user: dict[str, dict[str, Authorization]] = field(default_factory=dict)

    def find_user(self, access_token: str) -> User | None:
        """Tell whose token this is, as long as it lives."""
        authorization = self._by_token.get(access_token)
        if authorization is None:
            return None
        expires_at = authorization.expires_at
        return authorization.user if expires_at is None or self.clock.now() < expires_at else None

    def of(self, user: User) -> dict[str, Authorization]:
        return self._by_user.get(user.id, {})

    def add(
        self,
        user: User,
        *,
        scope: tuple[str, ...] = ("global",),
        description: str = "",
        client: OAuthClient | None = None,
        lifetime: timedelta | None = None,
        token: Secret | None = None,
        authorization_id: str = "",
        at: datetime | None = None,
    ) -> Authorization:
        """Issue an access token to a user; `token` is what it reads when it is not to be made up."""
        created_at = at or self.clock.now()
        authorization = Authorization(
            id=authorization_id or str(uuid4()),
            user=user,
            access=token or Secret(make_access_token()),
            access_id=str(uuid4()),
            description=description,
            scope=scope,
            client=client,
            lifetime=lifetime,
            issued_at=created_at,
            created_at=created_at,
            updated_at=created_at,
        )
        self._by_token[authorization.access.reveal()] = authorization
        self._by_user.setdefault(user.id, {})[authorization.id] = authorization
        return authorization

    def update(self, authorization: Authorization, *, description: str | None, client: OAuthClient | None) -> None:
        """Change what is given; None leaves a member as it is."""
        authorization.description = authorization.description if description is None else description
        authorization.client = client or authorization.client
        authorization.updated_at = self.clock.now()

    def regenerate(self, authorization: Authorization) -> None:
        """Replace the access token, which ends the old one and begins its lifetime anew."""
        del self._by_token[authorization.access.reveal()]
        authorization.access = Secret(make_access_token())
        authorization.access_id = str(uuid4())
        authorization.issued_at = authorization.updated_at = self.clock.now()
        self._by_token[authorization.access.reveal()] = authorization

    def remove(self, authorization: Authorization) -> None:
        del self._by_token[authorization.access.reveal()]
        del self._by_user[authorization.user.id][authorization.id]

    def add_client(self, owner: User, *, name: str, redirect_uri: str) -> OAuthClient:
        at = self.clock.now()
        client = OAuthClient(
            id=str(uuid4()),
            owner=owner,
            name=name,
            redirect_uri=redirect_uri,
            secret=Secret(str(uuid4())),
            created_at=at,
            updated_at=at,
        )
        self.clients[client.id] = client
        return client

    def update_client(self, client: OAuthClient, *, name: str, redirect_uri: str) -> None:
        client.name = name
        client.redirect_uri = redirect_uri
        client.updated_at = self.clock.now()

    def rotate_secret(self, client: OAuthClient) -> None:
        client.secret = Secret(str(uuid4()))
        client.updated_at = self.clock.now()

    def remove_client(self, client: OAuthClient) -> None:
        """Remove a client; the authorizations that it was given end with it."""
        del self.clients[client.id]
        for authorization in [found for found in self._by_token.values() if found.client is client]:
            self.remove(authorization)
