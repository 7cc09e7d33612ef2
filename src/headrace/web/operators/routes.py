"""Every route of the operators: what each page works with, and in which order they stand."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from headrace.clock import Clock
from headrace.models import Secret
from headrace.protocol.manifest import Manifest
from headrace.resources.ordering import Orders
from headrace.store.sql.database import Database
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.ground.sessions import OperatorSession, Sessions
from headrace.web.ground.tokens import Tokens
from headrace.web.operators.deliveries import OperatorDeliveries
from headrace.web.operators.exports import OperatorExports
from headrace.web.operators.frame.guard import Guard
from headrace.web.operators.frame.login import OperatorLogin
from headrace.web.operators.incidents import OperatorIncidents
from headrace.web.operators.notices import OperatorNotices
from headrace.web.operators.orders import OperatorOrders
from headrace.web.operators.overview import OperatorOverview
from headrace.web.operators.pipelines import OperatorPipelines
from headrace.web.operators.report import OperatorReport
from headrace.web.operators.requests import OperatorRequests
from headrace.web.operators.resource_list import OperatorResourceList
from headrace.web.operators.resources import OperatorResources
from headrace.web.operators.sync import OperatorSync
from headrace.web.operators.workflows import OperatorWorkflows
from headrace.workflows.lifecycle.operations import Operations


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """What the operators' routes work with. `secret` is what lets them in."""

    database: Database
    operations: Operations
    orders: Orders
    sessions: Sessions[OperatorSession]
    secret: Secret
    manifest: Manifest
    small_plans: Collection[str]
    recheck_every: timedelta
    keep_requests: timedelta
    clock: Clock
    find_silence: Callable[[], datetime | None]
    tokens: Tokens

    def routes(self) -> list[DescribedRoute]:
        database, small_plans, clock = self.database, self.small_plans, self.clock
        guard = self._build_guard()
        parts = (
            OperatorLogin(guard=guard, database=database, secret=self.secret, clock=clock),
            OperatorOverview(
                guard=guard,
                database=database,
                slug=self.manifest.id,
                small_plans=small_plans,
                recheck_every=self.recheck_every,
                clock=clock,
            ),
            OperatorReport(
                guard=guard,
                database=database,
                service_name=self.manifest.name,
                small_plans=small_plans,
                clock=clock,
            ),
            OperatorPipelines(guard=guard, database=database),
            OperatorResourceList(guard=guard, database=database, small_plans=small_plans),
            OperatorSync(guard=guard, database=database, recheck_every=self.recheck_every, clock=clock),
            OperatorResources(guard=guard, database=database, orders=self.orders, clock=clock),
            OperatorOrders(guard=guard, database=database, operations=self.operations, orders=self.orders),
            OperatorRequests(guard=guard, database=database, kept_for=self.keep_requests, clock=clock),
            OperatorWorkflows(guard=guard, database=database),
            OperatorDeliveries(guard=guard, database=database),
            OperatorIncidents(
                guard=guard,
                database=database,
                operations=self.operations,
                clock=clock,
                recheck_every=self.recheck_every,
            ),
            OperatorNotices(guard=guard, database=database, clock=clock, recheck_every=self.recheck_every),
            OperatorExports(guard=guard, database=database, small_plans=small_plans),
        )
        return [route for part in parts for route in part.routes()]

    def _build_guard(self) -> Guard:
        return Guard(
            sessions=self.sessions,
            service_name=self.manifest.name,
            clock=self.clock,
            database=self.database,
            tokens=self.tokens,
            find_silence=self.find_silence,
        )
