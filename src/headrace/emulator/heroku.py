"""What the parts of the emulator share."""

from dataclasses import dataclass, field
from uuid import uuid4

from headrace.emulator.agenda import Agenda
from headrace.emulator.authorizations import AuthorizationBook
from headrace.emulator.clock import Clock
from headrace.emulator.connections import Connections
from headrace.emulator.faults import FaultBook
from headrace.emulator.partner import PartnerCaller
from headrace.emulator.populate import populate
from headrace.emulator.rates import RatePools
from headrace.emulator.records import AddonService
from headrace.emulator.state import Registry
from headrace.emulator.switches import Switches
from headrace.emulator.tokens import TokenBook
from headrace.emulator.traffic import Traffic
from headrace.emulator.world import World
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
    tokens: TokenBook
    rates: RatePools
    traffic: Traffic
    partner: PartnerCaller
    connections: Connections
    # The seconds in which each add-on's login forms were signed.
    logins: dict[str, set[int]] = field(default_factory=dict)

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
    populate(registry, world)
    faults = FaultBook(world.faults)
    return Heroku(
        url=url,
        clock=clock,
        agenda=Agenda(clock),
        switches=switches,
        faults=faults,
        registry=registry,
        tokens=TokenBook(clock, switches),
        rates=RatePools(clock, switches),
        traffic=traffic,
        partner=PartnerCaller(url=url, clock=clock, switches=switches, faults=faults, traffic=traffic),
        connections=Connections(),
    )
