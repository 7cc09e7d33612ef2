"""What everything that happens to a resource stands on, as one value."""

import asyncio
from dataclasses import dataclass, field

from headrace.clock import Clock
from headrace.protocol.manifest import Manifest
from headrace.store.sql.database import Database
from headrace.store.state.secrets import SecretStore
from headrace.workflows.engine.port import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The five parts that a call of Heroku's and every workflow need; whatever else one needs, it is handed.

    Who says once in the log what may befall many resources at the same moment does it under the lock `telling`.
    """

    manifest: Manifest
    database: Database
    secrets: SecretStore
    engine: Engine
    clock: Clock
    telling: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False, compare=False)
