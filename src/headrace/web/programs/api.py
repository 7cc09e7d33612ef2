"""Every route of `/api`, the API for a partner's own programs, in whatever language."""

from dataclasses import dataclass
from datetime import timedelta

from headrace.hooks.registry import Hooks
from headrace.resources.jobs import Jobs
from headrace.resources.ordering import Orders
from headrace.resources.reading import Resources
from headrace.web.customers.boards import Boards
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.ground.tokens import Tokens
from headrace.web.programs.boards import PersonsBoards
from headrace.web.programs.changes import Changes
from headrace.web.programs.finding import Finding
from headrace.web.programs.gate import Gate
from headrace.web.programs.importing import Importing
from headrace.web.programs.jobs import JobRoutes
from headrace.web.programs.notices import Notices
from headrace.web.programs.ordering import Ordering
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.importing import Imports
from headrace.workflows.lifecycle.operations import Operations


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What the API's routes work with."""

    core: Core
    hooks: Hooks
    imports: Imports
    operations: Operations
    boards: Boards
    tokens: Tokens
    recheck_every: timedelta

    def routes(self) -> list[DescribedRoute]:
        core, database, gate = self.core, self.core.database, Gate(tokens=self.tokens)
        resources = Resources(lambda: core)
        orders = Orders(lambda: core, self.hooks)
        parts = (
            Importing(gate=gate, imports=self.imports, service=core.manifest.id),
            PersonsBoards(gate=gate, boards=self.boards),
            Ordering(gate=gate, database=database, orders=orders, operations=self.operations),
            JobRoutes(gate=gate, database=database, jobs=Jobs(lambda: core, self.hooks)),
            Changes(gate=gate, database=database),
            Notices(gate=gate, database=database, clock=core.clock, recheck_every=self.recheck_every),
            # Last, because a uuid may be anything.
            Finding(gate=gate, database=database, resources=resources),
        )
        return [route for part in parts for route in part.routes()]
