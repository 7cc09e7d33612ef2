"""An emulated Heroku, assembled: every part of it in one place, for whatever acts on them."""

from dataclasses import dataclass, field
from uuid import uuid4

from headrace.emulator.heroku.partner import PartnerCaller
from headrace.emulator.kit.agenda import Agenda
from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.connections import Connections
from headrace.emulator.kit.faults import FaultBook
from headrace.emulator.kit.switches import Switches
from headrace.emulator.world.authorizations import AuthorizationBook
from headrace.emulator.world.belongings import DrainBuffer
from headrace.emulator.world.flow import FlowBook
from headrace.emulator.world.populate import populate
from headrace.emulator.world.rates import RatePools
from headrace.emulator.world.records import AddonService
from headrace.emulator.world.state import Registry
from headrace.emulator.world.tokens import TokenBook
from headrace.emulator.world.traffic import Traffic
from headrace.emulator.world.world_file import World
from headrace.models import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Heroku:
    """One emulated Heroku, reachable at `url`."""

    url: str
    clock: Clock
    agenda: Agenda
    switches: Switches
    faults: FaultBook
    registry: Registry
    flow: FlowBook
    tokens: TokenBook
    rates: RatePools
    traffic: Traffic
    partner: PartnerCaller
    connections: Connections
    # The seconds in which each add-on's login forms were signed.
    logins: dict[str, set[int]] = field(default_factory=dict)
    # By the id of the drain.
    drain_buffers: dict[str, DrainBuffer] = field(default_factory=dict)

    def reset_secret(self, service: AddonService) -> Secret:
        """Give a service another client secret, as the Partner Portal does: its access tokens end (contract §2.2)."""
        del self.registry.services_by_secret[service.client_secret.reveal()]
        service.client_secret = Secret(str(uuid4()))
        self.registry.services_by_secret[service.client_secret.reveal()] = service
        for addon in self.registry.addons:
            if addon.service is service:
                self.tokens.expire(addon)
        return service.client_secret


def build_heroku(world: World, *, url: str, clock: Clock, switches: Switches, traffic: Traffic) -> Heroku:
    registry = Registry(clock, AuthorizationBook(clock))
    flow = FlowBook()
    populate(registry, flow, world)
    faults = FaultBook(world.faults)
    return Heroku(
        url=url,
        clock=clock,
        agenda=Agenda(clock),
        switches=switches,
        faults=faults,
        registry=registry,
        flow=flow,
        tokens=TokenBook(clock, switches),
        rates=RatePools(clock, switches),
        traffic=traffic,
        partner=PartnerCaller(url=url, clock=clock, switches=switches, faults=faults, traffic=traffic),
        connections=Connections(),
    )
